import type { MaybePromise, MessageQueue, PullBatch, StoredRecord } from '../types/index.js';
import type { PullRoom, SelectorFunctions } from './pull-room.js';

/** `pullBatchSizeInBytes`. */
const MAX_PULL_BYTES = 256 * 1024;

/**
 * How far one pull consumer is in one queue. The queue is in four parts, in this order: what is consumed; what the last poll returned, which nobody has said is
 * done; what has been read and waits for a poll; what has not been read.
 */
export class QueueCursor {
  readonly queue: MessageQueue;
  paused = false;
  readonly #room: PullRoom;
  #selector: SelectorFunctions;
  /** Read, and not returned yet. */
  #held: StoredRecord[] = [];
  #heldBytes = 0;
  /** Where the queue is read next. */
  #readOffset: number;
  /** Where the second part begins; undefined when it is empty. */
  #returnedFrom: number | undefined;
  /** Everything there is has been looked at. An arrival says that there is more. */
  #atEnd = false;
  /** Counts what makes the answer to a read that is under way worthless. */
  #moves = 0;
  #dropped = false;

  constructor(room: PullRoom, queue: MessageQueue, selector: SelectorFunctions, startOffset: number) {
    this.#room = room;
    this.queue = queue;
    this.#selector = selector;
    this.#readOffset = this.#withinQueue(startOffset);
    if (this.#readOffset !== startOffset) this.#tellOfGap(startOffset);
  }

  /** The first message that the next poll may return; between it and the last one returned there is nothing that the selector takes. */
  get position(): number {
    return this.#held[0]?.queueOffset ?? this.#readOffset;
  }

  /** Everything before this offset is consumed. */
  get consumedOffset(): number {
    return this.#returnedFrom ?? this.position;
  }

  get heldCount(): number {
    return this.paused ? 0 : this.#held.length;
  }

  get heldBytes(): number {
    return this.paused ? 0 : this.#heldBytes;
  }

  get mayRead(): boolean {
    return !this.#atEnd && !this.paused && !this.#dropped;
  }

  arrived(): void {
    this.#atEnd = false;
  }

  /** Takes all that was returned as consumed. */
  confirm(): void {
    this.#returnedFrom = undefined;
  }

  moveTo(offset: number): void {
    this.#returnedFrom = undefined;
    this.#readFrom(this.#withinQueue(offset));
  }

  /** Looks with another selector at what has not been returned. */
  select(selector: SelectorFunctions): void {
    this.#selector = selector;
    this.#readFrom(this.position);
  }

  /** The consumer has lost the queue: nothing is read any more. */
  drop(): void {
    this.#dropped = true;
    this.#moves++;
  }

  /** Reads at most `maxCount` messages more. One read at a time: the caller sees to that. */
  read(maxCount: number): MaybePromise<void> {
    const moves = this.#moves;
    const answer = this.#room.store.pull({
      topic: this.queue.topic,
      queueId: this.queue.queueId,
      offset: this.#readOffset,
      maxCount,
      maxBytes: MAX_PULL_BYTES,
      acceptsTagsCode: this.#selector.acceptsTagsCode,
      accepts: this.#selector.accepts,
    });
    if (answer instanceof Promise) return answer.then((batch) => this.#hold(batch, moves));
    this.#hold(answer, moves);
  }

  /** Returns at most `maxCount` of the messages that were read. */
  take(maxCount: number): readonly StoredRecord[] {
    if (this.heldCount === 0) return [];
    this.#returnedFrom ??= this.position;
    const taken = this.#held.splice(0, maxCount);
    for (const { storeSize } of taken) this.#heldBytes -= storeSize;
    return taken;
  }

  #hold(batch: PullBatch, moves: number): void {
    if (moves !== this.#moves) return;
    const offset = this.#readOffset;
    for (const message of batch.messages) {
      this.#held.push(message);
      this.#heldBytes += message.storeSize;
    }
    this.#readOffset = batch.nextOffset;
    // Messages were deleted before they were consumed, or the log lost its end. RocketMQ goes on where there is something, too.
    const wasInside = batch.status === 'FOUND' || batch.status === 'NO_MATCHED_MESSAGE';
    if (!wasInside && offset !== batch.nextOffset) this.#tellOfGap(offset);
    this.#atEnd = this.#readOffset >= this.#range().maxOffset;
  }

  #readFrom(offset: number): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#readOffset = offset;
    this.#atEnd = false;
    this.#moves++;
  }

  #withinQueue(offset: number): number {
    const { minOffset, maxOffset } = this.#range();
    return Math.min(Math.max(offset, minOffset), maxOffset);
  }

  #range(): { readonly minOffset: number; readonly maxOffset: number } {
    return this.#room.store.queueRange(this.queue.topic, this.queue.queueId);
  }

  #tellOfGap(from: number): void {
    const { topic, queueId } = this.queue;
    const { minOffset, maxOffset } = this.#range();
    this.#room.logger.warn(
      `A pull consumer goes on in queue ${queueId} of topic "${topic}" at offset ${this.#readOffset} in place of ${from}: ` +
        `the queue goes from ${minOffset} to ${maxOffset}.`,
    );
  }
}
