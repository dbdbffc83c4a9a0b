/** A timer that has been set and can be taken back. */
export interface TimerHandle {
  /** Takes the timer back; harmless when it has fired or was cancelled before. */
  cancel(): void;
}

/**
 * The engine's only source of time. Two exist: the system's, and a manual one for tests and simulation.
 * Timers never keep a process alive unless they are asked to.
 */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. */
  now(): number;
  /** A clock that never jumps, in milliseconds with fractions; only differences mean anything. */
  monotonicMs(): number;
  /**
   * Calls `callback` once, `delayMs` from now (at least; never before).
   *
   * @param delayMs non-negative, any size: implementations split what the runtime can't take in one timer.
   */
  setTimer(callback: () => void, delayMs: number, options?: { readonly keepsProcessAlive?: boolean }): TimerHandle;
  /**
   * Calls `callback` soon, after the program's present burst of work: the place where many sends of one burst
   * become one flush. Order among deferred callbacks is kept.
   */
  defer(callback: () => void): void;
}
