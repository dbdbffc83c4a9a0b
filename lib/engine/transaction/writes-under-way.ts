import type { Activity } from '../types/index.js';

/** Counts what is being written, and tells when nothing is. To the engine, all that overlaps is one activity. */
export class WritesUnderWay {
  readonly #activity: Activity;
  #count = 0;
  #endActivity: (() => void) | undefined;
  #waiters: (() => void)[] = [];

  constructor(activity: Activity) {
    this.#activity = activity;
  }

  begin(): void {
    if (this.#count++ === 0) this.#endActivity = this.#activity.begin();
  }

  end(): void {
    if (--this.#count > 0) return;
    this.#endActivity!();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Resolves when what is under way now and begins meanwhile has ended. */
  whenNone(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#count === 0) resolve();
      else this.#waiters.push(resolve);
    });
  }
}
