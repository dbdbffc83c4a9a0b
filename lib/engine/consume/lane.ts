import type { Clock, StoredRecord, TimerHandle } from '../types/index.js';
import { Fifo } from './fifo.js';

/** Who handles a lane's messages: gives the lanes that have some their turns. */
export interface LaneHandler {
  /** The lane has a message that may start. Called once until its turn has come. */
  list(lane: Lane): void;
  unlist(lane: Lane): void;
}

/** The queue that a lane's messages are from. Messages are known by their numbers in its window. */
export interface LaneQueue {
  recordAt(number: number): StoredRecord;
  /** Puts another view of the same message in its place. */
  replace(number: number, record: StoredRecord): void;
  /** The message is done. */
  finish(number: number): void;
  /** The message can't be stored again now: it is handled again here, after a while. */
  park(lane: Lane, number: number): void;
}

/**
 * The messages of one queue that one subscription handles. A queue of an ordinary topic has one lane; the retry topic's queue has one for each
 * subscription of the group, so that a subscription that is busy does not hold up the retries of the others.
 *
 * Lanes belong to the group, not to a member: a rebalance gives them another dispatcher and leaves the messages where they are.
 */
export class Lane {
  readonly queue: LaneQueue;
  /** The subscription's topic; undefined for retries of a topic that nobody subscribes to any more. */
  readonly topic: string | undefined;
  /** Numbers in the queue's window of messages that wait for a handler. */
  readonly #waiting = new Fifo<number>();
  #dispatcher: LaneHandler | undefined;
  /** Orderly: a message is being handled, or waits for its next attempt. No other may start. */
  #blocked = false;
  /** True while the lane stands in its dispatcher's round. */
  #listed = false;
  #suspension: TimerHandle | undefined;
  /** Orderly: the lane that waits for what is being handled here. */
  #successor: Lane | undefined;
  #disposed = false;

  constructor(queue: LaneQueue, topic: string | undefined) {
    this.queue = queue;
    this.topic = topic;
  }

  get dispatcher(): LaneHandler | undefined {
    return this.#dispatcher;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  assign(dispatcher: LaneHandler | undefined): void {
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

  /** Yields one more message's number after {@link take}; undefined when there is none. */
  takeMore(): number | undefined {
    return this.#waiting.shift();
  }

  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    this.#blocked = false;
    const successor = this.#successor;
    this.#successor = undefined;
    successor?.unblock();
    this.offer();
  }

  /** Keeps the lane blocked for a while. */
  suspend(clock: Clock, durationMs: number): void {
    if (this.#disposed) {
      // Nothing comes again here, so there is nothing to pause for; but somebody may wait for the end of what was handled.
      this.unblock();
      return;
    }
    this.#suspension = clock.setTimer(() => {
      this.#suspension = undefined;
      this.unblock();
    }, durationMs);
  }

  /** Lets another lane go on in this one's place: when what is being handled in order here has ended, and not beside it. {@link dispose} has to follow. */
  handOver(successor: Lane): void {
    if (!this.#blocked || this.#suspension !== undefined) return;
    this.#successor = successor;
    successor.block();
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
