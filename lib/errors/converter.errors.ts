import { defineError } from './rocket-error.js';

export class PayloadError extends defineError<{ payload: string; reason: string }>({
  code: 'PAYLOAD_ILLEGAL',
  meaning: 'A payload can not be turned into bytes, or bytes can not be turned into the payload that was asked for.',
  remedy:
    'Send what JSON can hold, a string or bytes; ask for the type that was sent; or give a converter of your own.',
  message: ({ payload, reason }) => `${payload} can not be converted: ${reason}.`,
}) {}

export class PayloadUnreadableError extends defineError<{
  listener: string;
  topic: string;
  msgId: string;
  reason: string;
}>({
  code: 'PAYLOAD_UNREADABLE',
  meaning: "The body of a message can not be turned into the listener's payloadType. It counts as a failed delivery.",
  remedy: "Correct the listener's payloadType or the sender; the message comes again until it is a dead letter.",
  message: ({ listener, topic, msgId, reason }) =>
    `Message ${msgId} of topic "${topic}" could not be handed to ${listener}: ${reason}`,
}) {}
