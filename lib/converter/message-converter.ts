import type { MessageExt } from '../engine/index.js';
import type { PayloadType } from './payload-type.js';
import type { MessageHeaders } from './rocket-message.js';

/** A payload as bytes. */
export interface EncodedPayload {
  readonly body: Uint8Array;
  /** Becomes the message's user property `contentType`; left out when undefined. */
  readonly contentType?: string | undefined;
}

/** What a converter may look at when it makes a payload from a stored message. */
export type EncodedMessage = Pick<MessageExt, 'topic' | 'body' | 'tags' | 'properties'>;

/**
 * Turns payloads into bytes and back. Set one as the module's `converter` option to send something other than text, bytes and
 * JSON.
 *
 * A throw in `toBody` refuses the send. A throw in `fromBody` is a payload that can not be read: the message goes where the listener's `onUnreadablePayload` says. So is a
 * promise: both give their result at once.
 */
export interface MessageConverter {
  toBody(payload: unknown, headers: MessageHeaders): EncodedPayload;
  fromBody(message: EncodedMessage, payloadType: PayloadType | undefined): unknown;
}
