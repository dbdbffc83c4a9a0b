import { EntryField, QUEUE_ENTRY_BYTES } from './consume-queue-format.js';
import { viewOf } from './crc32.js';
import { getInt64 } from './record-format.js';

/** Entries of one queue, by their index: of those in memory no object has to be made. */
export interface EntrySource {
  /** Made by this process; else read from the disk, where an entry has no checksum. */
  readonly isOwn: boolean;
  holds(index: number): boolean;
  physicalOffset(index: number): number;
  sizeBytes(index: number): number;
  tagsCode(index: number): number;
  /** Bytes of the records of at most `count` entries from `index` on. */
  sizeOf(index: number, count: number): number;
}

/** Entries of one queue as they were read from the disk. */
export class EntryBlock implements EntrySource {
  readonly isOwn = false;
  readonly #startIndex: number;
  readonly #endIndex: number;
  readonly #view: DataView;

  /** @param bytes entries, the last one perhaps in part */
  constructor(startIndex: number, bytes: Buffer) {
    this.#startIndex = startIndex;
    this.#endIndex = startIndex + Math.floor(bytes.length / QUEUE_ENTRY_BYTES);
    this.#view = viewOf(bytes);
  }

  holds(index: number): boolean {
    return index >= this.#startIndex && index < this.#endIndex;
  }

  physicalOffset(index: number): number {
    return getInt64(this.#view, this.#placeOf(index));
  }

  sizeBytes(index: number): number {
    return this.#view.getInt32(this.#placeOf(index) + EntryField.SIZE);
  }

  tagsCode(index: number): number {
    return getInt64(this.#view, this.#placeOf(index) + EntryField.TAGS_CODE);
  }

  sizeOf(index: number, count: number): number {
    let sizeBytes = 0;
    for (let at = index; at < index + count && this.holds(at); at++) sizeBytes += this.sizeBytes(at);
    return sizeBytes;
  }

  #placeOf(index: number): number {
    return (index - this.#startIndex) * QUEUE_ENTRY_BYTES;
  }
}

/** Blocks that all queues of a store hold together: 5 MiB. */
const MAX_BLOCKS = 256;

/** Who holds a block. */
export interface BlockHolder {
  dropBlock(): void;
}

/** Sees to it that the memory of reading behind does not grow with the number of queues: whoever has had a block for longest gives it up. */
export class BlockBudget {
  readonly #holders = new Set<BlockHolder>();

  /** The holder has taken a block, or another one. */
  taken(holder: BlockHolder): void {
    this.#holders.delete(holder);
    this.#holders.add(holder);
    if (this.#holders.size <= MAX_BLOCKS) return;
    const [oldest] = this.#holders;
    this.#holders.delete(oldest!);
    oldest!.dropBlock();
  }

  /** The holder has none any more. */
  leave(holder: BlockHolder): void {
    this.#holders.delete(holder);
  }
}
