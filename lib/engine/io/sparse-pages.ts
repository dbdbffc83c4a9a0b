import { forEachPage } from './page-range.js';

/** Bytes of a page. Small enough that a sparse file is cheap, large enough that a full one is few objects. */
export const PAGE_SIZE_BYTES = 64 * 1024;

/** The room that all files of one memory disk share. */
export interface PageBudget {
  readonly totalBytes: number;
  usedBytes: number;
}

/** The content of one file in memory. Only pages that were written take room; the rest reads as zero. */
export class SparsePages {
  readonly #budget: PageBudget;
  readonly #pages = new Map<number, Buffer>();
  #sizeBytes = 0;

  constructor(budget: PageBudget) {
    this.#budget = budget;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Returns the number of bytes read: fewer than asked only at the end of the file. */
  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.byteLength, this.#sizeBytes - position));
    forEachPage(PAGE_SIZE_BYTES, position, count, (pageIndex, inPage, start, length) => {
      const page = this.#pages.get(pageIndex);
      if (page === undefined) target.fill(0, start, start + length);
      else target.set(page.subarray(inPage, inPage + length), start);
    });
    return count;
  }

  /** Returns false when the disk is full; then what still fitted has been written, as on a real disk. */
  write(source: Uint8Array, position: number): boolean {
    return forEachPage(PAGE_SIZE_BYTES, position, source.byteLength, (pageIndex, inPage, start, length) => {
      const page = this.#pages.get(pageIndex) ?? this.#allocate(pageIndex);
      if (page === undefined) return false;
      page.set(source.subarray(start, start + length), inPage);
      this.#sizeBytes = Math.max(this.#sizeBytes, position + start + length);
      return true;
    });
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) {
      const keptPages = Math.ceil(sizeBytes / PAGE_SIZE_BYTES);
      for (const pageIndex of this.#pages.keys()) {
        if (pageIndex >= keptPages) this.#free(pageIndex);
      }
      // Bytes past the end must read as zero if the file grows again.
      this.#pages.get(keptPages - 1)?.fill(0, sizeBytes - (keptPages - 1) * PAGE_SIZE_BYTES);
    }
    this.#sizeBytes = sizeBytes;
  }

  #allocate(pageIndex: number): Buffer | undefined {
    if (this.#budget.usedBytes + PAGE_SIZE_BYTES > this.#budget.totalBytes) return undefined;
    this.#budget.usedBytes += PAGE_SIZE_BYTES;
    const page = Buffer.alloc(PAGE_SIZE_BYTES);
    this.#pages.set(pageIndex, page);
    return page;
  }

  #free(pageIndex: number): void {
    if (this.#pages.delete(pageIndex)) this.#budget.usedBytes -= PAGE_SIZE_BYTES;
  }
}
