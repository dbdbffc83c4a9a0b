import type { StoredRecord } from '../types/index.js';

const FIRST_CAPACITY = 32;

/**
 * The messages of one queue that were fetched and are not done, in the order of their offsets (RocketMQ: `ProcessQueue`). It answers the one
 * question that at-least-once delivery rests on: which is the lowest offset that is not done?
 *
 * A message gets a number when it comes in, one more than the one before. Numbers index a ring, so every step costs the same however many
 * messages are held and however wide the gaps are that a filter has left between their offsets.
 */
export class OffsetWindow {
  /** Where the queue is read next. All messages in the window lie before it. */
  nextOffset: number;
  #records: (StoredRecord | undefined)[] = new Array<StoredRecord | undefined>(FIRST_CAPACITY).fill(undefined);
  #offsets = new Float64Array(FIRST_CAPACITY);
  #mask = FIRST_CAPACITY - 1;
  /** Number of the lowest message that is not done; `#tail` when there is none. */
  #head = 0;
  #tail = 0;
  #held = 0;
  #heldBytes = 0;

  constructor(startOffset: number) {
    this.nextOffset = startOffset;
  }

  /** Messages that are not done. */
  get held(): number {
    return this.#held;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Places in the ring from the lowest message that is not done on: those and what was done behind it. */
  get span(): number {
    return this.#tail - this.#head;
  }

  /** Everything before this offset is done. */
  get commitOffset(): number {
    return this.#head === this.#tail ? this.nextOffset : this.#offsets[this.#head & this.#mask]!;
  }

  /** Adds the next message, and returns its number. */
  push(record: StoredRecord): number {
    if (this.span > this.#mask) this.#grow();
    const number = this.#tail++;
    this.#records[number & this.#mask] = record;
    this.#offsets[number & this.#mask] = record.queueOffset;
    this.#held++;
    this.#heldBytes += record.storeSize;
    return number;
  }

  recordAt(number: number): StoredRecord {
    return this.#records[number & this.#mask]!;
  }

  /** Puts another view of the same message in its place. */
  replace(number: number, record: StoredRecord): void {
    this.#records[number & this.#mask] = record;
  }

  /** Marks a message as done and lets go of it. Returns its size in bytes. */
  finish(number: number): number {
    const sizeBytes = this.#records[number & this.#mask]!.storeSize;
    this.#records[number & this.#mask] = undefined;
    this.#held--;
    this.#heldBytes -= sizeBytes;
    if (number === this.#head) {
      do this.#head++;
      while (this.#head < this.#tail && this.#records[this.#head & this.#mask] === undefined);
    }
    return sizeBytes;
  }

  #grow(): void {
    const mask = this.#mask * 2 + 1;
    const records = new Array<StoredRecord | undefined>(mask + 1).fill(undefined);
    const offsets = new Float64Array(mask + 1);
    for (let number = this.#head; number < this.#tail; number++) {
      records[number & mask] = this.#records[number & this.#mask];
      offsets[number & mask] = this.#offsets[number & this.#mask]!;
    }
    this.#records = records;
    this.#offsets = offsets;
    this.#mask = mask;
  }
}
