import { slotStartMs } from './timer-time.js';

/** A timer whose time has come. */
export interface DueTimer {
  readonly slot: LoadedSlot;
  readonly dueMs: number;
  readonly physicalOffset: number;
  readonly sizeBytes: number;
  /** It has been handed on, durably; only what was taken with it may still be under way. */
  isDone: boolean;
}

/** A unit that recalls a message. */
export interface Deletion {
  readonly physicalOffset: number;
  readonly counted: boolean;
}

/** What of a chain has been read: pairs of offset and size for each millisecond 1 to 1000. */
export interface SlotContent {
  readonly timersByMs: readonly (number[] | undefined)[];
  readonly deletions: ReadonlyMap<number, readonly Deletion[]>;
  /** Timers from this millisecond of the slot on are not among them; 1001 when all are. */
  readonly endMs: number;
  /** The slot holds more than what was read. */
  readonly hasMore: boolean;
}

/**
 * The timers of one slot in memory, by millisecond: what is due next is found without sorting, and 16 bytes a timer are all that it costs. Of a slot that holds very
 * many, a first part is here and the rest stays in the timer log.
 */
export class LoadedSlot {
  readonly slotSec: number;
  readonly startMs: number;
  /** By hash of the key: what recalls messages of the slot. Of one hash that is another array whenever something is added. */
  readonly deletions = new Map<number, readonly Deletion[]>();
  /** Timers that came while the slot was being read; undefined afterwards. */
  #early: [msInSlot: number, physicalOffset: number, sizeBytes: number][] | undefined = [];
  #buckets: (number[] | undefined)[] = [];
  /** The first millisecond that may have timers, and how many numbers of it are taken. */
  #headMs = 1;
  #headAt = 0;
  #count = 0;
  #contentEndMs = 0;
  #hasMore = true;

  constructor(slotSec: number) {
    this.slotSec = slotSec;
    this.startMs = slotStartMs(slotSec);
  }

  /** Timers and deletions that are in memory. */
  get count(): number {
    return this.#count + this.deletions.size;
  }

  /** What was read is used up, and there is more. */
  get needsMore(): boolean {
    return this.#hasMore && this.#count === 0;
  }

  /** True when timers of this slot come before those of later slots, but are not in memory. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  /** Nothing is left, in memory or on disk. */
  get isExhausted(): boolean {
    return !this.#hasMore && this.#count === 0;
  }

  /** When the next timer in memory is due. */
  get nextDueMs(): number | undefined {
    if (this.#count === 0) return undefined;
    while (this.#buckets[this.#headMs] === undefined) {
      this.#headMs += 1;
      this.#headAt = 0;
    }
    return this.startMs + this.#headMs;
  }

  /** Takes what was read, and then what came meanwhile. */
  fill(content: SlotContent): void {
    this.#buckets = [...content.timersByMs];
    for (const bucket of content.timersByMs) this.#count += (bucket?.length ?? 0) / 2;
    for (const [hash, found] of content.deletions) {
      this.deletions.set(hash, [...(this.deletions.get(hash) ?? []), ...found]);
    }
    this.#contentEndMs = content.endMs;
    this.#hasMore = content.hasMore;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const timer of early) this.add(...timer);
  }

  /** Adds a timer that has just been put into the slot's chain. No timer is added before one that was taken. */
  add(msInSlot: number, physicalOffset: number, sizeBytes: number): void {
    if (this.#early !== undefined) {
      this.#early.push([msInSlot, physicalOffset, sizeBytes]);
      return;
    }
    // It will be found in the chain, in its turn.
    if (msInSlot >= this.#contentEndMs) return;
    const bucket = (this.#buckets[msInSlot] ??= []);
    bucket.push(physicalOffset, sizeBytes);
    this.#count += 1;
    if (msInSlot >= this.#headMs) return;
    // The head has looked ahead over milliseconds without timers; nothing of its own was taken.
    this.#headMs = msInSlot;
    this.#headAt = 0;
  }

  addDeletion(keyHash: number, deletion: Deletion): void {
    this.deletions.set(keyHash, [...(this.deletions.get(keyHash) ?? []), deletion]);
  }

  /** Moves timers that are due until `nowMs` to the end of `target`, which grows to `maxCount` at most. */
  takeDue(nowMs: number, target: DueTimer[], maxCount: number): void {
    for (let dueMs = this.nextDueMs; dueMs !== undefined && dueMs <= nowMs; dueMs = this.nextDueMs) {
      const bucket = this.#buckets[this.#headMs]!;
      while (this.#headAt < bucket.length) {
        if (target.length >= maxCount) return;
        const physicalOffset = bucket[this.#headAt]!;
        const sizeBytes = bucket[this.#headAt + 1]!;
        target.push({ slot: this, dueMs, physicalOffset, sizeBytes, isDone: false });
        this.#headAt += 2;
        this.#count -= 1;
      }
      this.#buckets[this.#headMs] = undefined;
      this.#headAt = 0;
    }
  }
}
