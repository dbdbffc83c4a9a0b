import type { Clock } from '../types/index.js';
import { Fifo } from './fifo.js';
import type { WorkGauge } from './work-gauge.js';

/** How long the room keeps the event loop before it lets the app have a turn. */
const SLICE_MS = 1;
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
  #steps = MAX_STEPS_PER_SLICE;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(): void {
    this.#endMs = this.#clock.monotonicMs() + SLICE_MS;
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
 * Gives all queues and handlers of the room their turns, first come first served, in slices of a millisecond of the event loop that
 * the app's own work goes on between.
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

  constructor(clock: Clock, gauge: WorkGauge) {
    this.#clock = clock;
    this.#gauge = gauge;
    this.#slice = new Slice(clock);
    this.#begin = () => {
      this.#slice.begin();
      try {
        this.#work();
      } finally {
        if (this.#tasks.size > 0) this.#clock.defer(this.#begin);
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
    this.#clock.defer(this.#begin);
  }

  /**
   * Goes on at once if the last slice has time left. Called from the promise of a handler that has ended, because waiting for the next turn
   * of the event loop would cost more than most handlers do.
   */
  resume(): void {
    if (!this.#running && this.#tasks.size > 0 && !this.#slice.isOver()) this.#work();
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

  #rest(): void {
    this.#active = false;
    this.#gauge.leave();
  }
}
