import type { Deletion, SlotContent } from './loaded-slot.js';
import type { TimerLog } from './timer-log.js';
import { SLOT_MS } from './timer-time.js';
import {
  unitIsCounted,
  unitIsDelete,
  unitKeyHash,
  unitMsInSlot,
  unitPhysicalOffset,
  unitSizeBytes,
} from './timer-unit.js';

/** A chain of the timer log, as it is at one moment. */
export interface Chain {
  readonly slotSec: number;
  readonly lastPosition: number;
}

/** The last timer that is done. */
export interface After {
  readonly msInSlot: number;
  readonly physicalOffset: number;
}

/**
 * Reads the timers of a slot that come first and are not done, at most `maxTimers` of them, and the recalls that concern them. Of a slot that holds more, each
 * part costs a walk over all of its units, which is little beside the delivery of that many messages.
 */
export async function readSlot(
  log: TimerLog,
  chain: Chain,
  after: After | undefined,
  maxTimers: number,
): Promise<SlotContent> {
  const part = new SlotPart(after, maxTimers);
  let hasDeletions = false;
  await log.walk(chain.slotSec, chain.lastPosition, (bytes, at) => {
    if (unitIsDelete(bytes, at)) hasDeletions = true;
    else part.count(unitMsInSlot(bytes, at), unitPhysicalOffset(bytes, at), unitSizeBytes(bytes, at));
  });
  if (part.narrow()) {
    await log.walk(chain.slotSec, chain.lastPosition, (bytes, at) => {
      if (unitIsDelete(bytes, at)) return;
      part.collect(unitMsInSlot(bytes, at), unitPhysicalOffset(bytes, at), unitSizeBytes(bytes, at));
    });
  }
  const timersByMs = part.finish();
  const deletions = hasDeletions ? await deletionsOf(log, chain, part) : new Map<number, Deletion[]>();
  return { timersByMs, deletions, endMs: part.endMs, hasMore: part.hasMore };
}

/** The recalls whose key has the hash of one of the timers. A recall can stand anywhere in the chain. */
async function deletionsOf(log: TimerLog, chain: Chain, part: SlotPart): Promise<Map<number, Deletion[]>> {
  const hashes = new Set<number>();
  await log.walk(chain.slotSec, chain.lastPosition, (bytes, at) => {
    if (unitIsDelete(bytes, at)) return;
    if (part.holds(unitMsInSlot(bytes, at), unitPhysicalOffset(bytes, at))) hashes.add(unitKeyHash(bytes, at));
  });
  const deletions = new Map<number, Deletion[]>();
  await log.walk(chain.slotSec, chain.lastPosition, (bytes, at) => {
    const hash = unitKeyHash(bytes, at);
    if (!unitIsDelete(bytes, at) || !hashes.has(hash)) return;
    const deletion = { physicalOffset: unitPhysicalOffset(bytes, at), counted: unitIsCounted(bytes, at) };
    deletions.set(hash, [...(deletions.get(hash) ?? []), deletion]);
  });
  return deletions;
}

/** Chooses from units, which come newest first, those that are due first, and of one millisecond the oldest. */
class SlotPart {
  /** Timers of this and later milliseconds are left out, but for those of {@link #splitMs}. */
  endMs = SLOT_MS + 1;
  hasMore = false;
  readonly #after: After | undefined;
  readonly #maxTimers: number;
  readonly #counts = new Uint32Array(SLOT_MS + 1);
  #total = 0;
  /** Pairs in reverse, newest first: size, offset. */
  #buckets: (number[] | undefined)[] = [];
  /** A millisecond that alone has more timers than a part; 0 when there is none. */
  #splitMs = 0;
  #splitEndOffset = 0;

  constructor(after: After | undefined, maxTimers: number) {
    this.#after = after;
    this.#maxTimers = maxTimers;
  }

  /** First walk: counts all, and keeps what it sees as long as it is not too much. */
  count(msInSlot: number, physicalOffset: number, sizeBytes: number): void {
    if (this.#isDone(msInSlot, physicalOffset)) return;
    this.#counts[msInSlot]! += 1;
    this.#total += 1;
    if (this.#total <= this.#maxTimers) this.#keep(msInSlot, physicalOffset, sizeBytes);
  }

  /** Decides, after the first walk, what belongs to the part. @returns false when everything does */
  narrow(): boolean {
    if (this.#total <= this.#maxTimers) return false;
    this.hasMore = true;
    this.#buckets = [];
    let sum = 0;
    for (let msInSlot = 1; ; msInSlot++) {
      const count = this.#counts[msInSlot]!;
      if (sum + count > this.#maxTimers) {
        this.endMs = msInSlot;
        if (sum === 0) this.#splitMs = msInSlot;
        return true;
      }
      sum += count;
    }
  }

  /** Second walk: keeps what belongs to the part. */
  collect(msInSlot: number, physicalOffset: number, sizeBytes: number): void {
    const belongs = msInSlot < this.endMs || msInSlot === this.#splitMs;
    if (!belongs || this.#isDone(msInSlot, physicalOffset)) return;
    const bucket = this.#keep(msInSlot, physicalOffset, sizeBytes);
    if (msInSlot === this.#splitMs && bucket.length >= this.#maxTimers * 4) {
      this.#buckets[msInSlot] = bucket.slice(-this.#maxTimers * 2);
    }
  }

  /** The part, oldest first. */
  finish(): readonly (number[] | undefined)[] {
    const split = this.#buckets[this.#splitMs];
    if (split !== undefined) {
      this.#buckets[this.#splitMs] = split.slice(-this.#maxTimers * 2);
      this.#splitEndOffset = this.#buckets[this.#splitMs]![1]!;
    }
    for (const bucket of this.#buckets) bucket?.reverse();
    return this.#buckets;
  }

  /** True for a timer of the finished part. */
  holds(msInSlot: number, physicalOffset: number): boolean {
    if (this.#isDone(msInSlot, physicalOffset)) return false;
    return msInSlot < this.endMs || (msInSlot === this.#splitMs && physicalOffset <= this.#splitEndOffset);
  }

  #isDone(msInSlot: number, physicalOffset: number): boolean {
    const after = this.#after;
    if (after === undefined || msInSlot > after.msInSlot) return false;
    return msInSlot < after.msInSlot || physicalOffset <= after.physicalOffset;
  }

  #keep(msInSlot: number, physicalOffset: number, sizeBytes: number): number[] {
    const bucket = (this.#buckets[msInSlot] ??= []);
    bucket.push(sizeBytes, physicalOffset);
    return bucket;
  }
}
