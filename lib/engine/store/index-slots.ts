import { viewOf } from './crc32.js';
import { INDEX_SLOT_BYTES } from './index-file-format.js';
import { writeInt32 } from './record-format.js';

/** Slots that are written together: 16 KiB. */
const CHUNK_SLOTS = 4096;
/** Most chunks of one write: 256 KiB, which is copied without a pause. */
const MAX_RUN_CHUNKS = 16;
const LOAD_BYTES = 1024 * 1024;

/**
 * The slots of the index file that is being written, in memory: each key changes a slot of its own, and writing every one to its place on the disk would
 * cost more than the message itself. They go to the disk now and then, and when the file is finished.
 */
export class SlotTable {
  /** As on disk, big-endian. Pages that no key has touched take no memory. */
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** 1 for each chunk that the disk does not have as it is here. */
  readonly #dirty: Uint8Array;

  constructor(slotNum: number) {
    this.#bytes = Buffer.alloc(slotNum * INDEX_SLOT_BYTES);
    this.#view = viewOf(this.#bytes);
    this.#dirty = new Uint8Array(Math.ceil(slotNum / CHUNK_SLOTS));
  }

  /** @param read fills the buffer with what the disk holds from that slot on */
  static async load(slotNum: number, read: (target: Buffer, firstSlot: number) => Promise<void>): Promise<SlotTable> {
    const table = new SlotTable(slotNum);
    for (let at = 0; at < table.#bytes.length; at += LOAD_BYTES) {
      await read(table.#bytes.subarray(at, at + LOAD_BYTES), at / INDEX_SLOT_BYTES);
    }
    return table;
  }

  get(slot: number): number {
    return this.#view.getInt32(slot * INDEX_SLOT_BYTES);
  }

  /** What the disk has in that slot, too. */
  setAsOnDisk(slot: number, entryNumber: number): void {
    this.#view.setInt32(slot * INDEX_SLOT_BYTES, entryNumber);
  }

  set(slot: number, entryNumber: number): void {
    this.setAsOnDisk(slot, entryNumber);
    this.#dirty[Math.floor(slot / CHUNK_SLOTS)] = 1;
  }

  /**
   * Writes the slots as they were when the file had the entries below `indexCount`. Later entries go on coming in meanwhile; the disk must not name
   * them before it has them.
   *
   * @param previousOf the entry before a later one, in its slot; 0: none
   * @param sync brings to the disk what was written. After one that failed the next one would do nothing, so all of it is written again
   */
  async save(
    indexCount: number,
    previousOf: (entryNumber: number) => number,
    write: (bytes: Buffer, firstSlot: number) => Promise<void>,
    sync: () => Promise<void>,
  ): Promise<void> {
    const dirtyBefore = this.#dirty.slice();
    try {
      await this.#writeDirty(indexCount, previousOf, write);
      await sync();
    } catch (error) {
      dirtyBefore.forEach((isDirty, chunk) => (this.#dirty[chunk]! |= isDirty));
      throw error;
    }
  }

  async #writeDirty(
    indexCount: number,
    previousOf: (entryNumber: number) => number,
    write: (bytes: Buffer, firstSlot: number) => Promise<void>,
  ): Promise<void> {
    const dirty = this.#dirty;
    for (let start = dirty.indexOf(1); start >= 0; start = dirty.indexOf(1, start)) {
      let end = start;
      while (end < dirty.length && dirty[end] === 1 && end - start < MAX_RUN_CHUNKS) dirty[end++] = 0;
      await write(this.#copyAsOf(indexCount, previousOf, start, end), start * CHUNK_SLOTS);
      start = end;
    }
  }

  #copyAsOf(indexCount: number, previousOf: (entryNumber: number) => number, start: number, end: number): Buffer {
    const chunkBytes = CHUNK_SLOTS * INDEX_SLOT_BYTES;
    const copy = Buffer.from(this.#bytes.subarray(start * chunkBytes, end * chunkBytes));
    for (let at = 0; at < copy.length; at += INDEX_SLOT_BYTES) {
      const slot = start * CHUNK_SLOTS + at / INDEX_SLOT_BYTES;
      let entryNumber = this.get(slot);
      if (entryNumber < indexCount) continue;
      while (entryNumber >= indexCount) entryNumber = previousOf(entryNumber);
      writeInt32(copy, entryNumber, at);
      this.#dirty[Math.floor(slot / CHUNK_SLOTS)] = 1;
    }
    return copy;
  }
}
