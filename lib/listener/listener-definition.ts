import type { PayloadType } from '../converter/index.js';
import type { ConsumeFromWhere, MessageModel, SubscriptionSpec } from '../engine/index.js';
import type { ContextListener, Delivery, RefusalAction } from '../execution/index.js';

/** A listener's options, checked and with all defaults. */
export interface ResolvedListenerOptions extends Omit<SubscriptionSpec, 'handler' | 'batchHandler'> {
  /** Messages come in arrays, also where `batchSize` is 1. */
  readonly isBatch: boolean;
  readonly id: string;
  readonly consumerGroup: string;
  readonly messageModel: MessageModel;
  readonly consumeFromWhere: ConsumeFromWhere;
  readonly consumeTimestampMs: number | undefined;
  readonly payloadType: PayloadType | undefined;
  /** What the handler returns is the answer to a request. */
  readonly replies: boolean;
  readonly onUnreadablePayload: RefusalAction;
  readonly onInvalidPayload: RefusalAction;
  readonly onForbidden: RefusalAction;
}

/** A handler that was found in the app, and what it consumes. */
export interface ListenerDefinition {
  /** For people: class, method, and the module that provides it. */
  readonly name: string;
  readonly options: ResolvedListenerOptions;
  /** Calls the method on its instance: with a payload and its message, or with arrays of both and what may be said of single messages. */
  invoke(...delivery: Delivery): unknown;
}

/** What a delivery says of the listener that it is for. */
export function contextOf({ name, options }: ListenerDefinition): ContextListener {
  return { listener: name, listenerId: options.id, consumerGroup: options.consumerGroup };
}
