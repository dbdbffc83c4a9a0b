import type { Clock, StoredRecord, TimerHandle } from '../types/index.js';
import type { Dispatcher } from './dispatcher.js';
import { Fifo } from './fifo.js';
import type { ProcessQueue } from './process-queue.js';

/**
 * The messages of one queue that one subscription handles. A queue of an ordinary topic has one lane; the retry topic's queue has one for each
 * subscription of the group, so that a subscription that is busy does not hold up the retries of the others.
 *
 * Lanes belong to the group, not to a member: a rebalance gives them another dispatcher and leaves the messages where they are.
 */
export class Lane {
  readonly queue: ProcessQueue;
  /** The subscription's topic; undefined for retries of a topic that nobody subscribes to any more. */
  readonly topic: string | undefined;
  /** Numbers in the queue's window of messages that wait for a handler. */
  readonly #waiting = new Fifo<number>();
  #dispatcher: Dispatcher | undefined;
  /** Orderly: a message is being handled, or waits for its next attempt. No other may start. */
  #blocked = false;
  /** True while the lane stands in its dispatcher's round. */
  #listed = false;
  #suspension: TimerHandle | undefined;
  #disposed = false;

  constructor(queue: ProcessQueue, topic: string | undefined) {
    this.queue = queue;
    this.topic = topic;
  }

  get dispatcher(): Dispatcher | undefined {
    return this.#dispatcher;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  assign(dispatcher: Dispatcher | undefined): void {
    if (dispatcher === this.#dispatcher) return;
    if (this.#listed) this.#dispatcher?.unlist(this);
    this.#listed = false;
    this.#dispatcher = dispatcher;
    this.offer();
  }

  /** Adds a message at the end. {@link offer} has to follow. */
  add(number: number): void {
    this.#waiting.push(number);
  }

  /** Gives a message back to be handled before all others. {@link offer} or {@link unblock} has to follow. */
  putBack(number: number): void {
    this.#waiting.pushFront(number);
  }

  /** Takes the place in the round that the lane is entitled to, if it has none. */
  offer(): void {
    if (this.#listed || this.#blocked || this.#waiting.size === 0 || this.#dispatcher === undefined) return;
    this.#listed = true;
    this.#dispatcher.list(this);
  }

  /** Gives up the place in the round and yields the next message's number. Only the dispatcher calls it, when the lane's turn has come. */
  take(): number {
    this.#listed = false;
    return this.#waiting.shift()!;
  }

  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    this.#blocked = false;
    this.offer();
  }

  /** Keeps the lane blocked for a while. */
  suspend(clock: Clock, durationMs: number): void {
    if (this.#disposed) return;
    this.#suspension = clock.setTimer(() => {
      this.#suspension = undefined;
      this.unblock();
    }, durationMs);
  }

  /** The queue is no longer consumed by this group: nothing may start any more. */
  dispose(): void {
    this.#disposed = true;
    this.assign(undefined);
    this.#suspension?.cancel();
    this.#suspension = undefined;
  }

  recordAt(number: number): StoredRecord {
    return this.queue.recordAt(number);
  }
}
