import { RocketMessage } from '../converter/index.js';

/**
 * A payload that nobody else changes: bytes are copied. Who sends one-way goes on before the message is stored, and may fill its buffer anew.
 */
export function ownBytes(payloadOrMessage: unknown): unknown {
  if (payloadOrMessage instanceof Uint8Array) return Buffer.from(payloadOrMessage);
  if (payloadOrMessage instanceof RocketMessage && payloadOrMessage.payload instanceof Uint8Array) {
    return new RocketMessage(Buffer.from(payloadOrMessage.payload), payloadOrMessage.headers);
  }
  return Array.isArray(payloadOrMessage) && payloadOrMessage.every((each) => each instanceof RocketMessage)
    ? payloadOrMessage.map((each) => ownBytes(each))
    : payloadOrMessage;
}
