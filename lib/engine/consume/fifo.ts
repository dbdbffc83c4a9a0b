const FIRST_CAPACITY = 16;

/** A first-in first-out queue in a ring that grows by doubling: no step costs more for a long queue than for a short one. */
export class Fifo<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(FIRST_CAPACITY).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size++;
  }

  /** Puts an item before all others. */
  pushFront(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#items.length - 1);
    this.#items[this.#head] = item;
    this.#size++;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    // A reference left behind would keep a message alive until the ring comes round.
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return item;
  }

  /** Takes one item out of the middle. Costs a walk: for rare use. */
  remove(item: T): void {
    const rest: T[] = [];
    for (let next = this.shift(); next !== undefined; next = this.shift()) if (next !== item) rest.push(next);
    for (const kept of rest) this.push(kept);
  }

  #grow(): void {
    const capacity = this.#items.length;
    const grown = new Array<T | undefined>(capacity * 2).fill(undefined);
    for (let i = 0; i < this.#size; i++) grown[i] = this.#items[(this.#head + i) & (capacity - 1)];
    this.#items = grown;
    this.#head = 0;
  }
}
