import type { StateDirectory, StateFile } from '../types/index.js';
import type { ConsumeQueue } from './consume-queue.js';
import { FILLER_ENTRY_SIZE } from './consume-queue-format.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import { isObject, tableOf } from './data-version.js';

const FILE_NAME = 'consumeQueues.json';
/** It is written behind each checkpoint; the interval only covers a write that failed and is tried again. */
const RETRY_INTERVAL_MS = 5000;

/** By topic and queue id: the first entry, and one past the last. */
export type QueueRanges = Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>;

/**
 * Which consume queues there are, and how far they reached at the last checkpoint: `config/consumeQueues.json`. It is ours; a broker of Apache RocketMQ leaves it
 * alone. Without it a queue whose files are missing could not be told from one that was never written to: its messages would be out of reach, and new ones would
 * get their numbers.
 */
export class QueueList {
  readonly #queues: ConsumeQueueSet;
  #file: StateFile | undefined;
  #content: { readonly confirmPhyOffset: number; readonly queueTable: QueueRanges } = {
    confirmPhyOffset: 0,
    queueTable: {},
  };

  constructor(queues: ConsumeQueueSet) {
    this.#queues = queues;
  }

  async open(directory: StateDirectory): Promise<void> {
    const options = { snapshot: () => this.#content, flushIntervalMs: RETRY_INTERVAL_MS };
    this.#file = await directory.open(FILE_NAME, options);
  }

  /**
   * The first queue that has fewer entries than it must have, in words; undefined when all have theirs.
   *
   * @param trustedOffset the queues were loaded up to the entries of records before it
   * @param firstOffset the log begins there
   * @param isExpected false for a topic that is not to be there any more
   */
  async firstIncomplete(
    trustedOffset: number,
    firstOffset: number,
    isExpected: (topic: string) => boolean,
  ): Promise<string | undefined> {
    const content = this.#file?.initial;
    // A list that is younger than the checkpoint counts entries that were not loaded.
    if (!isObject(content) || !(Number(content.confirmPhyOffset) <= trustedOffset)) return undefined;
    for (const [topic, ranges] of Object.entries(tableOf(content, 'queueTable'))) {
      if (!isObject(ranges) || !isExpected(topic)) continue;
      for (const [queueId, range] of Object.entries(ranges)) {
        if (!Array.isArray(range)) continue;
        const queue = this.#queues.get(topic, Number(queueId));
        const foundEnd = queue?.maxIndex ?? 0;
        const isWhole = foundEnd >= Number(range[1]) && !(await lacksBeginning(queue, Number(range[0]), firstOffset));
        if (!isWhole) return `queue ${queueId} of topic "${topic}"`;
      }
    }
    return undefined;
  }

  /** The present ranges. To be taken together with the offset that the checkpoint will name. */
  ranges(): QueueRanges {
    return Object.fromEntries(
      this.#queues.topicNames().map((topic) => {
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

/** The queue begins later than it did, though the log still has the messages before: retention was not it. */
async function lacksBeginning(queue: ConsumeQueue | undefined, begin: number, firstOffset: number): Promise<boolean> {
  if (queue === undefined || queue.minIndex <= begin) return false;
  const [first] = await queue.entries(queue.minIndex, 1);
  return first !== undefined && first.sizeBytes !== FILLER_ENTRY_SIZE && first.physicalOffset >= firstOffset;
}
