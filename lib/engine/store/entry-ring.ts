import type { EntrySource } from './entry-block.js';
import type { RingBudget } from './ring-budget.js';

/** An entry takes three numbers in a row: offset, size, tagsCode. */
const NUMBERS_PER_ENTRY = 3;
const LEAST_ENTRIES = 16;
/** A ring grows up to this many entries for its readers, if the budget allows it; beyond for those alone that are not on the disk. */
const MOST_ENTRIES = 4096;
const NOTHING = new Float64Array(0);

/**
 * The youngest entries of one queue, in memory: numbers in a typed array, so that an entry costs 24 bytes and no object. Holds the entries
 * `[firstIndex, endIndex)`. Those that are not on the disk stay; the others it lets go of when a budget that it shares with other queues says so.
 *
 * Invariant: `firstIndex <= writtenIndex <= endIndex <= firstIndex + capacity`.
 */
export class EntryRing implements EntrySource {
  readonly isOwn = true;
  readonly #budget: RingBudget;
  #numbers = NOTHING;
  #mask = -1;
  #firstIndex: number;
  #endIndex: number;
  #writtenIndex: number;
  /** A larger ring was refused: it is not asked for again before the entries here have all been replaced. */
  #asksAgainAt = 0;
  /** How many entries all queues had been given when this one was used last. */
  usedAt = 0;
  /** Place among the rings of the budget; −1: it holds no memory. */
  place = -1;

  /** @param startIndex entries before it are on the disk */
  constructor(startIndex: number, budget: RingBudget) {
    this.#budget = budget;
    this.#firstIndex = startIndex;
    this.#endIndex = startIndex;
    this.#writtenIndex = startIndex;
  }

  get firstIndex(): number {
    return this.#firstIndex;
  }

  get endIndex(): number {
    return this.#endIndex;
  }

  /** Entries before it are on the disk. */
  get writtenIndex(): number {
    return this.#writtenIndex;
  }

  /** Entries that there is memory for. */
  get capacity(): number {
    return this.#mask + 1;
  }

  /** Somebody reads from it. */
  use(): void {
    this.usedAt = this.#budget.added;
  }

  holds(index: number): boolean {
    return index >= this.#firstIndex && index < this.#endIndex;
  }

  physicalOffset(index: number): number {
    return this.#numbers[(index & this.#mask) * NUMBERS_PER_ENTRY]!;
  }

  sizeBytes(index: number): number {
    return this.#numbers[(index & this.#mask) * NUMBERS_PER_ENTRY + 1]!;
  }

  tagsCode(index: number): number {
    return this.#numbers[(index & this.#mask) * NUMBERS_PER_ENTRY + 2]!;
  }

  sizeOf(index: number, count: number): number {
    const end = Math.min(index + count, this.#endIndex);
    let sizeBytes = 0;
    for (let at = index; at < end; at++) sizeBytes += this.sizeBytes(at);
    return sizeBytes;
  }

  /** Adds the next entry. */
  push(physicalOffset: number, sizeBytes: number, tagsCode: number): void {
    if (this.#endIndex - this.#firstIndex > this.#mask) this.#makeRoom();
    this.usedAt = ++this.#budget.added;
    const at = (this.#endIndex & this.#mask) * NUMBERS_PER_ENTRY;
    this.#numbers[at] = physicalOffset;
    this.#numbers[at + 1] = sizeBytes;
    this.#numbers[at + 2] = tagsCode;
    this.#endIndex++;
  }

  /** Entries before `index` are on the disk by now. */
  wroteUpTo(index: number): void {
    this.#writtenIndex = index;
    const most = this.#budget.mostOfOne();
    if (this.capacity > most) this.shrink(most);
  }

  /** Makes the ring smaller, if that can be: down to so many entries, or to those that must stay. */
  shrink(capacity: number): void {
    const unwritten = this.#endIndex - this.#writtenIndex;
    // Half of the smallest is nothing.
    let least = capacity < LEAST_ENTRIES ? 0 : capacity;
    while (least < unwritten) least = Math.max(LEAST_ENTRIES, least * 2);
    if (least < this.capacity) this.#resize(least);
  }

  /** Forgets everything: the next entry is `index`, those before it are not there. */
  restartAt(index: number): void {
    this.#resize(0);
    this.#firstIndex = this.#endIndex = this.#writtenIndex = index;
  }

  /** The ring is full. It grows, or the oldest entry makes room. */
  #makeRoom(): void {
    const { capacity } = this;
    const wanted = Math.max(LEAST_ENTRIES, capacity * 2);
    if (capacity === 0 || this.#firstIndex === this.#writtenIndex) {
      this.#budget.grants(this, wanted);
      this.#resize(wanted);
      return;
    }
    if (capacity < MOST_ENTRIES && this.#endIndex >= this.#asksAgainAt) {
      if (this.#budget.grants(this, wanted)) {
        this.#resize(wanted);
        return;
      }
      this.#asksAgainAt = this.#endIndex + capacity;
    }
    this.#firstIndex++;
  }

  #resize(capacity: number): void {
    const before = this.capacity;
    if (capacity === before) return;
    const numbers = capacity === 0 ? NOTHING : new Float64Array(capacity * NUMBERS_PER_ENTRY);
    const firstIndex = Math.max(this.#firstIndex, this.#endIndex - capacity);
    for (let index = firstIndex; index < this.#endIndex; index++) {
      const from = (index & this.#mask) * NUMBERS_PER_ENTRY;
      const to = (index & (capacity - 1)) * NUMBERS_PER_ENTRY;
      for (let i = 0; i < NUMBERS_PER_ENTRY; i++) numbers[to + i] = this.#numbers[from + i]!;
    }
    this.#numbers = numbers;
    this.#mask = capacity - 1;
    this.#firstIndex = firstIndex;
    this.#budget.resized(this, before);
  }
}
