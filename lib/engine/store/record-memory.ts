/** Most that is taken at once for records that may come. */
const MOST_AHEAD_BYTES = 256 * 1024;

/**
 * What the records of one answer are copied into. Consumers may keep a message for as long as they like: then they keep the memory of its batch, not a block of the
 * log, and the block can be used again. Memory that is new and soon let go costs the garbage collector little; a block that lives for seconds costs it a full collection.
 */
export class RecordMemory {
  #bytes: Buffer = NONE;
  #usedBytes = 0;
  #nextBytes: number;

  /** @param expectedBytes of all records that will be copied, if that is known; else room is made as they come, twice as much each time */
  constructor(expectedBytes = 0) {
    this.#nextBytes = Math.min(expectedBytes, MOST_AHEAD_BYTES);
  }

  /** Where {@link put} has put the last record. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Copies a record, and returns where it begins in {@link bytes}. */
  put(source: Buffer, from: number, sizeBytes: number): number {
    if (this.#bytes.length - this.#usedBytes < sizeBytes) {
      this.#bytes = Buffer.allocUnsafe(Math.max(sizeBytes, this.#nextBytes));
      this.#nextBytes = Math.min(this.#bytes.length * 2, MOST_AHEAD_BYTES);
      this.#usedBytes = 0;
    }
    const at = this.#usedBytes;
    source.copy(this.#bytes, at, from, from + sizeBytes);
    this.#usedBytes += sizeBytes;
    return at;
  }
}

const NONE = Buffer.alloc(0);
