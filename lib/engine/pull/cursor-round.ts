import type { Clock, StoredRecord } from '../types/index.js';
import { nextTurn } from './busy.js';
import type { QueueCursor } from './queue-cursor.js';

/** Ends the reading for one poll, so that a poll for many large messages is bounded in memory, too. */
const MAX_POLL_BYTES = 4 * 1024 * 1024;
/** How long reading keeps the event loop before it lets the app have a turn. */
const SLICE_MS = 4;
/** Bounds a slice also where the clock stands still. */
const MAX_READS_PER_SLICE = 64;

/** The cursors of one pull consumer, taking turns. */
export class CursorRound {
  readonly #clock: Clock;
  readonly #batchSize: number;
  readonly #topics = new Map<string, Map<number, QueueCursor>>();
  /** In the order of their turns. */
  #cursors: readonly QueueCursor[] = [];
  /** When the app is to have a turn, and reads since its last one: over all polls, because those of a loop may follow each other without one. */
  #sliceEndMs = 0;
  #reads = 0;

  constructor(clock: Clock, batchSize: number) {
    this.#clock = clock;
    this.#batchSize = batchSize;
  }

  find(topic: string, queueId: number): QueueCursor | undefined {
    return this.#topics.get(topic)?.get(queueId);
  }

  all(): readonly QueueCursor[] {
    return this.#cursors;
  }

  ofTopic(topic: string): readonly QueueCursor[] {
    return [...(this.#topics.get(topic)?.values() ?? [])];
  }

  add(cursor: QueueCursor): void {
    const { topic, queueId } = cursor.queue;
    const queues = this.#topics.get(topic) ?? new Map<number, QueueCursor>();
    this.#topics.set(topic, queues.set(queueId, cursor));
    this.#cursors = [...this.#cursors, cursor];
  }

  remove(cursor: QueueCursor): void {
    const { topic, queueId } = cursor.queue;
    const queues = this.#topics.get(topic);
    queues?.delete(queueId);
    if (queues?.size === 0) this.#topics.delete(topic);
    this.#cursors = this.#cursors.filter((other) => other !== cursor);
  }

  /**
   * Reads until `wanted` messages are held, or there are no more. It reads one batch at a time, and stops as soon as there is enough: so of what
   * it read, less than one batch is left after `wanted` messages have been taken.
   *
   * @param isOver ends a search for messages that a selector takes, after all queues have had a turn
   */
  async fill(wanted: number, isOver: () => boolean): Promise<void> {
    let count = 0;
    let bytes = 0;
    for (const cursor of this.#cursors) {
      count += cursor.heldCount;
      bytes += cursor.heldBytes;
    }
    for (let searches = true; searches;) {
      let found = false;
      let looked = false;
      // The set may change at each wait; cursors that were dropped meanwhile read no more.
      for (const cursor of this.#cursors) {
        if (count >= wanted || bytes >= MAX_POLL_BYTES) return;
        if (!cursor.mayRead) continue;
        looked = true;
        const countBefore = cursor.heldCount;
        const bytesBefore = cursor.heldBytes;
        const reading = cursor.read(this.#batchSize);
        if (reading !== undefined) await reading;
        count += cursor.heldCount - countBefore;
        bytes += cursor.heldBytes - bytesBefore;
        if (cursor.heldCount > countBefore) found = true;
        if (++this.#reads >= MAX_READS_PER_SLICE || this.#clock.monotonicMs() >= this.#sliceEndMs) {
          await nextTurn(this.#clock);
          this.#sliceEndMs = this.#clock.monotonicMs() + SLICE_MS;
          this.#reads = 0;
        }
      }
      // What was found is not held back for the sake of more that may be far away.
      searches = found || (looked && count === 0 && !isOver());
    }
  }

  /** Takes what is held, in turns: at most `maxCount` messages. */
  take(maxCount: number): readonly StoredRecord[] {
    const messages: StoredRecord[] = [];
    const cursors = this.#cursors;
    let turns = 0;
    for (; turns < cursors.length && messages.length < maxCount; turns++) {
      messages.push(...cursors[turns]!.take(maxCount - messages.length));
    }
    this.#cursors = [...cursors.slice(turns), ...cursors.slice(0, turns)];
    return messages;
  }
}
