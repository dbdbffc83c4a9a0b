/** Something in a store that no writer puts there. */
export interface Fault {
  readonly file: string;
  /** Byte in the file. */
  readonly offset: number;
  readonly what: string;
}

/** Gathers faults: the first ones are kept, all are counted. */
export class Faults {
  readonly #most: number;
  readonly #kept: Fault[] = [];
  /** Things that are no faults, but worth knowing. */
  readonly #notes = new Map<string, number>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  get kept(): readonly Fault[] {
    return this.#kept;
  }

  /** Each with how often it was seen. */
  get notes(): readonly string[] {
    return [...this.#notes].map(([what, count]) => (count === 1 ? what : `${what} (${count} times)`));
  }

  add(file: string, offset: number, what: string): void {
    this.#count++;
    if (this.#kept.length < this.#most) this.#kept.push({ file, offset, what });
  }

  note(what: string): void {
    this.#notes.set(what, (this.#notes.get(what) ?? 0) + 1);
  }
}
