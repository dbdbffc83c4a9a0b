/** The results of `nextInt` are 32-bit integers, so there is one bound more than there are results. */
export const LARGEST_BOUND = 2 ** 32;

/** Refuses what is no bound: every answer to it would be wrong. */
export function checkBound(bound: number): void {
  if (!Number.isInteger(bound) || bound < 1 || bound > LARGEST_BOUND) {
    throw new RangeError(`A bound must be a positive 32-bit integer, not ${bound}.`);
  }
}
