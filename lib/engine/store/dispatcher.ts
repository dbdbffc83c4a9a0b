import { SysFlag, type ArrivalListener } from '../types/index.js';
import type { PendingRecord } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import { isIndexed } from './index-keys.js';
import type { KeyIndex } from './key-index.js';
import type { TagsCodes } from './tags-code.js';

/**
 * Carries each record that is appended, once and in order, to what is derived from it: its consume queue, the key index, and those who wait for it. Those
 * that are on the disk at an opening get there by way of `RecoveredRecords`.
 */
export class Dispatcher {
  readonly #queues: ConsumeQueueSet;
  readonly #keyIndex: KeyIndex | undefined;
  readonly #tagsCodes: TagsCodes;
  readonly #listeners = new Map<string, readonly ArrivalListener[]>();
  #lastStoreTimestampMs = 0;

  constructor(queues: ConsumeQueueSet, tagsCodes: TagsCodes, keyIndex: KeyIndex | undefined) {
    this.#queues = queues;
    this.#tagsCodes = tagsCodes;
    this.#keyIndex = keyIndex;
  }

  /** Store time of the last record that was carried on; 0 before there is one. */
  get lastStoreTimestampMs(): number {
    return this.#lastStoreTimestampMs;
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
    for (const record of records) {
      const { topic, sysFlag, physicalOffset, storeTimestampMs } = record;
      if (this.#keyIndex !== undefined && isIndexed(sysFlag)) {
        this.#keyIndex.add(topic, record.uniqKey, record.keys, physicalOffset, storeTimestampMs);
      }
      if (!isQueued(sysFlag)) continue;
      const tagsCode = this.#tagsCodes.of(topic, record.tags, record.delayLevel, storeTimestampMs);
      const queue = this.#queues.getOrCreate(topic, record.queueId);
      queue.add(record.queueOffset, physicalOffset, record.sizeBytes, tagsCode);
    }
    this.#lastStoreTimestampMs = records.at(-1)?.storeTimestampMs ?? this.#lastStoreTimestampMs;
    if (this.#listeners.size === 0) return;
    for (const { topic, queueId, sysFlag, queueOffset } of records) {
      const listeners = this.#listeners.get(topic);
      if (listeners === undefined || !isQueued(sysFlag)) continue;
      for (const listener of listeners) listener(queueId, queueOffset);
    }
  }
}

/** Prepared and rolled-back transaction records are in no queue (`CommitLogDispatcherBuildConsumeQueue`). */
export function isQueued(sysFlag: number): boolean {
  const type = sysFlag & SysFlag.TRANSACTION_TYPE;
  return type !== SysFlag.TRANSACTION_PREPARED && type !== SysFlag.TRANSACTION_ROLLBACK;
}
