import type { ConsumeFromWhere, ConsumeMode, MessageModel, MessageSelector } from './consumption.js';
import type { EngineEventListener } from './events.js';
import type { Message, MessageExt, MessageQueue, SendResult } from './message.js';
import type { EngineMetrics } from './metrics.js';
import type { PullConsumer, PullConsumerOptions } from './pull.js';

/**
 * All that the Nest side knows of a broker. The embedded broker implements it; a client of a real cluster can, too.
 * What an engine can't do is false in {@link EngineCapabilities} and refused with a named error at start.
 */
export interface MessageEngine {
  readonly capabilities: EngineCapabilities;
  /** Opens the store and recovers it. After this, sends are taken. */
  start(): Promise<void>;
  /** Stops everything, flushes offsets and log, frees the store. A second call waits for the first. */
  close(): Promise<void>;

  /** Resolves when the message is stored as durably as was asked (default: on disk). */
  send(message: Message, options?: SendOptions): Promise<SendResult>;

  /**
   * Stores several messages of one topic in one queue, with consecutive offsets. The first message's `queueId` or `shardingKey` chooses the queue. Ids in the result are joined by commas, in the order of the messages;
   * `queueOffset` is the first one's. Delayed messages and different topics are refused.
   */
  sendBatch(messages: readonly Message[], options?: SendOptions): Promise<SendResult>;
  /** The queues of a topic that messages can be sent to. A topic that does not exist is created where that is allowed. */
  writeQueues(topic: string): Promise<readonly MessageQueue[]>;

  /**
   * Sends a message and waits for a consumer's answer to it. Concurrent requests never mix.
   *
   * @param options.timeoutMs bounds the whole call; default 3000
   */
  request(message: Message, options?: SendOptions): Promise<Reply>;
  /**
   * Answers a request. An answer that nobody waits for (any more) is dropped and counted.
   *
   * @returns whether the answer reached the one who asked
   */
  reply(request: MessageExt, reply: Reply): Promise<boolean>;

  /** Stores a half message: on disk, and invisible until {@link endTransaction} commits it. */
  sendHalf(message: Message, producerGroup: string, options?: SendOptions): Promise<HalfSendResult>;
  /** The second phase. UNKNOWN leaves the decision to the check-back. */
  endTransaction(transactionId: string, state: TransactionState): Promise<void>;
  /**
   * Says who is asked about half messages of a producer group whose second phase is missing. Check-backs of a group wait
   * until it has a checker. Returns a function that takes the checker away.
   *
   * @param topics of the half messages that the checker answers for, before those that answer for any topic; left out: for any
   */
  registerTransactionChecker(
    producerGroup: string,
    checker: TransactionChecker,
    topics?: readonly string[],
  ): () => void;

  /** Adds a member to a consumer group. Resolves when its start positions are fixed and it takes part in the sharing of queues. */
  subscribe(options: SubscribeOptions): Promise<Consumer>;
  /**
   * Takes back a message with `delayMs` or `deliverAtMs` before its time (RocketMQ: `recallMessage`). Resolves with its msgId when that is on disk: the message is
   * never delivered then.
   *
   * @param recallHandle that of the message's {@link SendResult}
   * @throws RecallTooLateError the message is due, or was delivered
   * @throws AlreadyRecalledError
   * @throws RecallHandleIllegalError it is no handle, or no waiting message of the topic belongs to it
   */
  recall(topic: string, recallHandle: string): Promise<string>;

  /** Makes a consumer that asks for messages when it wants them (RocketMQ: `DefaultLitePullConsumer`). */
  createPullConsumer(options: PullConsumerOptions): Promise<PullConsumer>;

  /** What the engine counts about itself, at this moment. Absent: it does not count. */
  metrics?(): Promise<EngineMetrics>;
  /**
   * Tells of failures as they happen. Absent: the engine does not tell. A listener must be quick; what it throws is logged and changes nothing.
   *
   * @returns a function that ends it
   */
  listen?(listener: EngineEventListener): () => void;
}

export interface EngineCapabilities {
  readonly delayLevels: boolean;
  readonly transactions: boolean;
  readonly requestReply: boolean;
  /** Delivery at any time ({@link Message.delayMs}, {@link Message.deliverAtMs}), and {@link MessageEngine.recall}. */
  readonly timers: boolean;
  /** Pull consumers. */
  readonly pull: boolean;
}

/** The answer to a request. */
export interface Reply {
  readonly body: Uint8Array;
  /** The application's own properties. */
  readonly properties: Readonly<Record<string, string>>;
}

export interface SendOptions {
  /** Bounds the whole call, in milliseconds. Default 3000. The message may still be stored after a timeout. */
  readonly timeoutMs?: number | undefined;
  /** Chooses the queue, in place of the message's `queueId` and `shardingKey`. Of a batch it is asked once, with the first message. */
  readonly selectQueue?: MessageQueueSelector | undefined;
}

/**
 * Chooses one of a topic's write queues, which come in ascending order of their ids. It is asked at the send, after the message was checked, and has to answer
 * at once. What it throws fails the send; so does an answer that is none of the queues.
 */
export type MessageQueueSelector = (
  queues: readonly MessageQueue[],
  message: Message,
  shardingKey: string | undefined,
) => MessageQueue;

/** What becomes of a half message. */
export type TransactionState = 'COMMIT' | 'ROLLBACK' | 'UNKNOWN';

export interface HalfSendResult extends SendResult {
  readonly transactionId: string;
}

/** Asked about one half message; a throw counts as UNKNOWN. The message's topic is the one it was sent to. */
export type TransactionChecker = (half: MessageExt) => TransactionState | Promise<TransactionState>;

/** What a new member of a consumer group is to be. What is left out has RocketMQ's default. */
export interface SubscribeOptions {
  readonly group: string;
  /** Default CLUSTERING. */
  readonly messageModel?: MessageModel | undefined;
  /** Default CONSUME_FROM_LAST_OFFSET. */
  readonly consumeFromWhere?: ConsumeFromWhere | undefined;
  /** For CONSUME_FROM_TIMESTAMP: epoch ms. Default: half an hour before the subscription. */
  readonly consumeTimestampMs?: number | undefined;
  /**
   * Names the member. A broadcasting member with a name goes on after a restart where it was; one without begins anew by `consumeFromWhere`. Default: a name that
   * is made up.
   */
  readonly clientId?: string | undefined;
  /** True: no handler is called before `Consumer.resume`. A pause right after the subscription may come after the first. Default false. */
  readonly paused?: boolean | undefined;
  /** At least one; each topic once. */
  readonly subscriptions: readonly TopicSubscription[];
}

/** What a member does with one topic; see {@link SubscriptionSpec} for what the fields mean. */
export interface TopicSubscription {
  readonly topic: string;
  /** Either this or {@link batchHandler}. */
  readonly handler?: MessageHandler | undefined;
  /** Either this or {@link handler}. */
  readonly batchHandler?: BatchMessageHandler | undefined;
  /** Only with {@link batchHandler}. Default 32. */
  readonly batchSize?: number | undefined;
  /** Default: every message. */
  readonly selector?: MessageSelector | undefined;
  /** Default CONCURRENTLY. */
  readonly consumeMode?: ConsumeMode | undefined;
  /** Default 20. */
  readonly concurrency?: number | undefined;
  /** Default −1. */
  readonly maxReconsumeTimes?: number | undefined;
  /** Default 0. */
  readonly delayLevelWhenNextConsume?: number | undefined;
  /** Default 1000. */
  readonly suspendCurrentQueueTimeMs?: number | undefined;
  /** Default 900,000 (15 minutes). */
  readonly consumeTimeoutMs?: number | undefined;
  /** Default 1000. */
  readonly pullThresholdForQueue?: number | undefined;
  /** Default 100 MiB. */
  readonly pullThresholdSizeForQueueBytes?: number | undefined;
}

/** One member of a consumer group, with all that there is to say. */
export interface ConsumerSpec {
  readonly group: string;
  readonly messageModel: MessageModel;
  readonly consumeFromWhere: ConsumeFromWhere;
  /** For CONSUME_FROM_TIMESTAMP: epoch ms. Default: half an hour before the subscription. */
  readonly consumeTimestampMs?: number | undefined;
  /** As in {@link SubscribeOptions}. */
  readonly paused?: boolean | undefined;
  readonly subscriptions: readonly SubscriptionSpec[];
}

/** What a member does with one topic. */
export interface SubscriptionSpec {
  readonly topic: string;
  readonly selector: MessageSelector;
  readonly consumeMode: ConsumeMode;
  /** Handlers that run at the same time. */
  readonly concurrency: number;
  /** Retries after the first delivery. −1: 16 (concurrent), without end (orderly). */
  readonly maxReconsumeTimes: number;
  /** Wait before a concurrent retry: −1 dead letter at once, 0 level 3 + attempt, 1..18 that level always. */
  readonly delayLevelWhenNextConsume: number;
  /** Wait of an orderly queue before it tries a failed message again, in milliseconds. 10 to 30,000. */
  readonly suspendCurrentQueueTimeMs: number;
  /**
   * How long a handler may take, in milliseconds. A concurrent one that takes longer is given up: its messages are stored for a retry by delay level 3, its place is
   * free for others, and what it still answers is ignored. An orderly one is logged and counted, each time that this time has passed again, and waited for: another
   * handler beside it would break the order.
   */
  readonly consumeTimeoutMs: number;
  /** Most messages that are fetched ahead of the handlers, per queue. */
  readonly pullThresholdForQueue: number;
  /** Most bytes that are fetched ahead of the handlers, per queue. */
  readonly pullThresholdSizeForQueueBytes: number;
  /** Either this or {@link batchHandler}. */
  readonly handler?: MessageHandler | undefined;
  /** Either this or {@link handler}. */
  readonly batchHandler?: BatchMessageHandler | undefined;
  /** Most messages of one call of {@link batchHandler}: 1 to 1024; 1 with {@link handler}. RocketMQ: `consumeMessageBatchMaxSize`. */
  readonly batchSize: number;
}

/**
 * Handles one message. Return (or resolve) → done. Throw (or reject) → retry. Throw `NonRetryableError` → dead letter at once.
 * Return {@link RECONSUME_LATER} → retry, without an error in the log.
 */
export type MessageHandler = (message: MessageExt) => unknown;

/**
 * Handles several messages of one queue in one call, in the order of the queue. It gets what is there, at least 1 and at most `batchSize`; nothing waits for more to come.
 *
 * Return (or resolve) → all are done. Return an integer n → the first n are done and the others are retried (RocketMQ: `ackIndex` n − 1). Return
 * {@link RECONSUME_LATER} → all are retried. Throw → all are retried. Throw `NonRetryableError` → all are dead letters at once. A number that is not from 0 to the
 * number of messages counts as an error. Messages given to `context.fail` are none of these: they are retried, and the answer is about the others.
 *
 * Orderly, the first message that is not done ends what is done: it and those behind it come again, together, after the pause. A throw and `RECONSUME_LATER` count as an
 * attempt of each; a number, and `context.fail`, of the first alone.
 */
export type BatchMessageHandler = (messages: readonly MessageExt[], context: BatchContext) => unknown;

/** What a batch handler may say of single messages. */
export interface BatchContext {
  /**
   * Lets one message of the batch fail, whatever becomes of the others. Has no effect once the handler has ended.
   *
   * @param reason as if it were thrown by a handler of this message alone; {@link RECONSUME_LATER}, the default: no error in the log
   * @throws BatchResultError for a message that is not in the batch
   */
  fail(message: MessageExt, reason?: unknown): void;
}

/** A handler's return value that asks for a retry. */
export const RECONSUME_LATER: unique symbol = Symbol('RECONSUME_LATER');

/** What has become of messages since the member joined. */
export interface ConsumeCounters {
  /** Messages that were handled to a good end. */
  readonly consumed: number;
  /** Failed attempts, those that timed out among them; of a batch, one for each of its messages that failed. */
  readonly failed: number;
  /** Failed attempts after which the message comes again. */
  readonly retried: number;
  /** Messages that were stored as dead letters. */
  readonly deadLettered: number;
  /** Messages whose handler took longer than `consumeTimeoutMs`. */
  readonly timedOut: number;
  /** Messages that the selector passed over. */
  readonly filtered: number;
}

/** A queue that a member has. */
export interface ConsumerQueueStatus {
  readonly topic: string;
  readonly queueId: number;
  /** Everything before this offset is done. */
  readonly committedOffset: number;
  /** One past the newest message. */
  readonly maxOffset: number;
  /** Messages between the two. */
  readonly lag: number;
  /** Messages in memory that are not done: waiting, being handled, or waiting for another attempt. */
  readonly prefetched: number;
}

/** What a member does with one topic. */
export interface SubscriptionStatus extends ConsumeCounters {
  readonly topic: string;
  readonly paused: boolean;
  /** Handlers that are running. */
  readonly running: number;
}

/** What a member is doing. */
export interface ConsumerStatus extends ConsumeCounters {
  readonly group: string;
  readonly clientId: string;
  readonly messageModel: MessageModel;
  /** `paused`: in all topics. `closed`: from the call of `close` on. */
  readonly state: 'running' | 'paused' | 'closed';
  /** Handlers that are running. */
  readonly running: number;
  /** Messages in memory that are not done, over all queues. */
  readonly prefetched: number;
  readonly subscriptions: readonly SubscriptionStatus[];
  /** The queues that the member has now, those of the group's retry topic among them. */
  readonly queues: readonly ConsumerQueueStatus[];
}

/** A member of a consumer group that has been added. */
export interface Consumer {
  readonly group: string;
  /**
   * No new handler is started; running ones go on. The member keeps its queues.
   *
   * @param topic one of the member's; default: all of them
   * @throws InvalidOptionError for a topic that the member does not subscribe to
   */
  pause(topic?: string): void;
  /** The reverse of {@link pause}, with the same argument. */
  resume(topic?: string): void;
  /** What the member is doing now. */
  status(): ConsumerStatus;
  /**
   * Leaves the group: no new handlers, then waits for running ones, at most `timeoutMs`, then commits the offsets.
   * Messages whose handler did not end in time come again.
   *
   * @returns how many handlers were still running at the end of the time
   */
  close(options: { readonly timeoutMs: number }): Promise<number>;
}
