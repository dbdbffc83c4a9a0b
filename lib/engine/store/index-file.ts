import type { FilePool } from './file-pool.js';
import { EntryPage, type EntryBytes } from './index-entry-page.js';
import { EntryTail } from './index-entry-tail.js';
import {
  INDEX_ENTRY_BYTES,
  INDEX_SLOT_BYTES,
  IndexHeader,
  type IndexLayout,
  readEntryKeyHash,
  timeDiffSeconds,
} from './index-file-format.js';
import { SlotTable } from './index-slots.js';
import { writeInt32 } from './record-format.js';

/** Entries of one read while slots are made again: 1 MiB. */
const REPLAY_ENTRIES = 52_428;
/** Most entries between two writings of the slots, unless the file is small. Bounds what an opening after a crash has to enter again: 5 MiB. */
const MAX_UNCOVERED_ENTRIES = 262_144;
/** So many slots are read in the time in which one entry is read and entered. */
const SLOTS_OF_AN_ENTRY = 20;
/** A small file writes its slots so often before it is full. */
const SLOT_WRITINGS = 4;
const UNKNOWN_MARK = -1;

/** An index file at one moment: what a checkpoint can speak of. */
export interface IndexFileState {
  readonly file: IndexFile;
  readonly header: Buffer;
  readonly indexCount: number;
}

/**
 * One file of the key index. New entries are in memory at once; they get to the disk in three steps, so that a crash between any two of them
 * leaves a file that can be gone on with:
 *
 * 1. {@link writeEntries} appends the entries, synced. Nothing on disk speaks of them yet.
 * 2. A checkpoint is written.
 * 3. {@link confirm} writes the header that counts them, and now and then the slots. So a header never counts an entry that the checkpoint does not
 *    cover; brokers of Apache RocketMQ throw such a file away after a crash.
 */
export class IndexFile {
  readonly path: string;
  readonly header: IndexHeader;
  readonly #layout: IndexLayout;
  readonly #pool: FilePool;
  readonly #tail: EntryTail;
  /** Undefined: the file is finished, its slots are read from the disk. */
  #slots: SlotTable | undefined;
  #exists: boolean;
  /** Entries below are on disk, synced. */
  #writtenCount: number;
  /** Entries below are in the slots on disk, synced. */
  #coveredCount: number;
  /** What stands in entry 0 on disk. */
  #mark: number;

  private constructor(
    path: string,
    layout: IndexLayout,
    pool: FilePool,
    header: IndexHeader,
    slots: SlotTable | undefined,
    mark: number,
    exists: boolean,
  ) {
    this.path = path;
    this.header = header;
    this.#layout = layout;
    this.#pool = pool;
    this.#slots = slots;
    this.#exists = exists;
    this.#writtenCount = header.indexCount;
    this.#coveredCount = header.indexCount;
    this.#mark = mark;
    this.#tail = new EntryTail(header.indexCount);
  }

  /** A new file, which gets to the disk with its first entries. */
  static create(path: string, layout: IndexLayout, pool: FilePool, previous: IndexFile | undefined): IndexFile {
    const slots = new SlotTable(layout.hashSlotNum);
    return new IndexFile(path, layout, pool, IndexHeader.after(previous?.header), slots, 0, false);
  }

  /** A file on disk that nothing is added to. */
  static finished(path: string, layout: IndexLayout, pool: FilePool, header: IndexHeader): IndexFile {
    return new IndexFile(path, layout, pool, header, undefined, 0, true);
  }

  get isFull(): boolean {
    return this.header.indexCount >= this.#layout.indexNum;
  }

  /** Everything is on disk, and nothing is to be added. */
  get isFinished(): boolean {
    return this.#slots === undefined;
  }

  get isOnDisk(): boolean {
    return this.#exists;
  }

  /** Entries that are in memory alone. */
  get unwrittenCount(): number {
    return this.header.indexCount - this.#writtenCount;
  }

  /** Adds an entry. The caller has seen that the file is not full and not finished. */
  add(keyHash: number, physicalOffset: number, storeTimestampMs: number): void {
    const header = this.header;
    const slots = this.#slots!;
    const entryNumber = header.indexCount;
    const slot = keyHash % this.#layout.hashSlotNum;
    let previous = slots.get(slot);
    if (previous <= 0 || previous >= entryNumber) previous = 0;
    const timeDiff = timeDiffSeconds(storeTimestampMs, header.beginTimestampMs);
    this.#tail.add(entryNumber, keyHash, physicalOffset, timeDiff, previous);
    slots.set(slot, entryNumber);
    if (entryNumber === 1) {
      header.beginPhyOffset = physicalOffset;
      header.beginTimestampMs = storeTimestampMs;
    }
    if (previous === 0) header.hashSlotCount++;
    header.indexCount = entryNumber + 1;
    header.endPhyOffset = physicalOffset;
    header.endTimestampMs = storeTimestampMs;
  }

  state(): IndexFileState {
    return { file: this, header: this.header.encode(), indexCount: this.header.indexCount };
  }

  /** Brings the entries of a state to the disk. */
  async writeEntries({ indexCount }: IndexFileState): Promise<void> {
    if (indexCount === this.#writtenCount) return;
    if (!this.#exists) await this.#make();
    // While the file is unfinished, 0 would mean that it is finished.
    if (this.#mark !== this.#coveredCount) await this.#writeMark(this.#coveredCount);
    for (let next = this.#writtenCount; next < indexCount;) {
      const bytes = this.#tail.bytesFrom(next, indexCount);
      await this.#write(bytes, this.#layout.entryPosition(next));
      next += bytes.length / INDEX_ENTRY_BYTES;
    }
    await this.#datasync();
    this.#writtenCount = indexCount;
    this.#tail.dropBefore(indexCount);
  }

  /**
   * Lets the header count the entries of a state, which a checkpoint covers by now.
   *
   * @param finishing also when the file is not full: the store is being closed
   */
  async confirm({ header, indexCount }: IndexFileState, finishing: boolean): Promise<void> {
    const isUnchanged = this.#mark === 0 && this.#coveredCount === indexCount;
    if (this.#slots === undefined || isUnchanged) return;
    await this.#write(header, 0);
    const isComplete = finishing || indexCount >= this.#layout.indexNum;
    const mostUncovered = Math.min(MAX_UNCOVERED_ENTRIES, this.#layout.indexNum / SLOT_WRITINGS);
    if (!isComplete && indexCount - this.#coveredCount < mostUncovered) return;
    // A slot on disk must not name an entry that the header on disk does not count: the chain behind it could not be found again.
    await this.#datasync();
    await this.#slots.save(
      indexCount,
      (entryNumber) => this.#laterEntryBefore(entryNumber),
      (bytes, firstSlot) => this.#write(bytes, this.#layout.slotPosition(firstSlot)),
      () => this.#datasync(),
    );
    this.#coveredCount = indexCount;
    await this.#writeMark(isComplete ? 0 : indexCount);
    if (!isComplete) return;
    await this.#datasync();
    this.#slots = undefined;
  }

  /** Makes a file that was found on the disk one that can be added to. */
  async reopen(wasFinished: boolean): Promise<void> {
    const { indexCount } = this.header;
    this.#mark = await this.readMark();
    if (!wasFinished) this.#coveredCount = Math.min(Math.max(this.#mark, 1), indexCount);
    const slots = await this.#slotsOnDisk();
    await this.#eachEntry(this.#coveredCount, indexCount, (slot, entryNumber) => slots.set(slot, entryNumber));
    this.#slots = slots;
  }

  /** 0 in a finished file. */
  async readMark(): Promise<number> {
    const mark = Buffer.alloc(4);
    await this.#read(mark, this.#layout.entryPosition(0));
    return mark.readInt32BE(0);
  }

  /** Number of the newest entry in the slot of a hash; 0 when there is none. */
  async newestOf(keyHash: number): Promise<number> {
    const slot = keyHash % this.#layout.hashSlotNum;
    let newest = this.#slots?.get(slot);
    if (newest === undefined) {
      const bytes = Buffer.alloc(INDEX_SLOT_BYTES);
      await this.#read(bytes, this.#layout.slotPosition(slot));
      newest = bytes.readInt32BE(0);
    }
    return newest > 0 && newest < this.header.indexCount ? newest : 0;
  }

  /** The entry's bytes in memory; undefined when only the disk has it. */
  entryInMemory(entryNumber: number): EntryBytes | undefined {
    return this.#tail.holds(entryNumber) ? this.#tail.entry(entryNumber) : undefined;
  }

  /** Entries from the disk. */
  async readEntries(start: number, end: number): Promise<EntryPage> {
    const bytes = Buffer.allocUnsafe((end - start) * INDEX_ENTRY_BYTES);
    const readBytes = await this.#read(bytes, this.#layout.entryPosition(start));
    return new EntryPage(start, bytes.subarray(0, readBytes));
  }

  #laterEntryBefore(entryNumber: number): number {
    return entryNumber < this.header.indexCount && this.#tail.holds(entryNumber)
      ? this.#tail.previousOf(entryNumber)
      : 0;
  }

  /** A slot has the newest of its entries. So where these are few, they are read instead of all slots, which are 20 MB in a file of the default size. */
  async #slotsOnDisk(): Promise<SlotTable> {
    const { hashSlotNum } = this.#layout;
    if (this.#coveredCount * SLOTS_OF_AN_ENTRY > hashSlotNum) {
      return SlotTable.load(hashSlotNum, async (target, firstSlot) => {
        await this.#read(target, this.#layout.slotPosition(firstSlot));
      });
    }
    const slots = new SlotTable(hashSlotNum);
    await this.#eachEntry(1, this.#coveredCount, (slot, entryNumber) => slots.setAsOnDisk(slot, entryNumber));
    return slots;
  }

  /** Reads the entries from `from` up to `end`, in their order. */
  async #eachEntry(from: number, end: number, enter: (slot: number, entryNumber: number) => void): Promise<void> {
    for (let start = from; start < end; start += REPLAY_ENTRIES) {
      const page = await this.readEntries(start, Math.min(start + REPLAY_ENTRIES, end));
      for (let entryNumber = start; entryNumber < page.end; entryNumber++) {
        const { bytes, at } = page.entry(entryNumber)!;
        const keyHash = readEntryKeyHash(bytes, at);
        if (keyHash >= 0) enter(keyHash % this.#layout.hashSlotNum, entryNumber);
      }
    }
  }

  async #make(): Promise<void> {
    await this.#pool.use(this.path, 'create', (file) => file.truncate(this.#layout.fileSizeBytes));
    this.#exists = true;
  }

  async #writeMark(mark: number): Promise<void> {
    const bytes = Buffer.alloc(4);
    writeInt32(bytes, mark, 0);
    await this.#write(bytes, this.#layout.entryPosition(0));
    this.#mark = mark;
  }

  async #read(target: Buffer, position: number): Promise<number> {
    return this.#pool.use(this.path, 'read', (file) => file.read(target, position));
  }

  async #write(source: Buffer, position: number): Promise<void> {
    await this.#pool.use(this.path, 'write', (file) => file.write(source, position));
  }

  async #datasync(): Promise<void> {
    try {
      await this.#pool.use(this.path, 'write', (file) => file.datasync());
    } catch (error) {
      // It may not have got to the disk, and no later sync brings it there.
      this.#mark = UNKNOWN_MARK;
      throw error;
    }
  }
}
