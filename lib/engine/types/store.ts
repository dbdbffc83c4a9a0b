import type { MessageExt } from './message.js';

/** A value that is there now, or will be. What is in memory is answered without a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** A record before it has a place in the commit log: everything but the fields that the log gives. */
export interface RecordDraft {
  readonly topic: string;
  readonly queueId: number;
  readonly body: Uint8Array;
  /** Properties in RocketMQ's text form: name 0x01 value 0x02, repeated. */
  readonly properties: string;
  /** The TAGS property, again: it decides the entry in the consume queue. */
  readonly tags: string | undefined;
  /** The KEYS property, again: it decides the entries in the key index. */
  readonly keys: string | undefined;
  /** The UNIQ_KEY property, again. */
  readonly uniqKey: string | undefined;
  /** The DELAY property as a number, 0 when there is none. */
  readonly delayLevel: number;
  readonly flag: number;
  readonly sysFlag: number;
  readonly bornTimestampMs: number;
  /** Address (4 or 16 bytes) and port (4 bytes, big-endian) of the sender. Undefined: this process. */
  readonly bornHost: Uint8Array | undefined;
  readonly reconsumeTimes: number;
  /** Commit log offset of the half message that this record makes visible; 0 otherwise. */
  readonly preparedTransactionOffset: number;
  /** False: the append resolves before the record is on disk. */
  readonly waitStoreMsgOK: boolean;
}

/** Where an appended record lies. */
export interface AppendedRecord {
  readonly physicalOffset: number;
  readonly sizeBytes: number;
  readonly queueOffset: number;
  readonly storeTimestampMs: number;
}

/** Told how an append ended; for callers that need no promise of their own. */
export interface AppendWaiter {
  /** The record has its place in the log's memory: what is submitted from now on lies behind it. Comes first, and not for what is refused. */
  onPlaced?(): void;
  /** @param atMs when that was, by the monotonic clock; one reading serves a whole group. Undefined: now */
  onStored(record: AppendedRecord, atMs?: number): void;
  onFailed(error: unknown): void;
}

/** As `MessageStore.submit`. */
export type SubmitRecord = (draft: RecordDraft, waiter: AppendWaiter) => void;

/** One entry of a consume queue. */
export interface QueueEntry {
  readonly queueOffset: number;
  readonly physicalOffset: number;
  readonly sizeBytes: number;
  /** Hash of the tag; in the schedule topic, the time of delivery in epoch ms. */
  readonly tagsCode: number;
}

/** A stored record, read back. The bytes behind it stay as they are for as long as it is held. */
export interface StoredRecord extends MessageExt {
  /** The topic as stored: also a system topic. */
  readonly storedTopic: string;
  /** Properties in RocketMQ's text form. */
  readonly propertiesText: string;
  /** Body as stored: compressed if the sender compressed it. */
  readonly storedBody: Buffer;
  /** Address and port of the sender, as stored. */
  readonly bornHostBytes: Uint8Array;
}

export interface PullRequest {
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  /** Most messages in the answer; at least 1. */
  readonly maxCount: number;
  /** Most bytes in the answer; the first message always fits. */
  readonly maxBytes: number;
  /** Looks at the consume queue's entry: false skips the message without reading it. */
  readonly acceptsTagsCode?: ((tagsCode: number) => boolean) | undefined;
  /** Looks at the message itself: false skips it. */
  readonly accepts?: ((message: StoredRecord) => boolean) | undefined;
}

/** Names are RocketMQ's (`GetMessageStatus`). */
export type PullStatus =
  | 'FOUND'
  | 'NO_MATCHED_LOGIC_QUEUE'
  | 'NO_MESSAGE_IN_QUEUE'
  | 'NO_MATCHED_MESSAGE'
  | 'OFFSET_TOO_SMALL'
  | 'OFFSET_OVERFLOW_ONE'
  | 'OFFSET_OVERFLOW_BADLY'
  | 'MESSAGE_WAS_REMOVING';

export interface PullBatch {
  readonly status: PullStatus;
  readonly messages: readonly StoredRecord[];
  /** Where the next pull goes on: past everything that was looked at. */
  readonly nextOffset: number;
  readonly minOffset: number;
  /** One past the last message that a consumer may see. */
  readonly maxOffset: number;
}

/** Called for each record that reached its consume queue, in log order. */
export type ArrivalListener = (queueId: number, queueOffset: number) => void;

/**
 * The durable part of the broker, as its services see it: an append end, and queues to read from. Half, delayed and retried
 * messages are ordinary records here; what they mean is known to the services alone.
 */
export interface MessageStore {
  /** Puts a record at the end of the log. Resolves when it is as durable as the draft asks. */
  append(draft: RecordDraft): Promise<AppendedRecord>;
  /** As {@link append}, without a promise: the waiter is called once, maybe before this returns. */
  submit(draft: RecordDraft, waiter: AppendWaiter): void;
  /**
   * Tells when a group of records is about to go to the disk. What the listener adds before it returns is the end of that group: it lies behind every record that has its place
   * already, and gets to the disk with the group or, if that fails, not at all. It is told how it ended after those before it. Returns a function that ends it.
   *
   * @param listener may add a few small records to topics that are there; they are taken however much waits for the disk
   */
  onGroupClosing(listener: (add: SubmitRecord) => void): () => void;
  /** Messages of one queue, in order. What is in memory is answered at once, without a promise. */
  pull(request: PullRequest): MaybePromise<PullBatch>;
  /** The entries of one queue from `offset` on, at most `maxCount`, without reading the records. */
  entries(topic: string, queueId: number, offset: number, maxCount: number): MaybePromise<readonly QueueEntry[]>;
  /** One record by its place in the log; undefined when it is not there (any more). What is in memory is answered at once, without a promise. */
  readRecord(physicalOffset: number): MaybePromise<StoredRecord | undefined>;
  /** First offset that can be read, and one past the last. Both 0 for a queue that does not exist. */
  queueRange(topic: string, queueId: number): { readonly minOffset: number; readonly maxOffset: number };
  /** First offset whose record was stored at `timestampMs` or later; the end of the queue when there is none. */
  offsetByTime(topic: string, queueId: number, timestampMs: number): Promise<number>;
  /** Tells when records of a topic can be read. Returns a function that ends it. */
  onArrival(topic: string, listener: ArrivalListener): () => void;
  /** Brings to the disk what can be read so far. Under SYNC_FLUSH it is there. */
  syncWritten(): Promise<void>;
}

/** A topic as `config/topics.json` keeps it. Field names and defaults are RocketMQ's (`TopicConfig`). */
export interface TopicConfig {
  readonly topicName: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  /** Sum of 4 (read) and 2 (write). */
  readonly perm: number;
  readonly topicFilterType: 'SINGLE_TAG' | 'MULTI_TAG';
  readonly topicSysFlag: number;
  readonly order: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The topics of a broker. Changes are on disk when the promise resolves. */
export interface TopicTable {
  get(topicName: string): TopicConfig | undefined;
  /** The topic as it is; made as given when there is none. */
  ensure(topicName: string, queueNums: number): MaybePromise<TopicConfig>;
  /** Makes the topic. @returns false when there is one of that name, be it that it is just being made */
  create(config: TopicConfig): Promise<boolean>;
  put(config: TopicConfig): Promise<void>;
  list(): readonly TopicConfig[];
}

/** A consumer group as `config/subscriptionGroup.json` keeps it. Field names and defaults are RocketMQ's (`SubscriptionGroupConfig`). */
export interface SubscriptionGroupConfig {
  readonly groupName: string;
  readonly consumeEnable: boolean;
  readonly retryQueueNums: number;
  readonly retryMaxTimes: number;
}

/** The consumer groups of a broker. Changes are on disk when the promise resolves. */
export interface SubscriptionGroupTable {
  get(groupName: string): SubscriptionGroupConfig | undefined;
  /** The group as it is; made with RocketMQ's defaults when there is none. */
  ensure(groupName: string): MaybePromise<SubscriptionGroupConfig>;
  list(): readonly SubscriptionGroupConfig[];
}

/** Opens JSON files of the store's config directory for services that keep their state there. */
export interface StateDirectory {
  /**
   * @param name file name, such as `consumerOffset.json`
   * @param options.snapshot gives the content to write, as strict JSON data
   * @param options.flushIntervalMs a change is on disk after this time at the latest
   */
  open(
    name: string,
    options: { readonly snapshot: () => unknown; readonly flushIntervalMs: number },
  ): Promise<StateFile>;
}

/** A JSON file that a service keeps its state in. Flushed and closed with the directory. */
export interface StateFile {
  /** The parsed content at the start; undefined when there was none. */
  readonly initial: unknown;
  /** Says that the state has changed; it is written within the file's interval and at close. */
  markDirty(): void;
  /** Writes now what is dirty; resolves when it is on disk. */
  flush(): Promise<void>;
}

/**
 * Counts what is under way, so that tests and shutdown can wait for a quiet engine. Whoever starts work that ends later calls
 * `begin` and, when it has ended, the function it got (once).
 */
export interface Activity {
  begin(): () => void;
}
