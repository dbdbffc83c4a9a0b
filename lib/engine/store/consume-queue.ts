import type { MaybePromise, QueueEntry } from '../types/index.js';
import type { QueueNumbers } from './commit-log.js';
import { FILLER_ENTRY_SIZE, QUEUE_ENTRY_BYTES, writeQueueEntry } from './consume-queue-format.js';
import { EntryBlock, type BlockBudget, type BlockHolder, type EntrySource } from './entry-block.js';
import { EntryRing } from './entry-ring.js';
import type { RingBudget } from './ring-budget.js';
import type { SegmentFiles } from './segment-files.js';

/** A longer hole in a queue is a number that can't be. */
const MAX_HOLE_ENTRIES = 1_000_000;
/** Most entries of one read from the disk. */
const READ_ENTRIES = 1024;

/** What the queues of a store may hold in memory together. */
export interface QueueBudgets {
  readonly rings: RingBudget;
  readonly blocks: BlockBudget;
}

/**
 * The index of one queue: entry n says where in the commit log message n lies. It is derived from the log: what is not on disk at a crash is
 * made again, so its writes are lazy.
 *
 * Invariant: `minIndex <= ring.writtenIndex <= maxIndex <= #nextNumber`; entries at or after `ring.writtenIndex`, which are not in the files or not synced there,
 * are in the ring.
 */
export class ConsumeQueue implements QueueNumbers, BlockHolder {
  readonly topic: string;
  readonly queueId: number;
  readonly #files: SegmentFiles;
  readonly #ring: EntryRing;
  readonly #blocks: BlockBudget;
  /** What was last read of the files. */
  #block: EntryBlock | undefined;
  /** How often everything in memory was let go of: what is being read then is of no use. */
  #beginnings = 0;
  #minIndex: number;
  /** Where the queue was made to begin, in the middle of a file perhaps; −1: where its files do. */
  #startIndex = -1;
  /** The number of the next message, given out when it enters the log; entries follow when it is visible. */
  #nextNumber: number;

  /** @param range what recovery found in the files: the first entry that counts, and one past the last */
  constructor(
    topic: string,
    queueId: number,
    files: SegmentFiles,
    budgets: QueueBudgets,
    range: { minIndex: number; maxIndex: number },
  ) {
    this.topic = topic;
    this.queueId = queueId;
    this.#files = files;
    this.#minIndex = range.minIndex;
    this.#nextNumber = range.maxIndex;
    this.#ring = new EntryRing(range.maxIndex, budgets.rings);
    this.#blocks = budgets.blocks;
  }

  /** First message that can be read. */
  get minIndex(): number {
    return this.#minIndex;
  }

  /** One past the last message that can be read. */
  get maxIndex(): number {
    return this.#ring.endIndex;
  }

  get isDirty(): boolean {
    return this.unwrittenCount > 0;
  }

  /** Entries that wait to be brought to the disk. */
  get unwrittenCount(): number {
    return this.maxIndex - this.#ring.writtenIndex;
  }

  /** Where the first record lies whose entry is not on the disk; undefined when all are. */
  get firstUnwrittenOffset(): number | undefined {
    return this.isDirty ? this.#ring.physicalOffset(this.#ring.writtenIndex) : undefined;
  }

  /** True while a number is given out whose message has not become visible. */
  get hasNumbersInFlight(): boolean {
    return this.#nextNumber > this.maxIndex;
  }

  takeOffset(): number {
    return this.#nextNumber++;
  }

  giveBackFrom(offset: number): void {
    this.#nextNumber = offset;
  }

  /**
   * Adds the entry of message `index`. What is there already is left alone, so that recovery may go over the same records again
   * (`ConsumeQueue.putMessagePositionInfo`).
   */
  add(index: number, physicalOffset: number, sizeBytes: number, tagsCode: number): void {
    if (index < this.maxIndex) return;
    if (index > this.maxIndex) this.#goTo(index, physicalOffset);
    this.#ring.push(physicalOffset, sizeBytes, tagsCode);
    if (this.#nextNumber <= index) this.#nextNumber = index + 1;
  }

  /** The file of an entry, and its place in there: for errors. */
  placeOf(index: number): { readonly file: string; readonly offset: number } {
    const offset = index * QUEUE_ENTRY_BYTES;
    return { file: this.#files.path(offset), offset: offset % this.#files.fileSizeBytes };
  }

  /** The entry and those behind it, if that needs no disk. What it returns is good until something else happens. */
  entriesFrom(index: number): EntrySource | undefined {
    const ring = this.#ring;
    if (index >= ring.firstIndex) {
      if (index >= ring.endIndex) return undefined;
      ring.use();
      return ring;
    }
    return this.#block?.holds(index) === true ? this.#block : undefined;
  }

  /** Reads the entry and some behind it from the disk. @returns false when it is not there (any more) */
  async load(index: number): Promise<boolean> {
    if (index < this.#minIndex || index >= this.maxIndex) return false;
    if (this.entriesFrom(index) !== undefined) return true;
    const beginnings = this.#beginnings;
    const block = await this.#readBlock(index, READ_ENTRIES);
    if (!block.holds(index) || beginnings !== this.#beginnings) return false;
    this.#block = block;
    this.#blocks.taken(this);
    return true;
  }

  /** Only its budget calls this. */
  dropBlock(): void {
    this.#block = undefined;
  }

  /** At most `count` entries from `index` on; fewer at the end, and where one place that they are in ends. */
  entries(index: number, count: number): MaybePromise<readonly QueueEntry[]> {
    const end = Math.min(index + count, this.maxIndex);
    if (index < this.#minIndex || index >= end) return [];
    const source = this.entriesFrom(index);
    if (source !== undefined) return entriesOf(source, index, end);
    return this.#readBlock(index, end - index).then((block) => entriesOf(block, index, end));
  }

  /**
   * Brings what is there to the disk. One at a time: the caller sees to that. Entries count as written when they are synced: after a sync that failed the
   * next one would do nothing, so they are written again.
   */
  async flush(): Promise<void> {
    // Entries that come meanwhile are for the next time.
    const target = this.maxIndex;
    while (this.#ring.writtenIndex < target) {
      const start = this.#ring.writtenIndex;
      const offset = start * QUEUE_ENTRY_BYTES;
      const fileRest = (this.#files.startOf(offset) + this.#files.fileSizeBytes - offset) / QUEUE_ENTRY_BYTES;
      const end = Math.min(target, start + fileRest);
      await this.#files.ensure(offset);
      if (start === this.#startIndex) await this.#writeFillers(offset);
      await this.#files.write(this.#encode(start, end), offset);
      await this.#files.datasync(offset);
      this.#ring.wroteUpTo(end);
    }
  }

  /** Moves the beginning to the first entry whose record the log still holds, and removes files before it. */
  async trim(minPhysicalOffset: number): Promise<void> {
    const [first] = await this.entries(this.#minIndex, 1);
    // Most queues have nothing to let go of, and need no search.
    if (first !== undefined && (isFiller(first) || !isAt(first, minPhysicalOffset))) {
      this.#minIndex = await this.#firstMessage(await this.search(async (entry) => isAt(entry, minPhysicalOffset)));
    }
    await this.#files.removeBefore(Math.min(this.#minIndex, this.#ring.writtenIndex - 1) * QUEUE_ENTRY_BYTES);
  }

  /** The first message from `index` on. Fillers before it stand for messages that went with the log before it, too, when a crash had taken their entries. */
  async #firstMessage(index: number): Promise<number> {
    for (let at = index; at < this.maxIndex;) {
      const entries = await this.entries(at, READ_ENTRIES);
      const message = entries.find((entry) => !isFiller(entry));
      if (message !== undefined || entries.length === 0) return message?.queueOffset ?? at;
      at += entries.length;
    }
    return this.maxIndex;
  }

  /** Removes all files, and the directory, and gives its memory back. The caller forgets the queue then. */
  async remove(): Promise<void> {
    await this.#files.removeAll();
    this.#forget(this.maxIndex);
  }

  /** The first message of which `isAtOrAfter` is true, given that it is true for all later ones: a binary search over entries. */
  async search(isAtOrAfter: (entry: QueueEntry) => Promise<boolean>): Promise<number> {
    let low = this.#minIndex;
    let high = this.maxIndex;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [entry] = await this.entries(middle, 1);
      if (entry !== undefined && (await isAtOrAfter(entry))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /**
   * The messages before `index` are all gone, and the next one gets this number. An entry for the last of them keeps that on the disk.
   */
  beginBehind(index: number): void {
    this.#startAt(index - 1);
    this.#ring.push(0, FILLER_ENTRY_SIZE, 0);
    this.#minIndex = index;
    this.#nextNumber = index;
  }

  /** Messages before `index` are not in the log: the first ones, which retention took, or some in between, which a repair gave up. */
  #goTo(index: number, physicalOffset: number): void {
    const holeEntries = index - this.maxIndex;
    if (this.maxIndex === this.#minIndex || holeEntries > MAX_HOLE_ENTRIES) {
      this.#startAt(index);
      return;
    }
    // At the place of the message behind, so that the entries' offsets still ascend.
    while (this.maxIndex < index) this.#ring.push(physicalOffset, FILLER_ENTRY_SIZE, 0);
  }

  /** The queue's earlier messages are gone, with the part of the log that held them: it begins at `index`. */
  #startAt(index: number): void {
    this.#forget(index);
    this.#minIndex = index;
    this.#startIndex = index;
  }

  /** Lets go of all memory: the next entry is `nextIndex`. */
  #forget(nextIndex: number): void {
    this.#ring.restartAt(nextIndex);
    this.#beginnings++;
    this.#block = undefined;
    this.#blocks.leave(this);
  }

  /** A queue that begins in the middle of a file gets entries that say so, as in RocketMQ: zeros would read as its end. */
  async #writeFillers(offset: number): Promise<void> {
    const fileStart = this.#files.startOf(offset);
    const bytes = Buffer.alloc(offset - fileStart);
    for (let at = 0; at < bytes.length; at += QUEUE_ENTRY_BYTES) writeQueueEntry(bytes, at, 0, FILLER_ENTRY_SIZE, 0);
    if (bytes.length > 0) await this.#files.write(bytes, fileStart);
  }

  /** At most `count` entries from `index` on. */
  async #readBlock(index: number, count: number): Promise<EntryBlock> {
    const end = Math.min(index + count, index + READ_ENTRIES, this.#ring.firstIndex);
    const bytes = Buffer.allocUnsafeSlow((end - index) * QUEUE_ENTRY_BYTES);
    const readBytes = await this.#files.read(bytes, index * QUEUE_ENTRY_BYTES);
    return new EntryBlock(index, bytes.subarray(0, readBytes));
  }

  #encode(start: number, end: number): Buffer {
    const ring = this.#ring;
    const bytes = Buffer.allocUnsafe((end - start) * QUEUE_ENTRY_BYTES);
    for (let index = start; index < end; index++) {
      const at = (index - start) * QUEUE_ENTRY_BYTES;
      writeQueueEntry(bytes, at, ring.physicalOffset(index), ring.sizeBytes(index), ring.tagsCode(index));
    }
    return bytes;
  }
}

/** True for an entry whose record lies at or behind `physicalOffset`; never for the fillers before a queue's first message. */
function isAt(entry: QueueEntry, physicalOffset: number): boolean {
  const isLeadingFiller = isFiller(entry) && entry.physicalOffset === 0;
  return !isLeadingFiller && entry.physicalOffset >= physicalOffset;
}

function isFiller({ sizeBytes }: QueueEntry): boolean {
  return sizeBytes === FILLER_ENTRY_SIZE;
}

/** The entries from `index` up to `end`, as far as the source has them. */
function entriesOf(source: EntrySource, index: number, end: number): QueueEntry[] {
  const found: QueueEntry[] = [];
  for (let at = index; at < end && source.holds(at); at++) found.push(entryAt(source, at));
  return found;
}

export function entryAt(source: EntrySource, index: number): QueueEntry {
  return {
    queueOffset: index,
    physicalOffset: source.physicalOffset(index),
    sizeBytes: source.sizeBytes(index),
    tagsCode: source.tagsCode(index),
  };
}
