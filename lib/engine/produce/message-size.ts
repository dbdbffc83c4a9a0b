import type { Message } from '../types/index.js';
import { propertiesTextOf } from './message-draft.js';

/** Five 32-bit fields and the 16-bit length of the properties (`MessageDecoder.encodeMessage`). */
const FIXED_BYTES = 22;
/** Stands for an id that the message does not have yet: all are of one length. */
const ANY_ID = '0'.repeat(32);

/**
 * The room that a message takes in a batch, in bytes: RocketMQ's clients send body, properties and fixed fields of all messages as one body, whose size is
 * limited by `maxMessageSizeBytes`.
 */
export function batchSizeOf(message: Message): number {
  return FIXED_BYTES + message.body.byteLength + Buffer.byteLength(propertiesOf(message));
}

/** The properties of a message in their text form, as long as they will be. */
export function propertiesOf(message: Message): string {
  return propertiesTextOf(message, ANY_ID, message.waitStoreMsgOK ?? true);
}
