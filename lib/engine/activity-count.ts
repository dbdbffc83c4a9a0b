import type { Activity, Clock } from './types/index.js';

/** Counts what is under way in a broker, and tells when nothing is. */
export class ActivityCount implements Activity {
  readonly #clock: Clock;
  #count = 0;
  #changes = 0;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): () => void {
    this.#count++;
    this.#changes++;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#count--;
      if (this.#count > 0) return;
      const waiters = this.#waiters;
      this.#waiters = [];
      for (const waiter of waiters) waiter();
    };
  }

  /** Resolves when nothing is under way, and nothing has begun in the burst of work that followed. */
  async whenIdle(): Promise<void> {
    for (let quietBursts = 0; quietBursts < 2; quietBursts++) {
      const changes = this.#changes;
      await new Promise<void>((resolve) => this.#clock.defer(resolve));
      if (this.#count > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
      if (this.#changes !== changes || this.#count > 0) quietBursts = -1;
    }
  }
}
