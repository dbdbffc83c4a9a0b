/**
 * The youngest entries of one queue, in memory: index, offset, size and tagsCode in typed arrays, so that an entry costs 20 bytes and no
 * object. Holds the entries `[firstIndex, endIndex)`.
 */
export class EntryRing {
  #physicalOffsets: Float64Array;
  #sizes: Int32Array;
  #tagsCodes: Float64Array;
  #mask: number;
  #firstIndex: number;
  #endIndex: number;

  constructor(startIndex: number) {
    const capacity = 16;
    this.#physicalOffsets = new Float64Array(capacity);
    this.#sizes = new Int32Array(capacity);
    this.#tagsCodes = new Float64Array(capacity);
    this.#mask = capacity - 1;
    this.#firstIndex = startIndex;
    this.#endIndex = startIndex;
  }

  get firstIndex(): number {
    return this.#firstIndex;
  }

  get endIndex(): number {
    return this.#endIndex;
  }

  physicalOffset(index: number): number {
    return this.#physicalOffsets[index & this.#mask]!;
  }

  sizeBytes(index: number): number {
    return this.#sizes[index & this.#mask]!;
  }

  tagsCode(index: number): number {
    return this.#tagsCodes[index & this.#mask]!;
  }

  /** Bytes of the records of at most `count` entries from `index` on. */
  sizeOf(index: number, count: number): number {
    const end = Math.min(index + count, this.#endIndex);
    let sizeBytes = 0;
    for (let at = index; at < end; at++) sizeBytes += this.sizeBytes(at);
    return sizeBytes;
  }

  /**
   * Adds the next entry.
   *
   * @param keepFromIndex entries from here on must stay; older ones may be overwritten
   * @param maxEntries the ring grows up to this many entries to hold old ones, and beyond only for entries that must stay
   */
  push(physicalOffset: number, sizeBytes: number, tagsCode: number, keepFromIndex: number, maxEntries: number): void {
    const capacity = this.#mask + 1;
    if (this.#endIndex - this.#firstIndex === capacity) {
      if (capacity < maxEntries || keepFromIndex <= this.#firstIndex) this.#grow();
      else this.#firstIndex++;
    }
    const at = this.#endIndex & this.#mask;
    this.#physicalOffsets[at] = physicalOffset;
    this.#sizes[at] = sizeBytes;
    this.#tagsCodes[at] = tagsCode;
    this.#endIndex++;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const physicalOffsets = new Float64Array(capacity);
    const sizes = new Int32Array(capacity);
    const tagsCodes = new Float64Array(capacity);
    for (let index = this.#firstIndex; index < this.#endIndex; index++) {
      const to = index & (capacity - 1);
      physicalOffsets[to] = this.physicalOffset(index);
      sizes[to] = this.sizeBytes(index);
      tagsCodes[to] = this.tagsCode(index);
    }
    this.#physicalOffsets = physicalOffsets;
    this.#sizes = sizes;
    this.#tagsCodes = tagsCodes;
    this.#mask = capacity - 1;
  }
}
