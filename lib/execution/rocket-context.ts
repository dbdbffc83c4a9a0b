import type { ArgumentsHost } from '@nestjs/common';
import { receivedHeaders, type MessageHeaders } from '../converter/index.js';
import type { MessageExt } from '../engine/index.js';
import { RocketContextMissingError } from '../errors/index.js';

/** What `ArgumentsHost.getType()` says where a guard, interceptor, filter or parameter decorator runs for a message. */
export const ROCKET_CONTEXT_TYPE = 'rocket';

/** True where a guard, interceptor, filter or parameter decorator runs for a message and not for a request. */
export function isRocketContext(host: ArgumentsHost): boolean {
  return host.getType<string>() === ROCKET_CONTEXT_TYPE;
}

/** Whom a message is delivered to. */
export interface ContextListener {
  readonly consumerGroup: string;
  readonly listener: string;
  readonly listenerId: string;
}

/**
 * One delivery of a message to a listener. Guards, interceptors and filters get it by {@link RocketContext.from}, handlers by `@RocketCtx()`, request-scoped
 * providers by injecting this class.
 *
 * @publicApi
 */
export class RocketContext {
  /** What is delivered. To a batch listener: the first message of the batch. */
  readonly message: MessageExt;
  /** All that is delivered at once: one message, or a batch. */
  readonly messages: readonly MessageExt[];
  /** The group for which it is delivered. */
  readonly consumerGroup: string;
  /** The listener, as logs and errors name it: class, method, module. */
  readonly listener: string;
  /** The listener's `id`. */
  readonly listenerId: string;
  #headers: MessageHeaders | undefined;

  constructor(delivered: MessageExt | readonly MessageExt[], to: ContextListener) {
    const messages: readonly MessageExt[] = isList(delivered) ? delivered : [delivered];
    this.messages = messages;
    this.message = messages[0]!;
    this.consumerGroup = to.consumerGroup;
    this.listener = to.listener;
    this.listenerId = to.listenerId;
  }

  /** The topic that the message was sent to. */
  get topic(): string {
    return this.message.topic;
  }

  /** 1 at the first delivery of the message, 2 at its first retry. */
  get attempt(): number {
    return this.message.reconsumeTimes + 1;
  }

  /**
   * The application's properties, and RocketMQ's fields under the names of `RocketHeaders`. A strategy for durable providers that looks at
   * `request.headers` finds its header here.
   */
  get headers(): MessageHeaders {
    return (this.#headers ??= receivedHeaders(this.message));
  }

  /**
   * @param host what a guard, interceptor, filter or parameter decorator was given
   * @throws RocketContextMissingError when it does not run for a message; ask {@link isRocketContext} first where that can be
   */
  static from(host: ArgumentsHost): RocketContext {
    const context: unknown = isRocketContext(host) ? host.getArgByIndex(1) : undefined;
    if (context instanceof RocketContext) return context;
    throw new RocketContextMissingError({ contextType: host.getType<string>() });
  }
}

function isList(message: MessageExt | readonly MessageExt[]): message is readonly MessageExt[] {
  return Array.isArray(message);
}
