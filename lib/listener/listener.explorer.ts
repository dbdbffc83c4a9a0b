import { Inject, Injectable } from '@nestjs/common';
import { ListenerInvalidError } from '../errors/index.js';
import { RocketDiscovery, labelOf, type DiscoveredInstance } from '../rocket.discovery.js';
import type { ListenerDefinition } from './listener-definition.js';
import { ListenerMetadataAccessor, type ListenerDeclaration } from './listener-metadata.accessor.js';
import { resolveListenerOptions } from './listener-options.js';

/** Finds what is decorated with `@MessageListener` in the app. */
@Injectable()
export class ListenerExplorer {
  readonly #discovery: RocketDiscovery;
  readonly #metadata: ListenerMetadataAccessor;

  constructor(
    @Inject(RocketDiscovery) discovery: RocketDiscovery,
    @Inject(ListenerMetadataAccessor) metadata: ListenerMetadataAccessor,
  ) {
    this.#discovery = discovery;
    this.#metadata = metadata;
  }

  /** @throws ListenerInvalidError, ListenerOptionError, UnknownOptionError */
  explore(): readonly ListenerDefinition[] {
    this.#refuseScoped();
    return this.#discovery
      .instances()
      .flatMap((found) =>
        this.#metadata.declarationsOf(found.type).map((declaration) => defineListener(found, declaration)),
      );
  }

  /** A decorated class that nobody ever calls would be the worst outcome, so it keeps the app from starting. */
  #refuseScoped(): void {
    for (const { type, name, scope } of this.#discovery.scoped()) {
      if (this.#metadata.declarationsOf(type).length === 0) continue;
      throw new ListenerInvalidError({
        listener: name,
        reason: `it is ${scope}, itself or through what it injects; a listener must be a singleton`,
      });
    }
  }
}

function defineListener(found: DiscoveredInstance, declaration: ListenerDeclaration): ListenerDefinition {
  const { methodName, options } = declaration;
  const instance = found.instance as Record<string, unknown>;
  const name = labelOf(found, isOwnMethod(methodName) ? undefined : methodName);
  if (typeof instance[methodName] !== 'function') {
    throw new ListenerInvalidError({ listener: name, reason: `it has no method ${signatureOf(methodName)}` });
  }
  return {
    name,
    options: resolveListenerOptions(name, options),
    // Looked up at each call, so that a spy which a test sets on the instance is called.
    invoke: (...args: readonly unknown[]): unknown =>
      (instance[methodName] as (...args: readonly unknown[]) => unknown).call(instance, ...args),
  };
}

const isOwnMethod = (methodName: string): boolean => methodName === 'onMessage' || methodName === 'onMessages';

const signatureOf = (methodName: string): string =>
  methodName === 'onMessages'
    ? 'onMessages(payloads, messages), which a listener with batchSize has'
    : `${methodName}(payload, message)`;
