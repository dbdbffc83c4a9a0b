import { HALF_TOPIC, OP_HALF_TOPIC, TRANSACTION_GROUP } from '../types/index.js';
import { BinaryHeap } from './binary-heap.js';
import type { OffsetTable } from './offset-table.js';

/** Op messages that are told apart; beyond that, neighbours count as one, which only delays the op offset. */
const MAX_OPS = 1024;
/** Stale entries that the heap may hold before it is rebuilt. */
const HEAP_SLACK = 1024;

/** A half record that is on its way to the log: it will get `atLeast` or a higher offset. */
export interface ExpectedHalf {
  readonly atLeast: number;
}

interface Op {
  /** One past the op message. */
  readonly nextOffset: number;
  /** The highest half offset that it decides, −1 for none. */
  readonly maxHalfOffset: number;
}

/**
 * Keeps the two offsets from which a restart reads. The half offset stays at the lowest half record without a decision on disk; the op
 * offset passes an op message only when all its half messages lie below the half offset, because until then a restart needs it.
 */
export class HalfProgress {
  readonly #offsets: OffsetTable;
  /** Half records without a decision on disk. */
  readonly #open = new Set<number>();
  /** The same, smallest first, with stale entries. */
  readonly #lowestOpen = new BinaryHeap<number>((a, b) => a - b);
  /** In the order of their calls, so the first one has the lowest bound. */
  readonly #expected = new Set<ExpectedHalf>();
  /** In the order of the op topic. */
  #ops: Op[] = [];
  /** One past the highest half offset that is known. */
  #end = 0;
  #halfOffset = 0;
  #opOffset = 0;

  constructor(offsets: OffsetTable) {
    this.#offsets = offsets;
  }

  /** Where a restart begins to read; undefined where nothing is stored. */
  stored(): { readonly halfOffset: number | undefined; readonly opOffset: number | undefined } {
    return {
      halfOffset: this.#offsets.get(HALF_TOPIC, TRANSACTION_GROUP, 0),
      opOffset: this.#offsets.get(OP_HALF_TOPIC, TRANSACTION_GROUP, 0),
    };
  }

  /** Sets where reading began, before the first record is told. */
  startAt(halfOffset: number, opOffset: number): void {
    this.#halfOffset = halfOffset;
    this.#end = halfOffset;
    this.#opOffset = opOffset;
  }

  /** To be called before a half record is appended, and followed by {@link opened} or {@link abandoned}. */
  expect(): ExpectedHalf {
    const expected = { atLeast: this.#end };
    this.#expected.add(expected);
    return expected;
  }

  abandoned(expected: ExpectedHalf): void {
    this.#expected.delete(expected);
    this.settle();
  }

  /** A half record is on disk. */
  opened(offset: number, expected?: ExpectedHalf): void {
    if (expected !== undefined) this.#expected.delete(expected);
    this.#end = Math.max(this.#end, offset + 1);
    this.#open.add(offset);
    this.#lowestOpen.push(offset);
  }

  /** A half record was found whose decision is on disk already. */
  foundDecided(offset: number): void {
    this.#end = Math.max(this.#end, offset + 1);
  }

  /** An op message is on disk. Calls come in the order of the op topic. */
  decided(opOffset: number, halfOffsets: readonly number[]): void {
    let maxHalfOffset = -1;
    for (const offset of halfOffsets) {
      this.#open.delete(offset);
      maxHalfOffset = Math.max(maxHalfOffset, offset);
    }
    this.#ops.push({ nextOffset: opOffset + 1, maxHalfOffset });
    if (this.#ops.length > MAX_OPS) this.#ops = mergeNeighbours(this.#ops);
    this.settle();
  }

  /** Stores the offsets that now hold. They only grow. */
  settle(): void {
    const halfOffset = this.#lowestUndecided();
    if (halfOffset > this.#halfOffset) {
      this.#halfOffset = halfOffset;
      this.#offsets.set(HALF_TOPIC, TRANSACTION_GROUP, 0, halfOffset);
    }
    let done = 0;
    while (done < this.#ops.length && this.#ops[done]!.maxHalfOffset < this.#halfOffset) done += 1;
    if (done === 0) return;
    this.#opOffset = Math.max(this.#opOffset, this.#ops[done - 1]!.nextOffset);
    this.#ops = this.#ops.slice(done);
    this.#offsets.set(OP_HALF_TOPIC, TRANSACTION_GROUP, 0, this.#opOffset);
  }

  #lowestUndecided(): number {
    if (this.#lowestOpen.size > 2 * this.#open.size + HEAP_SLACK) this.#lowestOpen.reset(this.#open);
    let lowest = this.#lowestOpen.peek();
    while (lowest !== undefined && !this.#open.has(lowest)) {
      this.#lowestOpen.pop();
      lowest = this.#lowestOpen.peek();
    }
    const [firstExpected] = this.#expected;
    return Math.min(lowest ?? this.#end, firstExpected?.atLeast ?? this.#end);
  }
}

function mergeNeighbours(ops: readonly Op[]): Op[] {
  const merged: Op[] = [];
  for (let i = 0; i < ops.length; i += 2) {
    const first = ops[i]!;
    const second = ops[i + 1] ?? first;
    merged.push({
      nextOffset: second.nextOffset,
      maxHalfOffset: Math.max(first.maxHalfOffset, second.maxHalfOffset),
    });
  }
  return merged;
}
