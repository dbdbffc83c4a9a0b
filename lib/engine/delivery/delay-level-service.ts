import { SCHEDULE_TOPIC, type ServiceContext } from '../types/index.js';
import { DelayLevelCursor } from './delay-level-cursor.js';
import { levelOfScheduleQueue, type DelayLevelTable } from './delay-level.js';
import { DelayOffsets } from './delay-offsets.js';

/** RocketMQ gives the schedule topic this many queues, also when the table has fewer levels. */
const SCHEDULE_QUEUES = 18;

/** Hands messages on that have waited for their delay level (RocketMQ: `ScheduleMessageService`). */
export class DelayLevelService {
  readonly #context: ServiceContext;
  readonly #levels: DelayLevelTable;
  #offsets: DelayOffsets | undefined;
  #cursors: readonly DelayLevelCursor[] = [];
  #stopListening: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: ServiceContext, levels: DelayLevelTable) {
    this.#context = context;
    this.#levels = levels;
  }

  /** Takes up every level where it was left. What became due meanwhile is delivered at once. */
  async start(): Promise<void> {
    const { store, state, topics, clock } = this.#context;
    const topic = await topics.ensure(SCHEDULE_TOPIC, Math.max(SCHEDULE_QUEUES, this.#levels.maxLevel));
    const offsets = await DelayOffsets.open(state, clock);
    this.#offsets = offsets;
    // A table that became shorter leaves records in queues beyond it: those are delivered, too.
    const queueNums = Math.max(topic.writeQueueNums, this.#levels.maxLevel);
    this.#cursors = Array.from({ length: queueNums }, (_, queueId) => this.#cursor(queueId, offsets));
    // One that was taken back must be so on the disk, before records come that get the numbers of lost ones.
    await offsets.flush();
    this.#stopListening = store.onArrival(SCHEDULE_TOPIC, (queueId) => this.#cursors[queueId]?.wake());
    for (const cursor of this.#cursors) cursor.wake();
  }

  /** The first record in the queue of a level that is not delivered. */
  undeliveredFrom(level: number): number {
    const { minOffset } = this.#context.store.queueRange(SCHEDULE_TOPIC, level - 1);
    return Math.max(this.#offsets?.get(level) ?? 0, minOffset);
  }

  /** Where the oldest record lies in the log that is not delivered; undefined: none waits. */
  async oldestUndelivered(): Promise<number | undefined> {
    const { store } = this.#context;
    let oldest: number | undefined;
    for (const queueId of this.#cursors.keys()) {
      const from = this.undeliveredFrom(levelOfScheduleQueue(queueId));
      const [head] = await store.entries(SCHEDULE_TOPIC, queueId, from, 1);
      if (head !== undefined && head.physicalOffset < (oldest ?? Infinity)) oldest = head.physicalOffset;
    }
    return oldest;
  }

  /** Resolves when what is under way has been delivered and the offsets are on disk. Waiting messages stay in the store. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopListening?.();
    await Promise.all(this.#cursors.map((cursor) => cursor.close()));
    await this.#offsets?.flush();
  }

  #cursor(queueId: number, offsets: DelayOffsets): DelayLevelCursor {
    const level = levelOfScheduleQueue(queueId);
    const { minOffset, maxOffset } = this.#context.store.queueRange(SCHEDULE_TOPIC, queueId);
    const stored = offsets.get(level);
    const offset = Math.min(Math.max(stored ?? 0, minOffset), maxOffset);
    if (stored !== undefined && stored !== offset) {
      this.#context.logger.warn(
        `The offset of delay level ${level} was ${stored} and is set to ${offset}: its queue goes from ${minOffset} to ${maxOffset}.`,
      );
      offsets.set(level, offset);
    }
    const delayMs = this.#levels.delayMs(level);
    return new DelayLevelCursor(this.#context, queueId, delayMs, offset, (next) => offsets.set(level, next));
  }
}
