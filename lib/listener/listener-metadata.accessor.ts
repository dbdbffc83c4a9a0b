import { Injectable } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import type { DeclaredListenerOptions } from '../decorators/message-listener.decorator.js';
import { MESSAGE_LISTENER_METADATA } from '../rocket.constants.js';
import type { DecoratedClass } from '../rocket.discovery.js';

/** One use of `@MessageListener` on a class. */
export interface ListenerDeclaration {
  /** The method that handles. When the class is decorated: `onMessage`, or `onMessages` when there is a batch size. */
  readonly methodName: string;
  readonly options: DeclaredListenerOptions;
}

/** The only reader of what `@MessageListener` leaves at classes and methods. */
@Injectable()
export class ListenerMetadataAccessor {
  readonly #scanner = new MetadataScanner();

  declarationsOf(type: DecoratedClass): readonly ListenerDeclaration[] {
    return [...declarationsAt(type, undefined), ...this.#methodDeclarations(type)];
  }

  #methodDeclarations(type: DecoratedClass): readonly ListenerDeclaration[] {
    const prototype = type.prototype as Record<string, unknown> | undefined;
    if (prototype === undefined) return [];
    return this.#scanner
      .getAllMethodNames(prototype)
      .flatMap((methodName) => declarationsAt(prototype[methodName] as object, methodName));
  }
}

/** @param method undefined: the target is a class */
function declarationsAt(target: object, method: string | undefined): readonly ListenerDeclaration[] {
  const found = (Reflect.getMetadata(MESSAGE_LISTENER_METADATA, target) ?? []) as readonly DeclaredListenerOptions[];
  return found.map((options) => {
    const methodName = method ?? (options.batchSize === undefined ? 'onMessage' : 'onMessages');
    return { methodName, options };
  });
}
