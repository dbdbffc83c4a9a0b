import type { Random } from '../types/random.js';
import { LARGEST_BOUND, checkBound } from './random-bound.js';
import { xoshiro128 } from './xoshiro128.js';

/** The same numbers for the same seed, on every machine. Not for secrets. */
export class SeededRandom implements Random {
  readonly #next: () => number;

  /** @param seed any finite number; its fraction and its sign count, too */
  constructor(seed: number) {
    if (!Number.isFinite(seed)) throw new RangeError(`A seed must be a finite number, not ${seed}.`);
    const words = new Uint32Array(new Float64Array([seed]).buffer);
    const mix = splitMix32((words[0] ?? 0) ^ Math.imul(words[1] ?? 0, 0x85ebca6b));
    // Four outputs of a counter run through a bijection are all different, so they are never all zero.
    this.#next = xoshiro128([mix(), mix(), mix(), mix()]);
  }

  nextInt(bound: number): number {
    checkBound(bound);
    // Values over the last multiple of the bound are thrown away: kept, they would make small results more likely.
    const limit = LARGEST_BOUND - (LARGEST_BOUND % bound);
    let value = this.#next();
    while (value >= limit) value = this.#next();
    return value % bound;
  }
}

/** Spreads a seed over a state, as the authors of xoshiro advise (finaliser of MurmurHash3 over a Weyl sequence). */
function splitMix32(seed: number): () => number {
  let counter = seed;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}
