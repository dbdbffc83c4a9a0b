import type { Clock } from '../types/index.js';
import { Fifo } from './fifo.js';
import type { WorkGauge } from './work-gauge.js';

/** How long the room keeps the event loop at least before it lets the app have a turn. */
const SHORTEST_SLICE_MS = 1;
/** A turn of the app that takes longer counts as one of this length. So a slice takes 8 ms at most. */
const LONGEST_APP_MS = 16;
/** Weight of the app's newest turn. */
const SHARE_OF_NEWEST = 0.1;
/** Bounds a slice also where the clock stands still. */
const MAX_STEPS_PER_SLICE = 8192;

/** Work that is done piece by piece. */
export interface SlicedTask {
  /** True while the task waits for its turn. Only the scheduler writes it. */
  scheduled: boolean;
  /** Works until there is nothing left, or until `slice.isOver()`; in the latter case it schedules itself again. */
  run(slice: Slice): void;
}

/** A share of the event loop's time. */
export class Slice {
  readonly #clock: Clock;
  #endMs = 0;
  /** What a turn of the app takes, on average. */
  #appMs = 0;
  #steps = MAX_STEPS_PER_SLICE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param sinceMs when the room worked last, or asked for the turn: what came since then was the app's */
  begin(sinceMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    // One long turn, which a garbage collection may have been, changes little.
    this.#appMs += (Math.min(nowMs - sinceMs, LONGEST_APP_MS) - this.#appMs) * SHARE_OF_NEWEST;
    this.#endMs = nowMs + Math.max(SHORTEST_SLICE_MS, this.#appMs / 2);
    this.#steps = 0;
  }

  /**
   * Asked after each step, such as a message.
   *
   * @param nowMs what the monotonic clock says, if the caller has just asked it
   */
  isOver(nowMs = this.#clock.monotonicMs()): boolean {
    return ++this.#steps >= MAX_STEPS_PER_SLICE || nowMs >= this.#endMs;
  }
}

/**
 * Gives all queues and handlers of the room their turns, first come first served, in slices of the event loop that the app's own work goes on between. A slice takes a
 * millisecond; where the app's turns are longer, as while it sends more than there is time for, half as long as they are, or consumption would fall behind for good. Not as long: to
 * two rooms in one process, each is a part of the other's app.
 */
export class SliceScheduler {
  readonly #clock: Clock;
  readonly #gauge: WorkGauge;
  readonly #slice: Slice;
  readonly #tasks = new Fifo<SlicedTask>();
  readonly #begin: () => void;
  /** True from the first task's arrival until the deferred slice that ends with no task left. */
  #active = false;
  #running = false;
  /** When a turn was asked for, or the room worked after that. */
  #askedMs = 0;

  constructor(clock: Clock, gauge: WorkGauge) {
    this.#clock = clock;
    this.#gauge = gauge;
    this.#slice = new Slice(clock);
    this.#begin = () => {
      this.#slice.begin(this.#askedMs);
      try {
        this.#work();
      } finally {
        if (this.#tasks.size > 0) this.#askForTurn();
        else this.#rest();
      }
    };
  }

  /** Gives the task a turn; harmless when it waits for one already. */
  schedule(task: SlicedTask): void {
    if (task.scheduled) return;
    task.scheduled = true;
    this.#tasks.push(task);
    if (this.#active) return;
    this.#active = true;
    this.#gauge.enter();
    this.#askForTurn();
  }

  /**
   * Goes on at once if the last slice has time left. Called from the promise of a handler that has ended, because waiting for the next turn
   * of the event loop would cost more than most handlers do.
   */
  resume(): void {
    if (this.#running || this.#tasks.size === 0 || this.#slice.isOver()) return;
    this.#work();
    // A turn has been asked for; what was done meanwhile was not done by the app.
    this.#askedMs = this.#clock.monotonicMs();
  }

  #work(): void {
    this.#running = true;
    try {
      do {
        const task = this.#tasks.shift();
        if (task === undefined) return;
        task.scheduled = false;
        task.run(this.#slice);
      } while (!this.#slice.isOver());
    } finally {
      this.#running = false;
    }
  }

  #askForTurn(): void {
    this.#askedMs = this.#clock.monotonicMs();
    this.#clock.defer(this.#begin);
  }

  #rest(): void {
    this.#active = false;
    this.#gauge.leave();
  }
}
