import type { Clock } from '../types/index.js';

/** Ends the wait of a poll when something has changed that may give it messages. Has at most one who waits. */
export class WakeSignal {
  readonly #clock: Clock;
  #version = 0;
  #endWait: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Grows with each wake. Whoever looks at the state and then waits remembers it, so that no wake between the two is lost. */
  get version(): number {
    return this.#version;
  }

  wake(): void {
    this.#version++;
    this.#endWait?.();
  }

  /** Resolves at the next wake, or after `timeoutMs`; at once when there was a wake since `version`. */
  wait(version: number, timeoutMs: number): Promise<void> {
    if (version !== this.#version) return Promise.resolve();
    return new Promise((resolve) => {
      // Somebody waits for the answer, so the process must not end for want of other work.
      const timer = this.#clock.setTimer(() => this.#endWait?.(), timeoutMs, { keepsProcessAlive: true });
      this.#endWait = () => {
        this.#endWait = undefined;
        timer.cancel();
        resolve();
      };
    });
  }
}
