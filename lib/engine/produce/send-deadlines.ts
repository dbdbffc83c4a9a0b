import type { Clock, TimerHandle } from '../types/index.js';

/** A send that ends by itself or at its deadline. It is a link of the list of those that wait: so it costs no object to watch it. */
export interface PendingSend {
  readonly isDone: boolean;
  /** By the monotonic clock: a wall clock that is set must neither end a send nor let it wait. */
  readonly deadlineMs: number;
  /** Who watches it: to be told when the send is done. Only {@link DeadlineLane} writes it, and its neighbours. */
  lane: DeadlineLane | undefined;
  before: PendingSend | undefined;
  behind: PendingSend | undefined;
  /** Called when the deadline has passed and the send is not done. */
  expire(): void;
}

/**
 * Ends sends that take too long. Sends with the same timeout end their time in the order of their starts, so one timer for the oldest is enough: a
 * send costs a link in a list, not a timer.
 */
export class SendDeadlines {
  readonly #clock: Clock;
  readonly #lanes = new Map<number, DeadlineLane>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches a send that is not done until it is. */
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

/** The sends of one timeout that are not done, ascending by deadline. */
export class DeadlineLane {
  readonly #clock: Clock;
  readonly #onEmpty: () => void;
  #first: PendingSend | undefined;
  #last: PendingSend | undefined;
  #timer: TimerHandle | undefined;

  /** @param onEmpty called when a timer finds no send: the lane is not used any more */
  constructor(clock: Clock, onEmpty: () => void) {
    this.#clock = clock;
    this.#onEmpty = onEmpty;
  }

  add(send: PendingSend): void {
    send.lane = this;
    send.before = this.#last;
    if (this.#last === undefined) this.#first = send;
    else this.#last.behind = send;
    this.#last = send;
    if (this.#timer === undefined) this.#arm(send.deadlineMs);
  }

  /** The send is done. */
  remove(send: PendingSend): void {
    const { before, behind } = send;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    send.lane = send.before = send.behind = undefined;
  }

  close(): void {
    this.#timer?.cancel();
    while (this.#first !== undefined) this.remove(this.#first);
  }

  /** A timer that is set stays, also when its send is done: the next one that waits is found when it fires. */
  #arm(deadlineMs: number): void {
    this.#timer = this.#clock.setTimer(() => this.#onTimer(), Math.max(0, deadlineMs - this.#clock.monotonicMs()));
  }

  #onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (let first = this.#first; first !== undefined && first.deadlineMs <= nowMs; first = this.#first) {
      this.remove(first);
      first.expire();
    }
    if (this.#first === undefined) this.#onEmpty();
    else if (this.#timer === undefined) this.#arm(this.#first.deadlineMs);
  }
}
