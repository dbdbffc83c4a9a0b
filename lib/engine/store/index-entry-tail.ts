import { viewOf } from './crc32.js';
import type { EntryBytes } from './index-entry-page.js';
import { INDEX_ENTRY_BYTES, readEntryPrevious, writeIndexEntry } from './index-file-format.js';

/** Entries of one block: 64 KiB. */
const BLOCK_ENTRIES = 3276;

/** The youngest entries of an index file, as they will lie on the disk: those that are not there yet, and some that are. */
export class EntryTail {
  /** Blocks by number; those that the disk has are dropped. */
  readonly #blocks = new Map<number, Buffer>();
  /** The block that entries are added to: the next one comes after `BLOCK_ENTRIES` of them. */
  #last: DataView = viewOf(Buffer.alloc(0));
  #lastNumber = -1;
  /** Entries below are not here. */
  #firstEntry: number;

  constructor(firstEntry: number) {
    this.#firstEntry = firstEntry;
  }

  holds(entryNumber: number): boolean {
    return entryNumber >= this.#firstEntry;
  }

  add(
    entryNumber: number,
    keyHash: number,
    physicalOffset: number,
    timeDiffSeconds: number,
    previousEntry: number,
  ): void {
    const block = Math.floor(entryNumber / BLOCK_ENTRIES);
    if (block !== this.#lastNumber) this.#addBlock(block);
    const at = (entryNumber - block * BLOCK_ENTRIES) * INDEX_ENTRY_BYTES;
    writeIndexEntry(this.#last, at, keyHash, physicalOffset, timeDiffSeconds, previousEntry);
  }

  /** Only for an entry that this holds. */
  entry(entryNumber: number): EntryBytes {
    const block = Math.floor(entryNumber / BLOCK_ENTRIES);
    return { bytes: this.#blocks.get(block)!, at: (entryNumber - block * BLOCK_ENTRIES) * INDEX_ENTRY_BYTES };
  }

  /** Number of the entry before this one in its slot. */
  previousOf(entryNumber: number): number {
    const { bytes, at } = this.entry(entryNumber);
    return readEntryPrevious(bytes, at);
  }

  /** The bytes of the entries from `start` on: up to `end`, or up to the end of their block. */
  bytesFrom(start: number, end: number): Buffer {
    const { bytes, at } = this.entry(start);
    return bytes.subarray(at, Math.min(bytes.length, at + (end - start) * INDEX_ENTRY_BYTES));
  }

  /** Lets go of what lies wholly below `entryNumber`, which the disk has. */
  dropBefore(entryNumber: number): void {
    const keptBlock = Math.floor(entryNumber / BLOCK_ENTRIES);
    for (const block of this.#blocks.keys()) if (block < keptBlock) this.#blocks.delete(block);
    this.#firstEntry = Math.max(this.#firstEntry, keptBlock * BLOCK_ENTRIES);
    if (this.#lastNumber < keptBlock) this.#lastNumber = -1;
  }

  #addBlock(block: number): void {
    const bytes = Buffer.allocUnsafeSlow(BLOCK_ENTRIES * INDEX_ENTRY_BYTES);
    this.#last = viewOf(bytes);
    this.#lastNumber = block;
    this.#blocks.set(block, bytes);
  }
}
