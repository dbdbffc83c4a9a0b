import { defineError } from './rocket-error.js';

export class PayloadError extends defineError<{ payload: string; reason: string }>({
  code: 'PAYLOAD_ILLEGAL',
  meaning: 'A payload can not be turned into bytes, or bytes can not be turned into the payload that was asked for.',
  remedy:
    'Send what JSON can hold, a string or bytes; ask for the type that was sent; or give a converter of your own.',
  message: ({ payload, reason }) => `${payload} can not be converted: ${reason}.`,
}) {}

export class ReplyIllegalError extends defineError<{
  listener: string;
  topic: string;
  msgId: string;
  reason: string;
}>({
  code: 'REPLY_ILLEGAL',
  meaning: 'What a listener with replies returned can not be sent as a reply. It counts as a failed delivery.',
  remedy: 'Return what JSON can hold, a string or bytes; undefined and null are no replies.',
  message: ({ listener, topic, msgId, reason }) =>
    `The reply of ${listener} to message ${msgId} of topic "${topic}" could not be sent: ${reason}`,
}) {}

export class ReplyUnreadableError extends defineError<{ topic: string; reason: string }>({
  code: 'REPLY_UNREADABLE',
  meaning: 'The reply to a request can not be turned into the replyType. The request was handled.',
  remedy: 'Correct the replyType or what the listener returns.',
  message: ({ topic, reason }) => `The reply to a request to topic "${topic}" can not be used: ${reason}`,
}) {}

export class PayloadUnreadableError extends defineError<{
  listener: string;
  topic: string;
  msgId: string;
  reason: string;
}>({
  code: 'PAYLOAD_UNREADABLE',
  meaning:
    "The body of a message can not be turned into the listener's payloadType. It goes where the listener's onUnreadablePayload says: to retry, by default.",
  remedy: "Correct the listener's payloadType or the sender.",
  message: ({ listener, topic, msgId, reason }) =>
    `Message ${msgId} of topic "${topic}" could not be handed to ${listener}: ${reason}`,
}) {}
