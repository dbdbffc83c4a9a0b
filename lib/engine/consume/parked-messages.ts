import type { Clock, TimerHandle } from '../types/index.js';
import { Fifo } from './fifo.js';
import type { Lane } from './lane.js';

/** `ConsumeMessageConcurrentlyService.submitConsumeRequestLater`. */
const PARK_MS = 5000;

interface ParkedMessage {
  readonly lane: Lane;
  readonly number: number;
  readonly dueMs: number;
}

/**
 * Messages of one queue that failed and could not be stored for a retry: they stay in memory and are handled again after 5 s. All wait equally
 * long, so they come due in the order in which they came, and one timer is enough.
 */
export class ParkedMessages {
  readonly #clock: Clock;
  readonly #messages = new Fifo<ParkedMessage>();
  #timer: TimerHandle | undefined;
  #disposed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  park(lane: Lane, number: number): void {
    if (this.#disposed) return;
    this.#messages.push({ lane, number, dueMs: this.#clock.monotonicMs() + PARK_MS });
    this.#timer ??= this.#clock.setTimer(this.#onDue, PARK_MS);
  }

  dispose(): void {
    this.#disposed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #onDue = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (let next = this.#messages.shift(); next !== undefined; next = this.#messages.shift()) {
      if (next.dueMs > nowMs) {
        this.#messages.pushFront(next);
        this.#timer = this.#clock.setTimer(this.#onDue, next.dueMs - nowMs);
        return;
      }
      next.lane.putBack(next.number);
      next.lane.offer();
    }
  };
}
