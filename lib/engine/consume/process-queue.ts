import { messageOf, stackOf } from '../../errors/thrown.js';
import {
  DEAD_LETTER_TOPIC_PREFIX,
  type MaybePromise,
  type PullBatch,
  type StoredRecord,
  type TimerHandle,
} from '../types/index.js';
import type { ConsumeRoom, SelectorFunctions } from './consume-room.js';
import { Lane, type LaneHandler, type LaneQueue } from './lane.js';
import type { OffsetCell } from './offset-cell.js';
import { OffsetWindow } from './offset-window.js';
import { ParkedMessages } from './parked-messages.js';
import type { Fetcher, PrefetchBudget } from './prefetch-budget.js';
import { withReconsumeTimes } from './redelivered-record.js';
import type { SlicedTask } from './slice-scheduler.js';

/** Most messages of one pull: enough to make its cost small, few enough for a slice. */
const MAX_PULL_COUNT = 256;
/** `pullBatchSizeInBytes`. */
const MAX_PULL_BYTES = 256 * 1024;
/**
 * While one message is stuck, those behind it go on, but not without end: after a crash all of them come again
 * (`consumeConcurrentlyMaxSpan`).
 */
const MAX_SPAN = 2000;
/** `pullTimeDelayMillsWhenException`. */
const RETRY_PULL_MS = 3000;

/** The member that a queue is assigned to. */
export interface QueueOwner {
  readonly clientId: string;
  readonly budget: PrefetchBudget;
  /** How much may be fetched ahead from each queue of this topic. */
  fetchLimits(topic: string): FetchLimits;
  /** Who handles the messages of a lane. */
  dispatcherOf(laneTopic: string | undefined): LaneHandler;
  /** Messages of a topic were left out because the selector does not want them. */
  passedOver(topic: string, count: number): void;
}

export interface FetchLimits {
  readonly maxCount: number;
  readonly maxBytes: number;
}

/** What a queue looks like from outside. */
export interface QueueStatus {
  readonly topic: string;
  readonly queueId: number;
  /** Client id of the member that has the queue; undefined when nobody has. */
  readonly owner: string | undefined;
  /** Everything before this offset is done. */
  readonly committedOffset: number;
  /** Where the queue is read next. */
  readonly nextOffset: number;
  /** One past the newest message. */
  readonly maxOffset: number;
  /** Messages between the committed offset and the newest one. */
  readonly lag: number;
  /** Messages in memory that are not done: waiting, being handled, or waiting for another attempt. */
  readonly held: number;
  readonly heldBytes: number;
}

export interface ProcessQueueOptions {
  readonly topic: string;
  readonly queueId: number;
  readonly selector: SelectorFunctions;
  /** Where reading begins. Everything before is done. */
  readonly startOffset: number;
  readonly offset: OffsetCell;
  /** The topics of the lanes. A message goes to the lane of its original topic, else to the last one. */
  readonly laneTopics: readonly (string | undefined)[];
}

/**
 * One queue on its way through a group: reads ahead within bounds, and commits the lowest offset that is not done.
 *
 * It belongs to the group and outlives its owners. When another member gets the queue, the messages in memory and their marks stay: what is being handled
 * is finished where it began, everything else starts at the new owner. So nothing is read twice and nothing is left out, whoever joins or leaves.
 */
export class ProcessQueue implements LaneQueue, SlicedTask, Fetcher {
  readonly topic: string;
  readonly queueId: number;
  scheduled = false;
  /** Of another group: no group listens to its own. */
  readonly #holdsDeadLetters: boolean;
  readonly #room: ConsumeRoom;
  readonly #selector: SelectorFunctions;
  readonly #offset: OffsetCell;
  readonly #window: OffsetWindow;
  readonly #lanes: readonly Lane[];
  readonly #lastLane: Lane;
  readonly #parked: ParkedMessages;
  #owner: QueueOwner | undefined;
  #limits: FetchLimits = { maxCount: 0, maxBytes: 0 };
  /** A pull has not been answered yet. There is never more than one. */
  #pulling = false;
  /** Everything there is has been read: only an arrival makes it worth while to look again. */
  #atEnd = false;
  /** Something has arrived since the last pull was asked. */
  #arrived = false;
  #pullRetry: TimerHandle | undefined;
  #disposed = false;

  constructor(room: ConsumeRoom, options: ProcessQueueOptions) {
    this.#room = room;
    this.topic = options.topic;
    this.queueId = options.queueId;
    this.#holdsDeadLetters = options.topic.startsWith(DEAD_LETTER_TOPIC_PREFIX);
    this.#selector = options.selector;
    this.#offset = options.offset;
    this.#window = new OffsetWindow(options.startOffset);
    this.#lanes = options.laneTopics.map((topic) => new Lane(this, topic));
    this.#lastLane = this.#lanes.at(-1)!;
    this.#parked = new ParkedMessages(room.clock);
    this.#offset.commit(options.startOffset);
  }

  /** Gives the queue to a member, or takes it away from all. Messages whose handlers are running are not affected. */
  assign(owner: QueueOwner | undefined): void {
    if (owner === this.#owner) return;
    this.#owner?.budget.forget(this);
    this.#owner?.budget.giveBack(this.#window.held, this.#window.heldBytes);
    this.#owner = owner;
    owner?.budget.take(this.#window.held, this.#window.heldBytes);
    if (owner !== undefined) this.#limits = owner.fetchLimits(this.topic);
    for (const lane of this.#lanes) lane.assign(owner?.dispatcherOf(lane.topic));
    this.fetchAgain();
  }

  /** A message can be read. */
  arrived(): void {
    this.#arrived = true;
    if (!this.#atEnd) return;
    this.#atEnd = false;
    this.fetchAgain();
  }

  recordAt(number: number): StoredRecord {
    return this.#window.recordAt(number);
  }

  /** Puts another view of the same message in its place. */
  replace(number: number, record: StoredRecord): void {
    this.#window.replace(number, record);
  }

  /** A message is done: it has been handled, or is stored for a retry. */
  finish(number: number): void {
    const sizeBytes = this.#window.finish(number);
    this.#owner?.budget.giveBack(1, sizeBytes);
    // The group has ended, and another one may have taken its place and gone further.
    if (this.#disposed) return;
    this.#offset.commit(this.#window.commitOffset);
    this.fetchAgain();
  }

  /** Keeps a failed message in memory for another attempt. */
  park(lane: Lane, number: number): void {
    const record = this.#window.recordAt(number);
    this.#window.replace(number, withReconsumeTimes(record, record.reconsumeTimes + 1));
    this.#parked.park(lane, number);
  }

  /** Reads on if there may be something to read and there is room for it. */
  fetchAgain(): void {
    if (this.scheduled || this.#mustWait() || this.#roomCount() === 0) return;
    this.#room.scheduler.schedule(this);
  }

  run(): void {
    if (this.#mustWait()) return;
    const maxCount = this.#roomCount();
    if (maxCount === 0) return;
    this.#arrived = false;
    let answer: MaybePromise<PullBatch>;
    try {
      answer = this.#pull(maxCount);
    } catch (error) {
      this.#pullFailed(error);
      return;
    }
    if ('then' in answer) this.#awaitPull(answer);
    else this.#take(answer);
  }

  /** Gives its place to another view of the same queue, which waits for what is being handled in order. Everything else ends here. */
  handOver(successor: ProcessQueue): void {
    for (const [index, lane] of this.#lanes.entries()) lane.handOver(successor.#lanes[index]!);
    this.dispose();
  }

  /** Ends the queue's part in this group. What is still under way changes nothing any more. */
  dispose(): void {
    this.assign(undefined);
    this.#disposed = true;
    this.#parked.dispose();
    this.#pullRetry?.cancel();
    for (const lane of this.#lanes) lane.dispose();
  }

  status(): QueueStatus {
    const { nextOffset, commitOffset, held, heldBytes } = this.#window;
    const { maxOffset } = this.#room.store.queueRange(this.topic, this.queueId);
    return {
      topic: this.topic,
      queueId: this.queueId,
      owner: this.#owner?.clientId,
      committedOffset: commitOffset,
      nextOffset,
      maxOffset,
      lag: Math.max(maxOffset - commitOffset, 0),
      held,
      heldBytes,
    };
  }

  #mustWait(): boolean {
    return this.#owner === undefined || this.#atEnd || this.#pulling || this.#pullRetry !== undefined;
  }

  /** How many messages to fetch now. Small gaps are left to grow, because a pull for a single message costs as much as one for many. */
  #roomCount(): number {
    const window = this.#window;
    const { maxCount, maxBytes } = this.#limits;
    if (window.heldBytes >= maxBytes) return 0;
    const room = Math.min(maxCount - window.held, Math.max(MAX_SPAN, maxCount) - window.span, MAX_PULL_COUNT);
    const worthwhile = Math.min(MAX_PULL_COUNT, (maxCount + 1) >> 1);
    if (room < worthwhile) return 0;
    const { budget } = this.#owner!;
    const roomInBudget = Math.min(room, budget.roomCount);
    if (roomInBudget >= Math.min(worthwhile, budget.halfCount)) return roomInBudget;
    if (window.held === 0) return Math.max(roomInBudget, 1);
    budget.await(this);
    return 0;
  }

  #pull(maxCount: number): MaybePromise<PullBatch> {
    const roomBytes = Math.min(this.#limits.maxBytes - this.#window.heldBytes, this.#owner!.budget.roomBytes);
    return this.#room.store.pull({
      topic: this.topic,
      queueId: this.queueId,
      offset: this.#window.nextOffset,
      maxCount,
      maxBytes: Math.min(roomBytes, MAX_PULL_BYTES),
      acceptsTagsCode: this.#selector.acceptsTagsCode,
      accepts: this.#selector.accepts,
    });
  }

  #awaitPull(answer: Promise<PullBatch>): void {
    this.#pulling = true;
    this.#room.gauge.enter();
    const ended = (next: () => void): void => {
      this.#pulling = false;
      next();
      this.#room.gauge.leave();
    };
    void answer.then(
      (batch) => ended(() => this.#take(batch)),
      (error: unknown) => ended(() => this.#pullFailed(error)),
    );
  }

  #take(batch: PullBatch): void {
    if (this.#disposed) return;
    const window = this.#window;
    if (batch.nextOffset === window.nextOffset && batch.nextOffset < batch.maxOffset) {
      this.#pullFailed(new Error(`nothing came from offset ${batch.nextOffset}, though ${batch.maxOffset} is the end`));
      return;
    }
    const bytesBefore = window.heldBytes;
    for (const record of batch.messages) this.#laneOf(record).add(window.push(this.#asSeen(record)));
    this.#owner?.budget.take(batch.messages.length, window.heldBytes - bytesBefore);
    if (batch.status === 'FOUND' || batch.status === 'NO_MATCHED_MESSAGE') {
      this.#owner?.passedOver(this.topic, batch.nextOffset - window.nextOffset - batch.messages.length);
    }
    this.#moveTo(batch);
    for (const lane of this.#lanes) lane.offer();
    this.#offset.commit(window.commitOffset);
    this.#atEnd = batch.nextOffset >= batch.maxOffset && !this.#arrived;
    this.fetchAgain();
  }

  /** A dead letter of another group tells of that one's attempts. This group's begin anew, or it would be given up at its first failure. */
  #asSeen(record: StoredRecord): StoredRecord {
    return this.#holdsDeadLetters ? withReconsumeTimes(record, 0) : record;
  }

  #moveTo({ status, nextOffset, minOffset, maxOffset }: PullBatch): void {
    const from = this.#window.nextOffset;
    this.#window.nextOffset = nextOffset;
    if (status === 'FOUND' || status === 'NO_MATCHED_MESSAGE' || nextOffset === from) return;
    // Messages were deleted before they were consumed, or the log lost its end. RocketMQ goes on where there is something, too.
    const where = `${nameOfQueue(this)} from offset ${from} to ${nextOffset}`;
    this.#room.logger.warn(
      `The consumption of ${where} has moved: the queue goes from ${minOffset} to ${maxOffset} (${status}).`,
    );
  }

  #laneOf(record: StoredRecord): Lane {
    if (this.#lanes.length === 1) return this.#lastLane;
    const { topic } = record;
    return this.#lanes.find((lane) => lane.topic === topic) ?? this.#lastLane;
  }

  #pullFailed(error: unknown): void {
    if (this.#disposed) return;
    const message = `${nameOfQueue(this)} could not be read, it is tried again: ${messageOf(error)}`;
    this.#room.logger.error(message, stackOf(error));
    this.#pullRetry = this.#room.clock.setTimer(() => {
      this.#pullRetry = undefined;
      this.fetchAgain();
    }, RETRY_PULL_MS);
  }
}

function nameOfQueue({ topic, queueId }: ProcessQueue): string {
  return `Queue ${queueId} of topic "${topic}"`;
}
