/** Gives back the smallest of its items first. Neither removal from the middle nor stable order: whoever uses it skips what is stale. */
export class BinaryHeap<T> {
  readonly #keyOf: (item: T) => number;
  #items: T[] = [];

  constructor(keyOf: (item: T) => number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The smallest item. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    const key = this.#keyOf(item);
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#keyOf(items[parent]!) <= key) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the smallest item out. */
  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) this.#sink(last);
    return first;
  }

  /** Holds these items and no others. */
  reset(items: Iterable<T>): void {
    // Sorted is one of the orders of a heap.
    this.#items = [...items].toSorted((a, b) => this.#keyOf(a) - this.#keyOf(b));
  }

  /** Puts an item in at the root and lets it sink to its place. */
  #sink(item: T): void {
    const items = this.#items;
    const key = this.#keyOf(item);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#keyOf(items[child + 1]!) < this.#keyOf(items[child]!)) child += 1;
      if (this.#keyOf(items[child]!) >= key) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}
