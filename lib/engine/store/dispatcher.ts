import { Property, SysFlag, type ArrivalListener } from '../types/index.js';
import type { PendingRecord } from './commit-log.js';
import type { ConsumeQueue } from './consume-queue.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DeletedTopics } from './deleted-topics.js';
import type { KeyIndex } from './key-index.js';
import { MIN_RECORD_BYTES } from './record-format.js';
import { StoredMessage } from './stored-message.js';
import type { TagsCodes } from './tags-code.js';

/** More queues than any topic has. A wrong bit in a queue's id must not make a topic of millions of them. */
const MAX_QUEUE_ID = 65_535;

/** A record whose number in its queue is not above the one before it. */
export interface QueueDisorder {
  readonly topic: string;
  readonly queueId: number;
  readonly last: number;
  readonly queueOffset: number;
  readonly physicalOffset: number;
}

/**
 * Carries each record of the log, once and in order, to what is derived from it: its consume queue, the key index, and those who wait for it. Live records come
 * from memory, those of a recovery from the disk; both end up in the same place.
 */
export class Dispatcher {
  readonly #queues: ConsumeQueueSet;
  readonly #keyIndex: KeyIndex | undefined;
  readonly #tagsCodes: TagsCodes;
  readonly #deletedTopics: DeletedTopics;
  readonly #listeners = new Map<string, readonly ArrivalListener[]>();
  #lastStoreTimestampMs = 0;
  #foundGap = false;
  #firstDisorder: QueueDisorder | undefined;
  /** Of the recovered records. */
  readonly #lastNumbers = new Map<ConsumeQueue, number>();

  constructor(
    queues: ConsumeQueueSet,
    tagsCodes: TagsCodes,
    keyIndex: KeyIndex | undefined,
    deletedTopics: DeletedTopics,
  ) {
    this.#queues = queues;
    this.#tagsCodes = tagsCodes;
    this.#keyIndex = keyIndex;
    this.#deletedTopics = deletedTopics;
  }

  /** Store time of the last record that was carried on. */
  get lastStoreTimestampMs(): number {
    return this.#lastStoreTimestampMs;
  }

  /** True when a recovered record was not the next one of its queue: the queue's files lack entries. */
  get foundGap(): boolean {
    return this.#foundGap;
  }

  /** The first recovered record that can not be where it lies: it is damaged, or the one before it in its queue. */
  get firstDisorder(): QueueDisorder | undefined {
    return this.#firstDisorder;
  }

  /** The queues are about to be made again, from the first record on. */
  beginAnew(): void {
    this.#foundGap = false;
    this.#firstDisorder = undefined;
    this.#lastNumbers.clear();
  }

  onArrival(topic: string, listener: ArrivalListener): () => void {
    this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), listener]);
    return () => {
      const rest = (this.#listeners.get(topic) ?? []).filter((other) => other !== listener);
      if (rest.length === 0) this.#listeners.delete(topic);
      else this.#listeners.set(topic, rest);
    };
  }

  /** Live records: all queues are filled before anybody is told, so that a listener sees the whole group. */
  dispatch(records: readonly PendingRecord[]): void {
    for (const { draft, queueOffset, physicalOffset, sizeBytes, storeTimestampMs } of records) {
      if (this.#keyIndex !== undefined && isIndexed(draft.sysFlag)) {
        this.#keyIndex.add(draft.topic, draft.uniqKey, draft.keys, physicalOffset, storeTimestampMs);
      }
      if (!isQueued(draft.sysFlag)) continue;
      const tagsCode = this.#tagsCodes.of(draft.topic, draft.tags, draft.delayLevel, storeTimestampMs);
      this.#queues.getOrCreate(draft.topic, draft.queueId).add(queueOffset, physicalOffset, sizeBytes, tagsCode);
    }
    this.#lastStoreTimestampMs = records.at(-1)?.storeTimestampMs ?? this.#lastStoreTimestampMs;
    if (this.#listeners.size === 0) return;
    for (const { draft, queueOffset } of records) {
      const listeners = this.#listeners.get(draft.topic);
      if (listeners === undefined || !isQueued(draft.sysFlag)) continue;
      for (const listener of listeners) listener(draft.queueId, queueOffset);
    }
  }

  /** A record that recovery read. */
  dispatchRecovered(bytes: Buffer, at: number, sizeBytes: number, physicalOffset: number): void {
    const message = new StoredMessage(bytes, at, '');
    this.#lastStoreTimestampMs = message.storeTimestamp;
    this.#enter(message, physicalOffset);
    this.#queue(message, sizeBytes, physicalOffset);
  }

  /** A record that recovery read for its queue alone. */
  queueRecovered(bytes: Buffer, at: number, sizeBytes: number, physicalOffset: number): void {
    this.#queue(new StoredMessage(bytes, at, ''), sizeBytes, physicalOffset);
  }

  /** A record that recovery read for the key index alone: its queue has it. */
  indexRecovered(bytes: Buffer, at: number, physicalOffset: number): void {
    this.#enter(new StoredMessage(bytes, at, ''), physicalOffset);
  }

  #queue(message: StoredMessage, sizeBytes: number, physicalOffset: number): void {
    const { storedTopic, queueId, queueOffset, tags, storeTimestamp } = message;
    if (!isQueued(message.sysFlag) || this.#deletedTopics.covers(storedTopic, physicalOffset)) return;
    const delayLevel = Number(message.properties[Property.DELAY] ?? 0);
    const tagsCode = this.#tagsCodes.of(storedTopic, tags, delayLevel, storeTimestamp);
    // Each message before it in its queue has taken room in the log.
    const isPossible = queueOffset >= 0 && queueOffset * MIN_RECORD_BYTES <= physicalOffset;
    if (!isPossible || queueId < 0 || queueId > MAX_QUEUE_ID) {
      this.#firstDisorder ??= { topic: storedTopic, queueId, last: -1, queueOffset, physicalOffset };
      return;
    }
    const queue = this.#queues.getOrCreate(storedTopic, queueId);
    if (queueOffset > queue.maxIndex) this.#foundGap = true;
    // Numbers only grow; a repair leaves some out, and a topic that was deleted and made again begins anew.
    const last = this.#lastNumbers.get(queue) ?? -1;
    if (queueOffset <= last && queueOffset > 0) {
      this.#firstDisorder ??= { topic: storedTopic, queueId, last, queueOffset, physicalOffset };
    }
    this.#lastNumbers.set(queue, queueOffset);
    queue.add(queueOffset, physicalOffset, sizeBytes, tagsCode);
  }

  #enter(message: StoredMessage, physicalOffset: number): void {
    if (this.#keyIndex === undefined || !isIndexed(message.sysFlag)) return;
    const { storedTopic, properties, keys, storeTimestamp } = message;
    this.#keyIndex.add(storedTopic, properties[Property.UNIQ_KEY], keys, physicalOffset, storeTimestamp);
  }
}

/** Rolled-back transaction records are found by no key (`IndexService.buildIndex`). */
export function isIndexed(sysFlag: number): boolean {
  return (sysFlag & SysFlag.TRANSACTION_TYPE) !== SysFlag.TRANSACTION_ROLLBACK;
}

/** Prepared and rolled-back transaction records are in no queue (`CommitLogDispatcherBuildConsumeQueue`). */
export function isQueued(sysFlag: number): boolean {
  const type = sysFlag & SysFlag.TRANSACTION_TYPE;
  return type !== SysFlag.TRANSACTION_PREPARED && type !== SysFlag.TRANSACTION_ROLLBACK;
}
