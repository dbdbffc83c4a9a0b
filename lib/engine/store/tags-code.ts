import { SCHEDULE_TOPIC } from '../types/index.js';
import { extendJavaHashUtf8, javaStringHash } from './java-hash.js';
import type { ScannedRecord } from './scanned-record.js';

/** Of a level that the table does not hold (`ScheduleMessageService.computeDeliverTimestamp`). */
const UNKNOWN_LEVEL_DELAY_MS = 1000;
/** Tags repeat, so their hashes are kept; bounded because tags come from outside. */
const MAX_CACHED_TAGS = 4096;

/** Computes what a consume queue entry says of its message beyond place and size. */
export class TagsCodes {
  readonly #delaysMs: readonly number[];
  readonly #hashes = new Map<string, number>();

  /** @param delaysMs delay of level 1, 2, … */
  constructor(delaysMs: readonly number[]) {
    this.#delaysMs = delaysMs;
  }

  /** Hash of the tag; in the schedule topic the time of delivery (`CommitLog.checkMessageAndReturnSize`). */
  of(topic: string, tags: string | undefined, delayLevel: number, storeTimestampMs: number): number {
    if (delayLevel > 0 && topic === SCHEDULE_TOPIC) return storeTimestampMs + this.#delayMs(delayLevel);
    if (tags === undefined) return 0;
    const known = this.#hashes.get(tags);
    if (known !== undefined) return known;
    const hash = javaStringHash(tags);
    if (this.#hashes.size >= MAX_CACHED_TAGS) this.#hashes.clear();
    this.#hashes.set(tags, hash);
    return hash;
  }

  /** The same for a record of the disk. */
  ofScanned(topic: string, record: ScannedRecord): number {
    if (topic === SCHEDULE_TOPIC && !record.delay.isEmpty) {
      const delayLevel = Number(record.textOf(record.delay));
      if (delayLevel > 0) return record.storeTimestampMs + this.#delayMs(delayLevel);
    }
    return extendJavaHashUtf8(0, record.bytes, record.tags.start, record.tags.end);
  }

  #delayMs(level: number): number {
    const capped = Math.min(level, this.#delaysMs.length);
    return this.#delaysMs[capped - 1] ?? UNKNOWN_LEVEL_DELAY_MS;
  }
}
