import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock, TimerHandle } from '../types/clock.js';

/** The longest delay that Node's timers take; they turn longer ones into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The time of the system. Callbacks run in the async context in which the clock was made. Node would let them run in that of whoever set them, and so a handler would see the
 * AsyncLocalStorage of whichever request had woken it, be its message from there or not.
 */
export class SystemClock implements Clock {
  readonly #inOwnContext = AsyncLocalStorage.snapshot();

  now(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  setTimer(callback: () => void, delayMs: number, options: { readonly keepsProcessAlive?: boolean } = {}): TimerHandle {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      const remainingMs = Math.ceil(dueMs - performance.now());
      timer = setTimeout(onTimeout, Math.min(Math.max(remainingMs, 0), LONGEST_TIMER_MS));
      if (options.keepsProcessAlive !== true) timer.unref();
    };
    const onTimeout = (): void => {
      // A long delay has come to the end of one part, or Node's timer, which counts whole milliseconds, is a fraction early.
      if (performance.now() < dueMs) arm();
      else callback();
    };
    this.#inOwnContext(arm);
    return { cancel: () => clearTimeout(timer) };
  }

  defer(callback: () => void): void {
    this.#inOwnContext(setImmediate, callback);
  }
}
