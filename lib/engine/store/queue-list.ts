import type { StateDirectory, StateFile } from '../types/index.js';
import type { ConsumeQueue } from './consume-queue.js';
import { FILLER_ENTRY_SIZE, QUEUE_ENTRY_BYTES } from './consume-queue-format.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import { isObject, tableOf } from './data-version.js';
import type { DeletedTopics } from './deleted-topics.js';
import { canBeTopic, parseQueueId } from './queue-place.js';

const FILE_NAME = 'consumeQueues.json';
/** It is written behind each checkpoint; the interval only covers a write that failed and is tried again. */
const RETRY_INTERVAL_MS = 5000;

/** By topic and queue id: the first entry, and one past the last. */
export type QueueRanges = Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;

/** True when the log holds a message of this queue before `untilOffset`, with a number from `fromNumber` to `toNumber`. */
export type IsInLog = (
  topic: string,
  queueId: number,
  numbers: { readonly from: number; readonly to: number },
  untilOffset: number,
) => Promise<boolean>;

interface StatedQueue {
  readonly topic: string;
  readonly queueId: number;
  /** The first entry, and one past the last. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Which consume queues there are, and how far they reached at the last checkpoint: `config/consumeQueues.json`. It is ours; a broker of Apache RocketMQ leaves it
 * alone. Without it a queue whose files are missing could not be told from one that was never written to: its messages would be out of reach, and new ones would
 * get their numbers.
 */
export class QueueList {
  readonly #queues: ConsumeQueueSet;
  readonly #deletedTopics: DeletedTopics;
  #file: StateFile | undefined;
  #content: { readonly confirmPhyOffset: number; readonly queueTable: QueueRanges } = {
    confirmPhyOffset: 0,
    queueTable: {},
  };

  constructor(queues: ConsumeQueueSet, deletedTopics: DeletedTopics) {
    this.#queues = queues;
    this.#deletedTopics = deletedTopics;
  }

  async open(directory: StateDirectory): Promise<void> {
    const options = { snapshot: () => this.#content, flushIntervalMs: RETRY_INTERVAL_MS };
    this.#file = await directory.open(FILE_NAME, options);
  }

  /**
   * The first queue that has fewer entries than it must have, in words; undefined when all have theirs.
   *
   * @param trustedOffset the queues were loaded up to the entries of records before it
   */
  async firstIncomplete(trustedOffset: number, isInLog: IsInLog): Promise<string | undefined> {
    // A list that is younger than the checkpoint counts entries that were not loaded.
    if (!(this.statedOffset <= trustedOffset)) return undefined;
    for (const stated of this.#stated()) {
      const { topic, queueId } = stated;
      const queue = this.#queues.get(topic, queueId);
      const foundEnd = queue?.maxIndex ?? 0;
      if (foundEnd < stated.end || (await lacksBeginning(queue, stated, isInLog)))
        return `queue ${queueId} of topic "${topic}"`;
    }
    return undefined;
  }

  /**
   * Queues that were made again from a log that has none of their messages any more go on with their numbers.
   *
   * @param before the queues as they were before; one may have got further than the list says
   * @param isThere false for topics that are to be left out
   */
  keepNumbers(
    before: readonly Pick<StatedQueue, 'topic' | 'queueId' | 'end'>[],
    isThere: (topic: string) => boolean,
  ): void {
    for (const { topic, queueId, end } of [...before, ...this.#stated()]) {
      if (!isThere(topic)) continue;
      const { minIndex, maxIndex } = this.#queues.get(topic, queueId) ?? { minIndex: 0, maxIndex: 0 };
      if (minIndex === maxIndex && maxIndex < end) this.#queues.getOrCreate(topic, queueId).beginBehind(end);
    }
  }

  /** Where the log ended when the list was written; NaN: there is none. */
  get statedOffset(): number {
    const content = this.#file?.initial;
    return isObject(content) ? Number(content.confirmPhyOffset) : NaN;
  }

  /** What the list said at the opening, of topics that are to be there still. */
  #stated(): readonly StatedQueue[] {
    const stated: StatedQueue[] = [];
    for (const [topic, ranges] of Object.entries(tableOf(this.#file?.initial, 'queueTable'))) {
      if (!isObject(ranges) || !canBeTopic(topic) || !this.#isExpected(topic)) continue;
      for (const [name, range] of Object.entries(ranges)) {
        const queueId = parseQueueId(name);
        if (queueId !== undefined && isRange(range)) stated.push({ topic, queueId, begin: range[0], end: range[1] });
      }
    }
    return stated;
  }

  /** False for a topic that is being deleted, or was since the list was written. */
  #isExpected(topic: string): boolean {
    return !this.#deletedTopics.isClosed(topic) && !this.#deletedTopics.covers(topic, this.statedOffset - 1);
  }

  /** The present ranges. To be taken together with the offset that the checkpoint will name. */
  ranges(): QueueRanges {
    // What is being deleted is left out: when that has ended, a list that is younger than the decision would say that it is missing.
    const topics = this.#queues.topicNames().filter((topic) => !this.#deletedTopics.isClosed(topic));
    return Object.fromEntries(
      topics.map((topic) => {
        const queues = this.#queues.ofTopic(topic).filter(({ maxIndex }) => maxIndex > 0);
        return [topic, Object.fromEntries(queues.map((queue) => [queue.queueId, [queue.minIndex, queue.maxIndex]]))];
      }),
    );
  }

  /** Writes the list. To be called when a checkpoint says that all of it is on the disk. */
  async write(confirmPhyOffset: number, queueTable: QueueRanges): Promise<void> {
    this.#content = { confirmPhyOffset, queueTable };
    this.#file?.markDirty();
    await this.#file?.flush();
  }
}

/** A number that no queue gets to would be gone on with for good. */
function isRange(range: unknown): range is [begin: number, end: number] {
  if (!Array.isArray(range)) return false;
  const [begin, end] = range as unknown[];
  return isEntryNumber(begin) && isEntryNumber(end) && begin <= end;
}

function isEntryNumber(value: unknown): value is number {
  return (
    Number.isInteger(value) && (value as number) >= 0 && (value as number) * QUEUE_ENTRY_BYTES < Number.MAX_SAFE_INTEGER
  );
}

/** The queue begins later than it did, though the log still has a message before: retention was not it. */
async function lacksBeginning(
  queue: ConsumeQueue | undefined,
  { topic, queueId, begin }: StatedQueue,
  isInLog: IsInLog,
): Promise<boolean> {
  if (queue === undefined || queue.minIndex <= begin) return false;
  const [first] = await queue.entries(queue.minIndex, 1);
  if (first === undefined || first.sizeBytes === FILLER_ENTRY_SIZE) return false;
  return isInLog(topic, queueId, { from: begin, to: queue.minIndex - 1 }, first.physicalOffset);
}
