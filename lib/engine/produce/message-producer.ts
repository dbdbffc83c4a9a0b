import { InvalidOptionError } from '../../errors/index.js';
import { checkMessageType, checkSendableTopic } from '../store/index.js';
import type {
  AppendedRecord,
  HalfSendResult,
  MaybePromise,
  Message,
  MessageQueue,
  MessageStore,
  RecordDraft,
  Reply,
  SendOptions,
  SendResult,
  TopicConfig,
} from '../types/index.js';
import type { BodyCompressor, StoredBody } from './body-compressor.js';
import { deliverAtMsOf, isTimed, refuseDelay, type Timers } from './delivery-delay.js';
import { checkBatch, checkMessage, checkPropertiesSize, type MessageLimits } from './message-check.js';
import { draftOf } from './message-draft.js';
import { messageKind } from './message-kind.js';
import { selectedQueueId, writeQueuesOf } from './queue-selection.js';
import type { RequestTable } from './request-table.js';
import { SendDeadlines } from './send-deadlines.js';
import { SendInFlight, type SendEnvironment } from './send-in-flight.js';
import type { TopicRoute } from './topic-route.js';
import type { UniqueIds } from './unique-id.js';

/** RocketMQ: `sendMsgTimeout`. */
const DEFAULT_SEND_TIMEOUT_MS = 3000;

export interface ProducerParts extends SendEnvironment {
  readonly store: MessageStore;
  readonly route: TopicRoute;
  readonly ids: UniqueIds;
  readonly limits: MessageLimits;
  readonly compressor: BodyCompressor;
  readonly requests: RequestTable;
  /** Turns a draft into one that waits for a delay level. */
  readonly schedule: (draft: RecordDraft, delayLevel: number) => RecordDraft;
  /** Delays that are no level. */
  readonly timers: Timers;
  /** Stores a half message. */
  readonly prepare: (draft: RecordDraft, producerGroup: string) => Promise<AppendedRecord & { transactionId: string }>;
  /** Why no message may be stored at present. */
  readonly refusal: () => Error | undefined;
  /** Rolls back a half message whose sender has given up. */
  readonly abandon: (transactionId: string) => void;
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
    return this.#start(topicOf(message), options, this.#submitOne, message);
  }

  request(message: Message, options: SendOptions | undefined): Promise<Reply> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SEND_TIMEOUT_MS;
    return this.#parts.requests.ask(topicOf(message), timeoutMs, (properties) =>
      this.#start(topicOf(message), options, (pending) => {
        checkMessage(message, this.#parts.limits);
        refuseDelay(message, 'whoever asks waits for the answer, so a request can not be delayed');
        // The request's own properties are RocketMQ's, so they come in behind the check of the application's.
        const request = { ...message, properties: { ...message.properties, ...properties } };
        this.#withTopicAndBody(message, this.#parts.compressor.compress(message.body), pending, (topic, body) => {
          checkMessageType(topic, messageKind(message));
          this.#parts.store.submit(this.#draft(request, topic, body, pending, options), pending);
        });
      }),
    );
  }

  sendBatch(messages: readonly Message[], options: SendOptions | undefined): Promise<SendResult> {
    return this.#start(topicOf((messages as typeof messages | null | undefined)?.[0]), options, (pending) => {
      checkBatch(messages, this.#parts.limits);
      this.#withTopic(messages[0]!.topic, pending, (topic) => this.#submitBatch(messages, topic, pending, options));
    });
  }

  sendHalf(message: Message, producerGroup: string, options: SendOptions | undefined): Promise<HalfSendResult> {
    const sent = this.#start(topicOf(message), options, (pending) => {
      checkMessage(message, this.#parts.limits);
      // RocketMQ drops the delay without a word.
      refuseDelay(message, 'a transaction message can not be delayed');
      this.#withTopicAndBody(message, this.#parts.compressor.compress(message.body), pending, (topic, body) => {
        checkMessageType(topic, messageKind(message, true));
        const draft = this.#draft(message, topic, body, pending, options);
        pending.messageType = 'TRANSACTION';
        this.#parts.prepare(draft, producerGroup).then(
          (record) => {
            pending.transactionId = record.transactionId;
            // Whoever sent it was told of a timeout, so no local transaction will ever run for it.
            if (pending.isDone) this.#parts.abandon(record.transactionId);
            pending.onStored(record);
          },
          (error: unknown) => pending.onFailed(error),
        );
      });
    });
    // It is answered when its transaction has an id.
    return sent as Promise<HalfSendResult>;
  }

  async writeQueues(topicName: string): Promise<readonly MessageQueue[]> {
    checkSendableTopic(topicName);
    return writeQueuesOf(await this.#parts.route.topic(topicName), this.#parts.brokerName);
  }

  /** Pending sends end with the store. */
  close(): void {
    this.#deadlines.close();
  }

  /** What `submit` throws refuses the send. A function that is given what it needs is made once, not for each message. */
  #start<Sent = undefined>(
    topic: string,
    options: SendOptions | undefined,
    submit: (pending: SendInFlight, message: Sent, options: SendOptions | undefined) => void,
    message?: Sent,
  ): Promise<SendResult> {
    const timeoutMs = options?.timeoutMs ?? DEFAULT_SEND_TIMEOUT_MS;
    const pending = new SendInFlight(topic, timeoutMs, this.#parts);
    try {
      checkTimeout(timeoutMs);
      const refusal = this.#parts.refusal();
      if (refusal !== undefined) throw refusal;
      submit(pending, message as Sent, options);
    } catch (error) {
      pending.onFailed(error);
    }
    if (!pending.isDone) this.#deadlines.watch(pending, timeoutMs);
    return pending.promise;
  }

  readonly #submitOne = (pending: SendInFlight, message: Message, options: SendOptions | undefined): void => {
    const { limits, clock, timers, compressor, route } = this.#parts;
    checkMessage(message, limits);
    // The delay counts from the call, however long the topic and the body take.
    const deliverAtMs = isTimed(message) ? deliverAtMsOf(message, clock.now(), timers) : undefined;
    const body = compressor.compress(message.body);
    const topic = body instanceof Promise ? undefined : route.topic(message.topic);
    if (body instanceof Promise || topic === undefined || topic instanceof Promise) {
      this.#withTopicAndBody(message, body, pending, (known, stored) =>
        this.#store(message, known, stored, deliverAtMs, pending, options),
      );
    } else this.#store(message, topic, body, deliverAtMs, pending, options);
  };

  #store(
    message: Message,
    topic: TopicConfig,
    body: StoredBody,
    deliverAtMs: number | undefined,
    pending: SendInFlight,
    options: SendOptions | undefined,
  ): void {
    checkMessageType(topic, messageKind(message));
    const draft = this.#draft(message, topic, body, pending, options);
    this.#parts.store.submit(this.#delayed(draft, message.delayLevel ?? 0, deliverAtMs, pending), pending);
  }

  /** Without a promise when the topic is known, which is nearly always. What `submit` throws fails the send. */
  #withTopic(topicName: string, pending: SendInFlight, submit: (topic: TopicConfig) => void): void {
    const topic = this.#parts.route.topic(topicName);
    if (topic instanceof Promise) topic.then(submit).catch((error: unknown) => pending.onFailed(error));
    else submit(topic);
  }

  #withTopicAndBody(
    message: Message,
    body: MaybePromise<StoredBody>,
    pending: SendInFlight,
    submit: (topic: TopicConfig, body: StoredBody) => void,
  ): void {
    // The topic comes last: it may be changed or deleted while the body is compressed.
    const submitStored = (stored: StoredBody): void =>
      this.#withTopic(message.topic, pending, (topic) => submit(topic, stored));
    if (body instanceof Promise) body.then(submitStored).catch((error: unknown) => pending.onFailed(error));
    else submitStored(body);
  }

  /** All records enter the log in one go, so their offsets follow each other. */
  #submitBatch(
    messages: readonly Message[],
    topic: TopicConfig,
    pending: SendInFlight,
    options: SendOptions | undefined,
  ): void {
    const { store } = this.#parts;
    for (const message of messages) checkMessageType(topic, messageKind(message));
    const queueId = this.#queueIdOf(messages[0]!, topic, options);
    const drafts = messages.map((message) =>
      this.#draft({ ...message, queueId }, topic, { body: message.body, sysFlag: 0 }, pending, undefined),
    );
    pending.msgId = drafts.map((draft) => draft.uniqKey).join(',');
    const records: AppendedRecord[] = [];
    const waiter = {
      onStored: (record: AppendedRecord) => {
        if (records.push(record) === drafts.length) pending.onBatchStored(records);
      },
      onFailed: (error: unknown) => pending.onFailed(error),
    };
    for (const draft of drafts) store.submit(draft, waiter);
  }

  #delayed(
    draft: RecordDraft,
    delayLevel: number,
    deliverAtMs: number | undefined,
    pending: SendInFlight,
  ): RecordDraft {
    if (delayLevel > 0) return this.#parts.schedule(draft, delayLevel);
    if (deliverAtMs === undefined) return draft;
    const delayed = this.#parts.timers.schedule(draft, deliverAtMs);
    pending.recallHandle = this.#parts.timers.recallHandle(delayed);
    return delayed;
  }

  #draft(
    message: Message,
    topic: TopicConfig,
    body: StoredBody,
    pending: SendInFlight,
    options: SendOptions | undefined,
  ): RecordDraft {
    const { ids, clock } = this.#parts;
    const nowMs = clock.now();
    pending.queueId = this.#queueIdOf(message, topic, options);
    pending.msgId = ids.next(nowMs);
    pending.messageType = messageKind(message);
    const draft = draftOf(message, body, pending.queueId, pending.msgId, nowMs);
    checkPropertiesSize(draft.properties);
    return draft;
  }

  #queueIdOf(message: Message, topic: TopicConfig, options: SendOptions | undefined): number {
    const { route, brokerName } = this.#parts;
    const select = options?.selectQueue;
    const wanted = select === undefined ? message.queueId : selectedQueueId(select, topic, brokerName, message);
    return route.queueId(topic, wanted, message.shardingKey);
  }
}

function checkTimeout(timeoutMs: unknown): void {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && Number.isFinite(timeoutMs)) return;
  throw new InvalidOptionError({ option: 'timeoutMs', value: timeoutMs, expected: 'a number of milliseconds above 0' });
}

/** What is no message has none, and is refused in its turn. */
function topicOf(message: Message | null | undefined): string {
  return message?.topic ?? '';
}
