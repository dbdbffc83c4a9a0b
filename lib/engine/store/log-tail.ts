import { viewOf } from './crc32.js';

/** A stretch of the commit log in memory. Never crosses a segment file. */
export interface LogBlock {
  readonly startOffset: number;
  readonly bytes: Buffer;
  /** Of the same bytes: writes and reads integers without a call. */
  readonly view: DataView;
  /** Bytes of the block that hold log. */
  usedBytes: number;
}

/** Most records are small, so a block holds thousands; what is larger gets a block of its own. */
const BLOCK_BYTES = 1024 * 1024;

/**
 * The youngest part of the log, in memory: first as the place where records are written, then as what consumers read from without touching the disk. A block that has
 * left is used again, so whoever finds a record here copies it before anything else can happen.
 */
export class LogTail {
  readonly #maxBytes: number;
  /** Ascending. */
  #blocks: LogBlock[] = [];
  #bytes = 0;
  /** A block that has left; one is enough, because a new one is needed when an old one goes. */
  #spare: Buffer | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The block to write `sizeBytes` at `offset`: the last one, if it ends there and has room, else a new one. */
  blockFor(offset: number, sizeBytes: number, segmentRestBytes: number): LogBlock {
    const last = this.#blocks.at(-1);
    if (
      last !== undefined &&
      last.startOffset + last.usedBytes === offset &&
      last.bytes.length - last.usedBytes >= sizeBytes
    ) {
      return last;
    }
    const capacity = Math.max(sizeBytes, Math.min(BLOCK_BYTES, segmentRestBytes));
    const block = blockOf(offset, this.#take(capacity), 0);
    this.#blocks.push(block);
    this.#bytes += capacity;
    return block;
  }

  /** The block that holds the byte at `offset`. */
  find(offset: number): LogBlock | undefined {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const block = blocks[middle]!;
      if (offset < block.startOffset) high = middle - 1;
      else if (offset >= block.startOffset + block.usedBytes) low = middle + 1;
      else return block;
    }
    return undefined;
  }

  /** Blocks with bytes from `offset` on, ascending. */
  from(offset: number): readonly LogBlock[] {
    const blocks = this.#blocks;
    let first = blocks.length;
    while (first > 0 && blocks[first - 1]!.startOffset + blocks[first - 1]!.usedBytes > offset) first--;
    return blocks.slice(first);
  }

  /** Lets go of the oldest blocks over the limit; only what is on disk may go. */
  shrink(flushedOffset: number): void {
    let drop = 0;
    while (
      this.#bytes > this.#maxBytes &&
      drop < this.#blocks.length - 1 &&
      this.#blocks[drop]!.startOffset + this.#blocks[drop]!.usedBytes <= flushedOffset
    ) {
      this.#bytes -= this.#blocks[drop]!.bytes.length;
      drop++;
    }
    if (drop === 0) return;
    const last = this.#blocks.splice(0, drop).at(-1);
    if (last?.bytes.length === BLOCK_BYTES) this.#spare = last.bytes;
  }

  #take(sizeBytes: number): Buffer {
    const spare = this.#spare;
    if (spare === undefined || sizeBytes !== spare.length) return Buffer.allocUnsafeSlow(sizeBytes);
    this.#spare = undefined;
    return spare;
  }

  /** Forgets everything from `offset` on; readers of it are told nothing, so nobody may have seen it. */
  truncate(offset: number): void {
    const kept = this.#blocks.filter((block) => block.startOffset < offset);
    const last = kept.at(-1);
    if (last !== undefined && last.startOffset + last.usedBytes > offset) {
      // A copy: the old bytes may be half way to the disk.
      const usedBytes = offset - last.startOffset;
      const bytes = Buffer.allocUnsafeSlow(last.bytes.length);
      last.bytes.copy(bytes, 0, 0, usedBytes);
      kept[kept.length - 1] = blockOf(last.startOffset, bytes, usedBytes);
    }
    this.#blocks = kept;
    this.#bytes = kept.reduce((sum, block) => sum + block.bytes.length, 0);
  }
}

function blockOf(startOffset: number, bytes: Buffer, usedBytes: number): LogBlock {
  return { startOffset, bytes, view: viewOf(bytes), usedBytes };
}
