import type { Clock, TimerHandle } from '../types/clock.js';

/** Where a manual clock starts unless told otherwise: 2024-01-01T00:00:00Z. */
export const MANUAL_CLOCK_START_MS = Date.UTC(2024, 0, 1);

/** Timers that set each other at one instant would hold the time there for ever. */
const MOST_ROUNDS_PER_INSTANT = 10_000;

/** Lets what the last step has set off come to rest, such as promise chains and writes. */
export type Settle = () => Promise<void>;

interface ManualTimer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/**
 * A clock that stands still until it is told to go on.
 *
 * Timers fire only inside {@link advance}. Deferred callbacks are not time: they run by themselves, each in a turn of the event loop
 * of its own (`setImmediate`), in the order in which they were deferred, after all promise chains of the present turn. So a burst is
 * still one burst, a callback that defers itself again starves neither promises nor I/O, and a run whose only other work is in
 * promises always takes the same course.
 */
export class ManualClock implements Clock {
  /** Counts from 0, unlike {@link now}, so that mixing the two up shows. */
  #monotonicMs = 0;
  #wallOffsetMs: number;
  /** In the order of firing: by due time, then as set. */
  readonly #timers: ManualTimer[] = [];
  #advancing = false;

  /** @param startMs epoch milliseconds */
  constructor(startMs: number = MANUAL_CLOCK_START_MS) {
    this.#wallOffsetMs = startMs;
  }

  /** Timers that have been set and neither fired nor were cancelled. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  setTimer(callback: () => void, delayMs: number): TimerHandle {
    // Whole milliseconds, rounded up, as with the system's timers: a fraction would get into `now()`.
    const timer: ManualTimer = { callback, dueMs: this.#monotonicMs + Math.ceil(Math.max(0, delayMs)) };
    const place = this.#timers.findIndex((other) => other.dueMs > timer.dueMs);
    this.#timers.splice(place === -1 ? this.#timers.length : place, 0, timer);
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer);
        if (index !== -1) this.#timers.splice(index, 1);
      },
    };
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }

  /**
   * Lets `durationMs` pass. Timers that fall due fire in order of due time, then of setting, also those that are set meanwhile; each
   * finds the clock at its due time.
   *
   * @param settle is awaited before the first timer, after the timers of each instant, and at the end. Default: one turn of the event
   * loop, in which deferred callbacks and short promise chains end.
   */
  async advance(durationMs: number, settle: Settle = oneTurn): Promise<void> {
    if (!Number.isSafeInteger(durationMs) || durationMs < 0) {
      throw new RangeError(`A clock goes forward by whole milliseconds, not by ${durationMs}.`);
    }
    if (this.#advancing) throw new Error('The clock is being advanced already: await the first call.');
    this.#advancing = true;
    try {
      await this.#advanceTo(this.#monotonicMs + durationMs, settle);
    } finally {
      this.#advancing = false;
    }
  }

  /** Lets time pass until the wall clock shows `epochMs`. See {@link advance}. */
  advanceTo(epochMs: number, settle?: Settle): Promise<void> {
    return this.advance(epochMs - this.now(), settle);
  }

  /** Sets the wall clock alone forward or back, as an administrator or NTP does. Timers and {@link monotonicMs} do not notice. */
  stepWallClock(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  async #advanceTo(endMs: number, settle: Settle): Promise<void> {
    await settle();
    let roundsAtInstant = 0;
    for (let next = this.#timers[0]; next !== undefined && next.dueMs <= endMs; next = this.#timers[0]) {
      roundsAtInstant = next.dueMs > this.#monotonicMs ? 1 : roundsAtInstant + 1;
      if (roundsAtInstant > MOST_ROUNDS_PER_INSTANT) {
        throw new Error(`Timers without delay set each other endlessly at ${this.now()}.`);
      }
      this.#monotonicMs = next.dueMs;
      this.#fireDue();
      await settle();
    }
    this.#monotonicMs = endMs;
    await settle();
  }

  /** Fires what is due now. What the callbacks set for this same instant waits for the next round, so that they settle first. */
  #fireDue(): void {
    const due = this.#timers.filter((timer) => timer.dueMs <= this.#monotonicMs);
    for (const timer of due) {
      const index = this.#timers.indexOf(timer);
      // An earlier one may have cancelled it.
      if (index === -1) continue;
      this.#timers.splice(index, 1);
      timer.callback();
    }
  }
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
