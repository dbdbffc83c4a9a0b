import { InvalidOptionError, SendTimeoutError } from '../../errors/index.js';
import { offsetMessageId } from '../store/index.js';
import type {
  AppendedRecord,
  AppendWaiter,
  Clock,
  HalfSendResult,
  Message,
  MessageStore,
  RecordDraft,
  SendOptions,
  SendResult,
  TopicConfig,
} from '../types/index.js';
import { checkMessage, checkPropertiesSize, type MessageLimits } from './message-check.js';
import { draftOf } from './message-draft.js';
import { SendDeadlines, type PendingSend } from './send-deadlines.js';
import type { TopicRoute } from './topic-route.js';
import type { UniqueIds } from './unique-id.js';

/** RocketMQ: `sendMsgTimeout`. */
const DEFAULT_SEND_TIMEOUT_MS = 3000;

export interface ProducerParts {
  readonly store: MessageStore;
  readonly clock: Clock;
  readonly route: TopicRoute;
  readonly ids: UniqueIds;
  readonly limits: MessageLimits;
  readonly brokerName: string;
  readonly storeHost: Uint8Array;
  /** Turns a draft into one that waits for a delay level. */
  readonly schedule: (draft: RecordDraft, delayLevel: number) => RecordDraft;
  /** Stores a half message. */
  readonly prepare: (draft: RecordDraft, producerGroup: string) => Promise<AppendedRecord & { transactionId: string }>;
}

/** The way of a message into the store: checked, given an id and a queue, appended, acknowledged. */
export class MessageProducer {
  readonly #parts: ProducerParts;
  readonly #deadlines: SendDeadlines;

  constructor(parts: ProducerParts) {
    this.#parts = parts;
    this.#deadlines = new SendDeadlines(parts.clock);
  }

  send(message: Message, options: SendOptions | undefined): Promise<SendResult> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SEND_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      checkTimeout(timeoutMs);
      const pending = new SendInFlight(message.topic, timeoutMs, this.#parts, resolve, reject);
      this.#withTopic(message, pending, (topic) => {
        const draft = this.#draft(message, topic);
        pending.queueId = draft.queueId;
        pending.msgId = draft.uniqKey!;
        const delayLevel = message.delayLevel ?? 0;
        this.#parts.store.submit(delayLevel > 0 ? this.#parts.schedule(draft, delayLevel) : draft, pending);
      });
      this.#watch(pending, timeoutMs);
    });
  }

  sendHalf(message: Message, producerGroup: string, options: SendOptions | undefined): Promise<HalfSendResult> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SEND_TIMEOUT_MS;
    return new Promise((resolve, reject) => {
      checkTimeout(timeoutMs);
      const pending = new SendInFlight(
        message.topic,
        timeoutMs,
        this.#parts,
        (result) => resolve(result as HalfSendResult),
        reject,
      );
      this.#withTopic(message, pending, (topic) => {
        const draft = this.#draft(message, topic);
        pending.queueId = draft.queueId;
        pending.msgId = draft.uniqKey!;
        this.#parts.prepare(draft, producerGroup).then(
          (record) => {
            pending.transactionId = record.transactionId;
            pending.onStored(record);
          },
          (error: unknown) => pending.onFailed(error),
        );
      });
      this.#watch(pending, timeoutMs);
    });
  }

  close(): void {
    this.#deadlines.close();
  }

  /** Without a promise when the topic is known, which is nearly always. What `submit` throws fails the send. */
  #withTopic(message: Message, pending: SendInFlight, submit: (topic: TopicConfig) => void): void {
    checkMessage(message, this.#parts.limits);
    const topic = this.#parts.route.topic(message.topic);
    if (!(topic instanceof Promise)) {
      submit(topic);
      return;
    }
    topic.then(submit).catch((error: unknown) => pending.onFailed(error));
  }

  #draft(message: Message, topic: TopicConfig): RecordDraft {
    const { route, ids, clock } = this.#parts;
    const queueId = route.queueId(topic, message.queueId);
    const draft = draftOf(message, queueId, ids.next(), clock.now());
    checkPropertiesSize(draft.properties);
    return draft;
  }

  #watch(pending: SendInFlight, timeoutMs: number): void {
    if (!pending.isDone) this.#deadlines.watch(pending, timeoutMs);
  }
}

/** One send between its call and its answer. */
class SendInFlight implements AppendWaiter, PendingSend {
  isDone = false;
  readonly deadlineMs: number;
  queueId = 0;
  msgId = '';
  transactionId: string | undefined;
  readonly #topic: string;
  readonly #timeoutMs: number;
  readonly #parts: ProducerParts;
  readonly #resolve: (result: SendResult) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    topic: string,
    timeoutMs: number,
    parts: ProducerParts,
    resolve: (result: SendResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
    this.#parts = parts;
    this.#resolve = resolve;
    this.#reject = reject;
    this.deadlineMs = parts.clock.now() + timeoutMs;
  }

  onStored(record: AppendedRecord): void {
    if (this.isDone) return;
    this.isDone = true;
    const { brokerName, storeHost } = this.#parts;
    this.#resolve({
      sendStatus: 'SEND_OK',
      msgId: this.msgId,
      offsetMsgId: offsetMessageId(storeHost, record.physicalOffset),
      messageQueue: { topic: this.#topic, brokerName, queueId: this.queueId },
      queueOffset: record.queueOffset,
      ...(this.transactionId !== undefined && { transactionId: this.transactionId }),
    });
  }

  onFailed(error: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#reject(error);
  }

  expire(): void {
    this.onFailed(new SendTimeoutError({ topic: this.#topic, timeoutMs: this.#timeoutMs }));
  }
}

function checkTimeout(timeoutMs: unknown): void {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return;
  throw new InvalidOptionError({ option: 'timeoutMs', value: timeoutMs, expected: 'a number of milliseconds above 0' });
}
