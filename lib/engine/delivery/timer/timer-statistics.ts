/** What the timers have done since the broker started. Plain numbers, for whoever reads metrics. */
export interface TimerStatistics {
  /** Timers that got a place in the wheel. */
  readonly enqueued: number;
  /** Messages that were handed to their topic. */
  readonly delivered: number;
  /** Messages that were put back into the timer topic, because they are due later than one roll window. */
  readonly rolled: number;
  /** Messages that were not delivered because they had been recalled. */
  readonly recalled: number;
  /** Timers whose record could not be read, and records of the timer topic that are no timers. Each is in the log. */
  readonly lost: number;
  /** Attempts to deliver that failed; they are repeated until they succeed. */
  readonly failures: number;
  /** How long after its time the last message was handed on, and the latest of all. In milliseconds. */
  readonly lastLatenessMs: number;
  readonly maxLatenessMs: number;
}

export type MutableTimerStatistics = { -readonly [Name in keyof TimerStatistics]: number };

export function newTimerStatistics(): MutableTimerStatistics {
  return {
    enqueued: 0,
    delivered: 0,
    rolled: 0,
    recalled: 0,
    lost: 0,
    failures: 0,
    lastLatenessMs: 0,
    maxLatenessMs: 0,
  };
}
