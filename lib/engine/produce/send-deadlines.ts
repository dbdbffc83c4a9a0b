import type { Clock, TimerHandle } from '../types/index.js';

/** A send that ends by itself or at its deadline. */
export interface PendingSend {
  readonly isDone: boolean;
  /** By the monotonic clock: a wall clock that is set must neither end a send nor let it wait. */
  readonly deadlineMs: number;
  /** Called when the deadline has passed and the send is not done. */
  expire(): void;
}

/**
 * Ends sends that take too long. Sends with the same timeout end their time in the order of their starts, so one timer for the oldest is enough: a
 * send costs one push, not one timer.
 */
export class SendDeadlines {
  readonly #clock: Clock;
  readonly #lanes = new Map<number, DeadlineLane>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  watch(send: PendingSend, timeoutMs: number): void {
    let lane = this.#lanes.get(timeoutMs);
    if (lane === undefined) {
      lane = new DeadlineLane(this.#clock, () => this.#lanes.delete(timeoutMs));
      this.#lanes.set(timeoutMs, lane);
    }
    lane.add(send);
  }

  /** Stops watching: what is pending ends with the store. */
  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
  }
}

/** Done sends at the head are dropped when this many have gathered, so that memory follows what is pending. */
const SWEEP_AT = 1024;

class DeadlineLane {
  readonly #clock: Clock;
  readonly #onEmpty: () => void;
  /** Ascending by deadline. */
  #sends: PendingSend[] = [];
  #sweepAt = SWEEP_AT;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, onEmpty: () => void) {
    this.#clock = clock;
    this.#onEmpty = onEmpty;
  }

  add(send: PendingSend): void {
    this.#sends.push(send);
    if (this.#sends.length >= this.#sweepAt) {
      this.#sends = this.#sends.filter((each) => !each.isDone);
      this.#sweepAt = Math.max(SWEEP_AT, this.#sends.length * 2);
    }
    this.#arm();
  }

  close(): void {
    this.#timer?.cancel();
    this.#sends = [];
  }

  #arm(): void {
    const first = this.#sends[0];
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = this.#clock.setTimer(
      () => this.#onTimer(),
      Math.max(0, first.deadlineMs - this.#clock.monotonicMs()),
    );
  }

  #onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const pending = this.#sends.filter((send) => !send.isDone);
    this.#sends = pending.filter((send) => send.deadlineMs > nowMs);
    for (const send of pending) if (send.deadlineMs <= nowMs) send.expire();
    if (this.#sends.length === 0) this.#onEmpty();
    else this.#arm();
  }
}
