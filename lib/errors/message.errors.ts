import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class MessageIllegalError extends defineError<{ field: string; value: unknown; reason: string }>({
  code: 'MESSAGE_ILLEGAL',
  meaning: 'A message, or an argument of a send, breaks a rule of RocketMQ. Nothing was stored.',
  remedy: 'Correct the field and send again.',
  message: ({ field, value, reason }) => `The message was refused: ${field} is ${describe(value)}, but ${reason}.`,
}) {}

export class MessageTooLargeError extends defineError<{ field: string; sizeBytes: number; limitBytes: number }>({
  code: 'MESSAGE_TOO_LARGE',
  meaning: 'The body or the properties of a message are over their limit. Nothing was stored.',
  remedy: 'Send less, or store the data elsewhere and send a reference.',
  message: ({ field, sizeBytes, limitBytes }) =>
    `The message was refused: its ${field} is ${sizeBytes} bytes, the limit is ${limitBytes}.`,
}) {}

export class SendTimeoutError extends defineError<{ topic: string; timeoutMs: number }>({
  code: 'SEND_TIMEOUT',
  meaning: 'A send was not acknowledged within its timeout. The message may still be stored.',
  remedy: 'Send again if a repeated message does no harm, or raise timeoutMs.',
  message: ({ topic, timeoutMs }) => `The send to topic "${topic}" was not acknowledged within ${timeoutMs} ms.`,
}) {}

export class RequestTimeoutError extends defineError<{ topic: string; timeoutMs: number }>({
  code: 'REQUEST_TIMEOUT',
  meaning: 'A request was not answered within its timeout. It may still be handled; its answer is then dropped.',
  remedy: 'See that a reply listener consumes the topic, or raise timeoutMs.',
  message: ({ topic, timeoutMs }) => `The request to topic "${topic}" was not answered within ${timeoutMs} ms.`,
}) {}

export class NotARequestError extends defineError<{ msgId: string; topic: string }>({
  code: 'NOT_A_REQUEST',
  meaning: 'A message that was not sent as a request can not be answered.',
  remedy: 'Send it with sendAndReceive, or consume it with a listener that answers nothing.',
  message: ({ msgId, topic }) => `Message ${msgId} of topic "${topic}" asks for no answer.`,
}) {}

export class CompressionUnsupportedError extends defineError<{ msgId: string; type: string }>({
  code: 'COMPRESSION_UNSUPPORTED',
  meaning: 'The body of a message was compressed by another client in a way that can not be undone here.',
  remedy: 'Let its sender use ZLIB, or no compression.',
  message: ({ msgId, type }) => `The body of message ${msgId} is compressed with ${type}.`,
}) {}

export class TopicNotExistError extends defineError<{ topic: string }>({
  code: 'TOPIC_NOT_EXIST',
  meaning: 'The topic does not exist, and is not created by what was asked for.',
  remedy: 'Create the topic, or correct its name. Sending creates topics when autoCreateTopics is true.',
  message: ({ topic }) => `Topic "${topic}" does not exist.`,
}) {}

export class NoPermissionError extends defineError<{ topic: string; operation: 'send' | 'consume' }>({
  code: 'NO_PERMISSION',
  meaning: 'The permission of the topic forbids this operation.',
  remedy: "Change the topic's permission, or use another topic.",
  message: ({ topic, operation }) => `Topic "${topic}" does not permit to ${operation}.`,
}) {}

export class TimerDelayTooLongError extends defineError<{ delayMs: number; maxDelayMs: number }>({
  code: 'TIMER_DELAY_TOO_LONG',
  meaning: 'A message was to be delivered later than timerMaxDelayMs allows. Nothing was stored.',
  remedy: 'Choose an earlier time, or raise timerMaxDelayMs (up to 40 days).',
  message: ({ delayMs, maxDelayMs }) =>
    `The message was refused: it would be delivered in ${delayMs} ms, the limit is ${maxDelayMs} ms.`,
}) {}

export class RecallHandleIllegalError extends defineError<{ handle: unknown; reason: string }>({
  code: 'RECALL_HANDLE_ILLEGAL',
  meaning: 'A recall handle is none, or no waiting message belongs to it. Nothing was changed.',
  remedy: 'Give the topic and the recallHandle of the SendResult of the delayed message, to the broker that stored it.',
  message: ({ handle, reason }) =>
    `The message was not recalled: the handle ${describe(handle)} is no good, ${reason}.`,
}) {}

export class RecallTooLateError extends defineError<{ topic: string; msgId: string; deliverAtMs: number }>({
  code: 'RECALL_TOO_LATE',
  meaning: 'A delayed message was to be taken back when it was due, or had been delivered.',
  remedy: 'Recall it earlier, or let its consumer find out that it is not wanted any more.',
  message: ({ topic, msgId, deliverAtMs }) =>
    `Message ${msgId} of topic "${topic}" was not recalled: it was due at ${deliverAtMs}.`,
}) {}

export class AlreadyRecalledError extends defineError<{ topic: string; msgId: string }>({
  code: 'ALREADY_RECALLED',
  meaning: 'A delayed message was to be taken back once more. It stays recalled.',
  remedy: 'Nothing is left to do: the message is not delivered.',
  message: ({ topic, msgId }) => `Message ${msgId} of topic "${topic}" has been recalled before.`,
}) {}

/**
 * Thrown by a handler to say that trying again is of no use: the message becomes a dead letter at once.
 */
export class NonRetryableError extends Error {
  readonly code = 'NON_RETRYABLE';
  /** Properties that the dead letter gets in addition to the message's own. */
  readonly properties: Readonly<Record<string, string>>;

  /**
   * @param options.properties tell the reader of the dead letter why it is one. RocketMQ's own names are left out, values are cut to 2048 characters, and what is
   * beyond 16 properties or the room that a message has for them is dropped: the dead letter is stored in any case.
   */
  constructor(
    message = 'This message can never be handled.',
    options?: { readonly cause?: unknown; readonly properties?: Readonly<Record<string, string>> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NonRetryableError';
    this.properties = { ...options?.properties };
  }
}

export class PatternIllegalError extends defineError<{ pattern: string }>({
  code: 'PATTERN_ILLEGAL',
  meaning: 'A pattern of @nestjs/microservices says no topic.',
  remedy:
    'Write "topic", "topic:tag" or { topic, tag }. A handler of another transport is left out by naming its transport in the decorator.',
  message: ({ pattern }) => `The pattern ${pattern} is no destination.`,
}) {}
