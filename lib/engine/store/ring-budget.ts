/** Entries of all queues together: 12 MiB. */
const MAX_ENTRIES = 524_288;
/** Rings that are looked at when one wants to grow: bounds what a message may cost. */
const RINGS_PER_LOOK = 8;

/** A ring as its budget sees it. */
export interface BudgetedRing {
  /** Entries that there is memory for. */
  readonly capacity: number;
  /** How many entries all queues had been given when it was used last. */
  readonly usedAt: number;
  /** Where it stands among the others; only the budget writes it. */
  place: number;
  shrink(capacity: number): void;
}

/**
 * What the rings of all queues of a store may hold together, so that memory does not grow with the number of queues. It has no timer: when a ring wants
 * to grow and there is no room, a few others are looked at in turn. One that has been idle for long gives up what the disk has; one that holds more than its
 * fair share gives up half, for one that holds less.
 */
export class RingBudget {
  readonly #maxEntries: number;
  /** Entries that all queues have been given: the clock by which a ring is idle. */
  added = 0;
  #entries = 0;
  /** Those that hold memory, in no order. */
  readonly #rings: BudgetedRing[] = [];
  /** Whose turn it is. */
  #turn = 0;

  constructor(maxEntries = MAX_ENTRIES) {
    this.#maxEntries = maxEntries;
  }

  /** Entries that all rings have memory for. More than the budget allows only for entries that are not on the disk. */
  get entries(): number {
    return this.#entries;
  }

  /** What one ring may keep of what the disk has: all, unless entries that had to stay have taken too much; then its fair share. */
  mostOfOne(): number {
    if (this.#entries <= this.#maxEntries) return Infinity;
    const fairShare = this.#fairShareOf(this.#rings.length);
    // A power of two, as the size of every ring. Or nothing, when there are more rings than entries.
    return fairShare < 1 ? 0 : 2 ** Math.floor(Math.log2(fairShare));
  }

  /** Whether a ring may grow. Tries to make room for it; a ring that must grow asks for that alone. */
  grants(asking: BudgetedRing, capacity: number): boolean {
    const most = this.#maxEntries - (capacity - asking.capacity);
    const fairShare = this.#fairShareOf(asking.capacity === 0 ? this.#rings.length + 1 : this.#rings.length);
    for (let looks = 0; this.#entries > most && looks < RINGS_PER_LOOK; looks++) {
      this.#turn = this.#turn + 1 < this.#rings.length ? this.#turn + 1 : 0;
      const ring = this.#rings[this.#turn];
      if (ring === undefined || ring === asking) continue;
      if (this.added - ring.usedAt > this.#maxEntries) ring.shrink(0);
      else if (capacity <= fairShare && ring.capacity > fairShare) ring.shrink(ring.capacity / 2);
    }
    return this.#entries <= most;
  }

  /** A ring has more or less memory than before. */
  resized(ring: BudgetedRing, capacityBefore: number): void {
    this.#entries += ring.capacity - capacityBefore;
    if (capacityBefore === 0) ring.place = this.#rings.push(ring) - 1;
    else if (ring.capacity === 0) this.#leave(ring);
  }

  #fairShareOf(rings: number): number {
    return this.#maxEntries / rings;
  }

  #leave(ring: BudgetedRing): void {
    const last = this.#rings.pop()!;
    if (last !== ring) {
      this.#rings[ring.place] = last;
      last.place = ring.place;
    }
    ring.place = -1;
  }
}
