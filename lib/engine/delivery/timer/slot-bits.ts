const BITS_PER_WORD = 32;

/**
 * Which slots of the wheel hold timers: one bit a slot. Slots are named by their second; the caller sees to it that all that are set lie within one turn of
 * the wheel.
 */
export class SlotBits {
  readonly #words: Uint32Array;
  readonly #slotCount: number;

  /** @param slotCount a multiple of 32, so that no word holds the end of one turn and the beginning of the next */
  constructor(slotCount: number) {
    this.#slotCount = slotCount;
    this.#words = new Uint32Array(slotCount / BITS_PER_WORD);
  }

  has(slotSec: number): boolean {
    const index = slotSec % this.#slotCount;
    return (this.#words[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  set(slotSec: number): void {
    const index = slotSec % this.#slotCount;
    this.#words[index >>> 5]! |= 1 << (index & 31);
  }

  delete(slotSec: number): void {
    const index = slotSec % this.#slotCount;
    this.#words[index >>> 5]! &= ~(1 << (index & 31));
  }

  clear(): void {
    this.#words.fill(0);
  }

  /** The first slot from `fromSec` to `toSec`, both included, whose bit is set. */
  next(fromSec: number, toSec: number): number | undefined {
    for (let sec = fromSec; sec <= toSec;) {
      const index = sec % this.#slotCount;
      const word = this.#words[index >>> 5]! >>> (index & 31);
      if (word !== 0) {
        const found = sec + lowestBit(word);
        return found <= toSec ? found : undefined;
      }
      sec += BITS_PER_WORD - (index & 31);
    }
    return undefined;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
