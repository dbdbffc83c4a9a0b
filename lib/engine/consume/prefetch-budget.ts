/** Fetches when there is room again. */
export interface Fetcher {
  fetchAgain(): void;
}

/**
 * How much one member may fetch ahead over all its queues. The limits per queue alone would let memory grow with the number of queues.
 *
 * A queue that holds nothing may always fetch one message, whatever the budget says: otherwise queues that are stuck could starve the
 * others for ever. So the true bound is the limit plus one message a queue.
 */
export class PrefetchBudget {
  readonly #limitCount: number;
  readonly #limitBytes: number;
  #count = 0;
  #bytes = 0;
  readonly #waiting = new Set<Fetcher>();

  constructor(limitCount: number, limitBytes: number) {
    this.#limitCount = limitCount;
    this.#limitBytes = limitBytes;
  }

  get roomCount(): number {
    return this.#bytes >= this.#limitBytes ? 0 : Math.max(this.#limitCount - this.#count, 0);
  }

  /** What is sure to be free when those who wait are called. */
  get halfCount(): number {
    return (this.#limitCount + 1) >> 1;
  }

  get roomBytes(): number {
    return Math.max(this.#limitBytes - this.#bytes, 0);
  }

  take(count: number, bytes: number): void {
    this.#count += count;
    this.#bytes += bytes;
  }

  giveBack(count: number, bytes: number): void {
    this.#count -= count;
    this.#bytes -= bytes;
    // Half must be free, so that those who wait do not all come for a single place.
    if (this.#waiting.size > 0 && this.#count * 2 <= this.#limitCount && this.#bytes * 2 <= this.#limitBytes) {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const fetcher of waiting) fetcher.fetchAgain();
    }
  }

  /** Calls the fetcher once when there is room. */
  await(fetcher: Fetcher): void {
    this.#waiting.add(fetcher);
  }

  forget(fetcher: Fetcher): void {
    this.#waiting.delete(fetcher);
  }
}
