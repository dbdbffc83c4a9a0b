import { INDEX_ENTRY_BYTES } from './index-file-format.js';

/** An entry's bytes: those of a whole block, and where the entry begins in them. */
export interface EntryBytes {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Entries that were read from the disk together. */
export class EntryPage {
  readonly #start: number;
  readonly #bytes: Buffer;

  /** @param start number of the first entry */
  constructor(start: number, bytes: Buffer) {
    this.#start = start;
    this.#bytes = bytes;
  }

  /** One past the last entry. */
  get end(): number {
    return this.#start + Math.floor(this.#bytes.length / INDEX_ENTRY_BYTES);
  }

  entry(entryNumber: number): EntryBytes | undefined {
    if (entryNumber < this.#start || entryNumber >= this.end) return undefined;
    return { bytes: this.#bytes, at: (entryNumber - this.#start) * INDEX_ENTRY_BYTES };
  }
}
