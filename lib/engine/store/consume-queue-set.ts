import type { FileSystem } from '../types/index.js';
import { ConsumeQueue, type QueueBudgets } from './consume-queue.js';
import { QUEUE_ENTRY_BYTES, readEntryOffset, readEntrySize } from './consume-queue-format.js';
import { BlockBudget } from './entry-block.js';
import type { FilePool } from './file-pool.js';
import { isTopicName } from './names.js';
import { parseQueueId } from './queue-place.js';
import { RingBudget } from './ring-budget.js';
import { SegmentFiles } from './segment-files.js';

/** Queues that are opened or flushed side by side: enough to keep a disk busy, few enough for its file descriptors. */
const PARALLEL_QUEUES = 16;
/** Entries that are read at once to find the end of a short queue. */
const FIRST_READ_ENTRIES = 200;

/** All consume queues of a store: `consumequeue/<topic>/<queueId>/`. */
export class ConsumeQueueSet {
  readonly #directory: string;
  readonly #fileSizeBytes: number;
  readonly #fileSystem: FileSystem;
  readonly #pool: FilePool;
  readonly #budgets: QueueBudgets;
  readonly #topics = new Map<string, (ConsumeQueue | undefined)[]>();
  #hasGap = false;

  /** @param entriesPerFile RocketMQ: `mappedFileSizeConsumeQueue` / 20 */
  constructor(
    directory: string,
    entriesPerFile: number,
    fileSystem: FileSystem,
    pool: FilePool,
    rings = new RingBudget(),
  ) {
    this.#directory = directory;
    this.#fileSizeBytes = entriesPerFile * QUEUE_ENTRY_BYTES;
    this.#fileSystem = fileSystem;
    this.#pool = pool;
    this.#budgets = { rings, blocks: new BlockBudget() };
  }

  get(topic: string, queueId: number): ConsumeQueue | undefined {
    return this.#topics.get(topic)?.[queueId];
  }

  getOrCreate(topic: string, queueId: number): ConsumeQueue {
    const known = this.#topics.get(topic)?.[queueId];
    if (known !== undefined) return known;
    return this.#add(this.#queue(topic, queueId, this.#files(topic, queueId), { minIndex: 0, maxIndex: 0 }));
  }

  /** The queues of a topic that hold or held messages. */
  ofTopic(topic: string): readonly ConsumeQueue[] {
    return (this.#topics.get(topic) ?? []).filter((queue) => queue !== undefined);
  }

  all(): readonly ConsumeQueue[] {
    return [...this.#topics.keys()].flatMap((topic) => this.ofTopic(topic));
  }

  topicNames(): readonly string[] {
    return [...this.#topics.keys()];
  }

  /** True when no queue has a file: then the whole log must be read to make them again. */
  async isEmptyOnDisk(): Promise<boolean> {
    return (await this.#fileSystem.list(this.#directory)).length === 0;
  }

  /**
   * Opens the queues as they are on disk, up to the entries of records before `trustedOffset`: what follows is made again from the log. Entries before
   * it were synced before the checkpoint that names it, so they are whole and in order.
   *
   * @param clear the store was not closed cleanly: removes what stands behind
   */
  async load(trustedOffset: number, clear: boolean): Promise<void> {
    const queues: [topic: string, queueId: number][] = [];
    for (const topic of await this.#fileSystem.list(this.#directory)) {
      for (const name of await this.#queueNames(topic)) {
        const queueId = parseQueueId(name);
        if (queueId !== undefined) queues.push([topic, queueId]);
      }
    }
    await inParallel(queues, async ([topic, queueId]) => {
      this.#add(await this.#load(topic, queueId, trustedOffset, clear));
    });
  }

  /** A queue lacks a file between two others. */
  get hasGap(): boolean {
    return this.#hasGap;
  }

  /** Forgets all entries, in memory and on disk; they are made again from the log. */
  async clear(): Promise<void> {
    await inParallel(this.all(), (queue) => queue.remove());
    this.#topics.clear();
    this.#hasGap = false;
  }

  /** Brings all entries to the disk. */
  async flush(): Promise<void> {
    await inParallel(
      this.all().filter((queue) => queue.isDirty),
      (queue) => queue.flush(),
    );
  }

  /** True when the entries of all records before `physicalOffset` are on the disk. */
  areWrittenUpTo(physicalOffset: number): boolean {
    return this.all().every(({ firstUnwrittenOffset = Infinity }) => firstUnwrittenOffset >= physicalOffset);
  }

  /** Lets go of what points before the beginning of the log. */
  async trim(minPhysicalOffset: number): Promise<void> {
    if (minPhysicalOffset === 0) return;
    await inParallel(this.all(), (queue) => queue.trim(minPhysicalOffset));
  }

  /** Removes the queues of a topic with their files. When that fails they are not forgotten, and it can be done again. */
  async remove(topic: string): Promise<void> {
    for (const queue of this.ofTopic(topic)) await queue.remove();
    const directory = `${this.#directory}/${topic}`;
    // Queues that were never written have no directory.
    if ((await this.#fileSystem.stat(directory)) !== undefined) {
      await this.#fileSystem.syncDirectory(directory);
      // Files that are none of ours stay.
      if ((await this.#fileSystem.list(directory)).length === 0) await this.#fileSystem.remove(directory);
      await this.#fileSystem.syncDirectory(this.#directory);
    }
    this.#topics.delete(topic);
  }

  /** What a file manager, say, has left among the topics is no topic of which the queues are missing. */
  async #queueNames(topic: string): Promise<readonly string[]> {
    try {
      return await this.#fileSystem.list(`${this.#directory}/${topic}`);
    } catch (error) {
      if (isTopicName(topic) || (error as { code?: unknown }).code !== 'ENOTDIR') throw error;
      return [];
    }
  }

  async #load(topic: string, queueId: number, trustedOffset: number, clear: boolean): Promise<ConsumeQueue> {
    const files = this.#files(topic, queueId);
    await files.load(clear);
    if (files.firstGap !== undefined) this.#hasGap = true;
    const minIndex = files.firstOffset / QUEUE_ENTRY_BYTES;
    const maxIndex = await findEnd(files, trustedOffset);
    const endOffset = maxIndex * QUEUE_ENTRY_BYTES;
    if (clear || (await holdsData(files, endOffset))) await files.clearFrom(endOffset);
    return this.#queue(topic, queueId, files, { minIndex, maxIndex });
  }

  #queue(
    topic: string,
    queueId: number,
    files: SegmentFiles,
    range: { minIndex: number; maxIndex: number },
  ): ConsumeQueue {
    return new ConsumeQueue(topic, queueId, files, this.#budgets, range);
  }

  #files(topic: string, queueId: number): SegmentFiles {
    const directory = `${this.#directory}/${topic}/${queueId}`;
    return new SegmentFiles(directory, this.#fileSizeBytes, this.#fileSystem, this.#pool);
  }

  #add(queue: ConsumeQueue): ConsumeQueue {
    const queues = this.#topics.get(queue.topic) ?? [];
    queues[queue.queueId] = queue;
    this.#topics.set(queue.topic, queues);
    return queue;
  }
}

/** Index after the last entry of a record before `trustedOffset`. Entries ascend, then zeros follow, so a binary search finds it. */
async function findEnd(files: SegmentFiles, trustedOffset: number): Promise<number> {
  let low = files.firstOffset / QUEUE_ENTRY_BYTES;
  let high = files.endOffset / QUEUE_ENTRY_BYTES;
  const isTrusted = (bytes: Buffer, at: number): boolean =>
    readEntrySize(bytes, at) > 0 && readEntryOffset(bytes, at) < trustedOffset;
  // Most of thousands of queues are short: one read finds their end.
  const first = Buffer.alloc(Math.min(high - low, FIRST_READ_ENTRIES) * QUEUE_ENTRY_BYTES);
  const readBytes = await files.read(first, files.firstOffset);
  for (let at = 0; at + QUEUE_ENTRY_BYTES <= readBytes; at += QUEUE_ENTRY_BYTES, low++) {
    if (!isTrusted(first, at)) return low;
  }
  const entry = Buffer.alloc(QUEUE_ENTRY_BYTES);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    entry.fill(0);
    await files.read(entry, middle * QUEUE_ENTRY_BYTES);
    if (isTrusted(entry, 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function holdsData(files: SegmentFiles, offset: number): Promise<boolean> {
  const entry = Buffer.alloc(QUEUE_ENTRY_BYTES);
  const readBytes = await files.read(entry, offset);
  return readBytes > 0 && readEntrySize(entry, 0) !== 0;
}

/** After a failure nothing more is begun, and what is under way is waited for: the store may belong to another process right after. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      while (next < items.length) await work(items[next++]!);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  const workers = Array.from({ length: Math.min(PARALLEL_QUEUES, items.length) }, worker);
  const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
