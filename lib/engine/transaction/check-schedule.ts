import type { Clock, TimerHandle } from '../types/index.js';
import { BinaryHeap } from './binary-heap.js';

interface Entry<T> {
  readonly item: T;
  readonly dueMs: number;
  /** Who was added first comes first among those that are due at the same time. */
  readonly sequence: number;
}

/** Stale entries that the heap may hold before it is rebuilt. */
const HEAP_SLACK = 1024;

/**
 * Calls for items when their time has come, with one timer for all. Times are kept on the monotonic clock: a wall clock that is set
 * back or forward meanwhile neither holds items up nor makes them all due at once.
 */
export class CheckSchedule<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;
  /** The valid entry of each item; others in the heap are stale. */
  readonly #entries = new Map<T, Entry<T>>();
  readonly #heap = new BinaryHeap<Entry<T>>((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence);
  #sequence = 0;
  #timer: { readonly handle: TimerHandle; readonly dueMs: number } | undefined;

  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Calls for the item in `waitMs`; replaces what was planned for it. */
  add(item: T, waitMs: number): void {
    const entry = { item, dueMs: this.#clock.monotonicMs() + waitMs, sequence: this.#sequence++ };
    this.#entries.set(item, entry);
    this.#heap.push(entry);
    if (this.#heap.size > 2 * this.#entries.size + HEAP_SLACK) this.#heap.reset(this.#entries.values());
    this.#setTimer();
  }

  remove(item: T): void {
    this.#entries.delete(item);
  }

  clear(): void {
    this.#entries.clear();
    this.#heap.reset([]);
    this.#setTimer();
  }

  #setTimer(): void {
    const first = this.#firstValid();
    if (first?.dueMs === this.#timer?.dueMs) return;
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    if (first === undefined) return;
    const waitMs = Math.max(Math.ceil(first.dueMs - this.#clock.monotonicMs()), 0);
    this.#timer = { handle: this.#clock.setTimer(() => this.#fire(), waitMs), dueMs: first.dueMs };
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (let first = this.#firstValid(); first !== undefined && first.dueMs <= nowMs; first = this.#firstValid()) {
      this.#heap.pop();
      this.#entries.delete(first.item);
      this.#onDue(first.item);
    }
    this.#setTimer();
  }

  #firstValid(): Entry<T> | undefined {
    let first = this.#heap.peek();
    while (first !== undefined && this.#entries.get(first.item) !== first) {
      this.#heap.pop();
      first = this.#heap.peek();
    }
    return first;
  }
}
