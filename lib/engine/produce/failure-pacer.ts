import type { Clock } from '../types/index.js';

/** Failures that are told in the turn of the event loop in which they come. */
const PROMPT_FAILURES = 100;

/**
 * Lets the app have its turns while sends fail at once, as on a full disk. Whoever tries again without waiting would keep it from everything else for good: from the look at the disk
 * that finds room again, and from the request that ends the loop.
 */
export class FailurePacer {
  readonly #clock: Clock;
  #inThisTurn = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `reject` now, or in the next turn when many have failed in this one. */
  tell(reject: () => void): void {
    if (this.#inThisTurn === 0) {
      this.#clock.defer(() => {
        this.#inThisTurn = 0;
      });
    }
    this.#inThisTurn++;
    if (this.#inThisTurn <= PROMPT_FAILURES) reject();
    else this.#clock.defer(reject);
  }

  /** A promise that is rejected so. */
  refuse(error: unknown): Promise<never> {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors -- it is whatever the caller has made
    return new Promise((_resolve, reject) => this.tell(() => reject(error)));
  }
}
