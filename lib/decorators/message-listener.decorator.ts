import type { PayloadType } from '../converter/index.js';
import type { BatchContext, ConsumeFromWhere, ConsumeMode, MessageExt, MessageModel } from '../engine/index.js';
import { ListenerInvalidError, ListenerOptionError } from '../errors/index.js';
import type { Configurable } from '../rocket.config.js';
import { MESSAGE_LISTENER_METADATA } from '../rocket.constants.js';
import { anObject } from '../rocket.option-rules.js';

/** What a listener consumes, and how. Names and defaults are RocketMQ's unless said otherwise. */
export interface MessageListenerOptions {
  /** Its name in `RocketListenerRegistry`, one of its own in the app. Default `topic@consumerGroup`. */
  readonly id?: string | undefined;
  /** The store of the app that it consumes from, by the `name` of its `RocketModule.forRoot`. Default: the one without a name. */
  readonly store?: string | undefined;
  /** The topic to consume. */
  readonly topic: string;
  /** Its members share the messages. Listeners of one group on different topics of an app are one member of it. */
  readonly consumerGroup: string;
  /** What `selectorExpression` is. Default `TAG`. */
  readonly selectorType?: 'TAG' | 'SQL92' | undefined;
  /** TAG: `*` (default), or tags joined by `||`. SQL92: a condition on the properties. */
  readonly selectorExpression?: string | undefined;
  /** CONCURRENTLY (default), or ORDERLY: one at a time per queue, in order, also through retries. */
  readonly consumeMode?: ConsumeMode | undefined;
  /** CLUSTERING (default), or BROADCASTING: every member gets every message, and none is retried. One for all listeners of a group. */
  readonly messageModel?: MessageModel | undefined;
  /** Handlers that run at the same time. 1 to 10,000, default 20. RocketMQ: `consumeThreadNumber`. */
  readonly concurrency?: number | undefined;
  /** Retries after the first delivery, then the message is a dead letter. Default −1: 16 (concurrent), without end (orderly). */
  readonly maxReconsumeTimes?: number | undefined;
  /** Wait before a concurrent retry. −1: dead letter at once, 0 (default): level 3 + attempt, 1 to 18: always that delay level. */
  readonly delayLevelWhenNextConsume?: number | undefined;
  /** Wait of an orderly queue before it tries a failed message again, in milliseconds. 10 to 30,000, default 1000. */
  readonly suspendCurrentQueueTimeMs?: number | undefined;
  /**
   * How long a handler may take, in milliseconds. Default 900,000 (15 minutes). A concurrent one that takes longer is given up: the message is retried after 10 s, its
   * place is free, and what it still answers is ignored. An orderly one is logged and waited for. RocketMQ: `consumeTimeout`, in minutes.
   */
  readonly consumeTimeoutMs?: number | undefined;
  /**
   * Makes it a listener of batches: it is called with arrays, of at most so many messages of one queue. 1 to 1024. It gets what is there; nothing waits for
   * more to come. A class then has `onMessages`, see {@link RocketBatchListener}. Default: one message at a time. RocketMQ: `consumeMessageBatchMaxSize`.
   */
  readonly batchSize?: number | undefined;
  /** Where a group that has no stored position begins. Default `CONSUME_FROM_LAST_OFFSET`. One for all listeners of a group. */
  readonly consumeFromWhere?: ConsumeFromWhere | undefined;
  /** For `CONSUME_FROM_TIMESTAMP`: epoch ms. Default: half an hour before the app starts. */
  readonly consumeTimestampMs?: number | undefined;
  /** Most messages that are fetched ahead of the handlers, per queue. Default 1000. */
  readonly pullThresholdForQueue?: number | undefined;
  /** Most bytes that are fetched ahead of the handlers, per queue. Default 100 MiB. */
  readonly pullThresholdSizeForQueueBytes?: number | undefined;
  /** What the payload is made into; see {@link PayloadType}. Default: what the message's content type says. */
  readonly payloadType?: PayloadType | undefined;
  /**
   * `true`: what the handler returns is sent to the one who asked with `sendAndReceive`; see {@link RocketReplyListener}. Default false: what it returns means nothing. Not with
   * `batchSize`. A type parameter tells this in RocketMQ's Spring listener, but types are gone when the app runs.
   */
  readonly replies?: boolean | undefined;
  /**
   * What becomes of a message whose payload can not be made of its body. `RETRY` (default): as when the handler throws, so that a corrected app still gets it. `DEAD_LETTER`
   * and `DISCARD`: as for `onInvalidPayload`.
   */
  readonly onUnreadablePayload?: 'DEAD_LETTER' | 'RETRY' | 'DISCARD' | undefined;
  /**
   * What becomes of a message whose payload is refused by a pipe, such as ValidationPipe. `DEAD_LETTER` (default): at once, with the reasons in the
   * dead letter's properties `DLQ_REASON` and `DLQ_DETAIL`. `RETRY`: as when the handler throws. `DISCARD`: done, with a line in the log.
   */
  readonly onInvalidPayload?: 'DEAD_LETTER' | 'RETRY' | 'DISCARD' | undefined;
  /** What becomes of a message that a guard refuses. The same choice. Default `DEAD_LETTER`. */
  readonly onForbidden?: 'DEAD_LETTER' | 'RETRY' | 'DISCARD' | undefined;
}

/**
 * What a class with `@MessageListener` implements.
 *
 * Return (or resolve) → done. Throw (or reject) → the message comes again. Throw `NonRetryableError` → dead letter at once. Return
 * `RECONSUME_LATER` → it comes again, without an error in the log.
 */
export interface RocketListener<T = unknown> {
  onMessage(payload: T, message: MessageExt): unknown;
}

/**
 * What a class with `@MessageListener({ replies: true, … })` implements: it answers requests, which are sent by `RocketTemplate.sendAndReceive`.
 *
 * Return (or resolve) → the value is the reply, and the message is done. Anything that the converter takes can be a reply; undefined and null can not, and count as a throw. Throw (or
 * reject) → there is no reply, and the message comes again: who asked gets the reply of a later attempt if it comes in time, else a `RequestTimeoutError`. Messages
 * that were not sent as requests are handled, too; what is returned for them goes nowhere.
 */
export interface RocketReplyListener<T = unknown, R = unknown> {
  onMessage(payload: T, message: MessageExt): R | Promise<R>;
}

/**
 * What a class with `@MessageListener({ batchSize, … })` implements.
 *
 * Both arrays have the same length and order. A message whose payload can not be made is left out and retried by itself.
 *
 * Return (or resolve) → all are done. Return an integer n → the first n are done and the others come again. Throw (or reject), or return `RECONSUME_LATER` → all
 * come again. Throw `NonRetryableError` → all are dead letters at once. `context.fail(message, reason)` lets one message fail, whatever becomes of the others. See the
 * docs on batches for orderly ones.
 */
export interface RocketBatchListener<T = unknown> {
  onMessages(payloads: T[], messages: MessageExt[], context: BatchContext): unknown;
}

/**
 * What `@MessageListener` takes: options, and functions that read them from the configuration when the app starts. In texts `${name}` and `${name:default}` stand for a
 * value of the configuration. The app does not start when one gives a value that can not be used.
 */
export type DeclaredListenerOptions = Omit<MessageListenerOptions, 'topic' | keyof ConfigurableOptions> & {
  /** The topic to consume, or several: each is a listener, and all have the same other options. With an `id`, theirs are `id:topic`. */
  readonly topic: Configurable<string | readonly string[]>;
} & { readonly [Name in keyof ConfigurableOptions]: Configurable<ConfigurableOptions[Name]> };

type ConfigurableOptions = Pick<
  MessageListenerOptions,
  | 'consumerGroup'
  | 'selectorType'
  | 'selectorExpression'
  | 'consumeMode'
  | 'messageModel'
  | 'concurrency'
  | 'maxReconsumeTimes'
  | 'delayLevelWhenNextConsume'
  | 'suspendCurrentQueueTimeMs'
  | 'consumeTimeoutMs'
  | 'consumeFromWhere'
  | 'consumeTimestampMs'
  | 'pullThresholdForQueue'
  | 'pullThresholdSizeForQueueBytes'
  | 'onUnreadablePayload'
  | 'onInvalidPayload'
  | 'onForbidden'
>;

/** The same for a listener that is called with arrays. */
export type DeclaredBatchListenerOptions = DeclaredListenerOptions & { readonly batchSize: number };

/** The options of a listener that is called with arrays. */
export interface BatchListenerOptions extends MessageListenerOptions {
  readonly batchSize: number;
}

/** Decorates a class that has `onMessage`, or any method. Parameter decorators may give it what it takes, so its parameters can be any. */
export interface MessageListenerDecorator {
  (target: abstract new (...args: never[]) => { onMessage(...args: never[]): unknown }): void;
  (target: object, method: string | symbol, descriptor: PropertyDescriptor): void;
}

/** Decorates a class that has `onMessages`, or any method. */
export interface BatchListenerDecorator {
  (
    target: abstract new (...args: never[]) => {
      onMessages(...args: never[]): unknown;
    },
  ): void;
  (target: object, method: string | symbol, descriptor: PropertyDescriptor): void;
}

/**
 * Makes a provider or controller a consumer of messages: a class through its `onMessage` (with `batchSize`: `onMessages`), or one of its methods. May be used more than
 * once on the same class or method.
 *
 * @example
 * ```ts
 * @MessageListener({ topic: 'orders', consumerGroup: 'billing', payloadType: Order })
 * export class BillingListener implements RocketListener<Order> {
 *   async onMessage(order: Order, message: MessageExt) {}
 * }
 * ```
 *
 * @publicApi
 */
export function MessageListener(options: DeclaredBatchListenerOptions): BatchListenerDecorator;
export function MessageListener(options: DeclaredListenerOptions): MessageListenerDecorator;
export function MessageListener(options: DeclaredListenerOptions): MessageListenerDecorator & BatchListenerDecorator {
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (method === undefined) {
      requireOptions(options, nameOf(target));
      addListenerMetadata(target, options);
      return;
    }
    const place = `${nameOf(target)}.${String(method)}`;
    if (typeof target === 'function') throw new ListenerInvalidError({ listener: place, reason: 'it is static' });
    if (typeof method === 'symbol') throw new ListenerInvalidError({ listener: place, reason: 'its name is a symbol' });
    if (typeof descriptor?.value !== 'function') {
      throw new ListenerInvalidError({ listener: place, reason: 'it is not a method' });
    }
    requireOptions(options, place);
    addListenerMetadata(descriptor.value as object, options);
  };
}

/** What comes from a file of constants may not be there yet, when files import each other. */
function requireOptions(options: unknown, listener: string): void {
  if (anObject.accepts(options)) return;
  throw new ListenerOptionError({ listener, option: 'options', value: options, expected: anObject.expected });
}

/** Own metadata only: a class that is decorated itself does not also consume what its parent class consumes. */
function addListenerMetadata(target: object, options: DeclaredListenerOptions): void {
  const before = (Reflect.getOwnMetadata(MESSAGE_LISTENER_METADATA, target) ??
    []) as readonly DeclaredListenerOptions[];
  Reflect.defineMetadata(MESSAGE_LISTENER_METADATA, [options, ...before], target);
}

function nameOf(target: object): string {
  return typeof target === 'function' ? target.name : target.constructor.name;
}
