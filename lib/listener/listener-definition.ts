import type { PayloadType } from '../converter/index.js';
import type { ConsumeFromWhere, MessageExt, MessageModel, SubscriptionSpec } from '../engine/index.js';

/** A listener's options, checked and with all defaults. */
export interface ResolvedListenerOptions extends Omit<SubscriptionSpec, 'handler'> {
  readonly consumerGroup: string;
  readonly messageModel: MessageModel;
  readonly consumeFromWhere: ConsumeFromWhere;
  readonly consumeTimestampMs: number | undefined;
  readonly payloadType: PayloadType | undefined;
}

/** A handler that was found in the app, and what it consumes. */
export interface ListenerDefinition {
  /** For people: class, method, and the module that provides it. */
  readonly name: string;
  readonly options: ResolvedListenerOptions;
  /** Calls the method on its instance. */
  invoke(payload: unknown, message: MessageExt): unknown;
}
