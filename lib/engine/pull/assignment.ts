import type { MessageQueue } from '../types/index.js';
import { CursorRound } from './cursor-round.js';
import type { OffsetBook } from './offset-book.js';
import type { ResolvedPullOptions } from './pull-options.js';
import type { PullRoom, SelectorFunctions } from './pull-room.js';
import { QueueCursor } from './queue-cursor.js';

/** The queues that one pull consumer reads, and how far it is in them. All its changes are made in one step, without a wait. */
export class Assignment {
  readonly cursors: CursorRound;
  readonly #room: PullRoom;
  readonly #offsets: OffsetBook;
  readonly #autoCommit: boolean;
  /** Called when a poll that waits may have something to do. */
  readonly #onChange: () => void;
  /** By topic: ends the listening. */
  readonly #listening = new Map<string, () => void>();

  constructor(room: PullRoom, options: ResolvedPullOptions, offsets: OffsetBook, onChange: () => void) {
    this.cursors = new CursorRound(room.clock, options.pullBatchSize);
    this.#room = room;
    this.#offsets = offsets;
    this.#autoCommit = options.autoCommit;
    this.#onChange = onChange;
  }

  queues(): readonly MessageQueue[] {
    return this.cursors
      .all()
      .map(({ queue }) => queue)
      .toSorted((a, b) => (a.topic === b.topic ? a.queueId - b.queueId : a.topic < b.topic ? -1 : 1));
  }

  add(queue: MessageQueue, selector: SelectorFunctions, startOffset: number): void {
    this.cursors.add(new QueueCursor(this.#room, queue, selector, startOffset));
    this.#onChange();
  }

  /** Lets go of a queue. What counts as consumed is committed where that happens by itself; the rest comes again, to whoever reads the queue next. */
  drop(cursor: QueueCursor): void {
    cursor.drop();
    this.cursors.remove(cursor);
    if (this.#autoCommit) this.#write(cursor);
    this.#onChange();
  }

  /** Listens to the arrivals in a topic; harmless when it does already. */
  listen(topic: string, onArrival: () => void): void {
    if (this.#listening.has(topic)) return;
    const stop = this.#room.store.onArrival(topic, (queueId) => {
      onArrival();
      const cursor = this.cursors.find(topic, queueId);
      if (cursor === undefined) return;
      cursor.arrived();
      this.#onChange();
    });
    this.#listening.set(topic, stop);
  }

  stopListening(topic: string): void {
    this.#listening.get(topic)?.();
    this.#listening.delete(topic);
  }

  listenedTopics(): readonly string[] {
    return [...this.#listening.keys()];
  }

  /** Takes all that was returned as consumed. */
  confirm(): void {
    for (const cursor of this.cursors.all()) cursor.confirm();
  }

  /** Writes down what is consumed. */
  commit(): void {
    for (const cursor of this.cursors.all()) this.#write(cursor);
  }

  #write({ queue, consumedOffset }: QueueCursor): void {
    this.#offsets.set(queue.topic, queue.queueId, consumedOffset);
  }
}
