/** How far a group has consumed one queue: everything before `offset` is done. */
export class OffsetCell {
  #offset: number | undefined;
  readonly #onChange: () => void;

  constructor(offset: number | undefined, onChange: () => void) {
    this.#offset = offset;
    this.#onChange = onChange;
  }

  /** Undefined: the group has never consumed this queue. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** Takes a number and nothing else, so that it can be called for every message. */
  commit(offset: number): void {
    if (offset === this.#offset) return;
    this.#offset = offset;
    this.#onChange();
  }
}
