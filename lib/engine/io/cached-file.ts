import type { Random } from '../types/random.js';
import { CACHE_PAGE_BYTES, CachedPage, EMPTY_PAGE } from './cached-page.js';
import { forEachPage } from './page-range.js';
import type { PageBudget } from './sparse-pages.js';

/** A file whose unsynced part can be lost. Like an inode it outlives its name. */
export class CachedFile {
  readonly kind = 'file';
  modifiedMs: number;
  readonly #budget: PageBudget;
  readonly #pages = new Map<number, CachedPage>();
  #sizeBytes = 0;
  /** Sizes since the last sync, without the present one; the first is surely on the disk. */
  #olderSizes: number[] = [];
  #openHandles = 0;
  #hasName = true;

  constructor(budget: PageBudget, modifiedMs: number) {
    this.#budget = budget;
    this.modifiedMs = modifiedMs;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Room on the disk: pages that were written. */
  get usedBytes(): number {
    let pages = 0;
    for (const page of this.#pages.values()) if (!page.isEmpty) pages++;
    return pages * CACHE_PAGE_BYTES;
  }

  /** A power cut now would change nothing. */
  get isSynced(): boolean {
    return this.#olderSizes.length === 0 && [...this.#pages.values()].every((page) => page.isSynced);
  }

  /** Returns the number of bytes read: fewer than asked only at the end of the file. */
  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.byteLength, this.#sizeBytes - position));
    forEachPage(CACHE_PAGE_BYTES, position, count, (index, inPage, start, length) => {
      const content = this.#pages.get(index)?.content ?? EMPTY_PAGE;
      target.set(content.subarray(inPage, inPage + length), start);
    });
    return count;
  }

  /** Returns false when the disk is full; then what still fitted has been written, as on a real disk. */
  write(source: Uint8Array, position: number): boolean {
    return forEachPage(CACHE_PAGE_BYTES, position, source.byteLength, (index, inPage, start, length) => {
      if (!this.#takeRoom(index)) return false;
      this.#page(index).write(source.subarray(start, start + length), inPage);
      this.#resize(Math.max(this.#sizeBytes, position + start + length));
      return true;
    });
  }

  truncate(sizeBytes: number): void {
    const boundary = Math.floor(sizeBytes / CACHE_PAGE_BYTES);
    for (const [index, page] of this.#pages) {
      if (index < boundary || page.isEmpty) continue;
      const inPage = index === boundary ? sizeBytes - index * CACHE_PAGE_BYTES : 0;
      page.clearFrom(inPage);
      if (page.isEmpty) this.#budget.usedBytes -= CACHE_PAGE_BYTES;
    }
    this.#resize(sizeBytes);
  }

  sync(): void {
    for (const [index, page] of this.#pages) {
      page.synced();
      if (page.isForgotten) this.#pages.delete(index);
    }
    this.#olderSizes = [];
  }

  /** A sync has ended with an error: what it was to write may never get to the disk, and no later sync says so. */
  syncFailed(): void {
    for (const page of this.#pages.values()) page.syncFailed();
  }

  /** Leaves what the disk holds after a power cut. Does not touch the budget: the disk is counted anew. */
  powerCut(random: Random, survivalPercent: number): void {
    for (const page of this.#pages.values()) page.powerCut(random, survivalPercent);
    if (this.#olderSizes.length > 0 && random.nextInt(100) >= survivalPercent) {
      this.#sizeBytes = this.#olderSizes[random.nextInt(this.#olderSizes.length)]!;
    }
    this.#olderSizes = [];
    for (const [index, page] of this.#pages) {
      const inPage = this.#sizeBytes - index * CACHE_PAGE_BYTES;
      if (inPage < CACHE_PAGE_BYTES) page.clearFrom(Math.max(0, inPage));
      page.synced();
      if (page.isForgotten) this.#pages.delete(index);
    }
  }

  /** The process that had it open is gone. To be called for files that have a name. */
  processEnded(): void {
    this.#openHandles = 0;
    this.#hasName = true;
  }

  opened(): void {
    this.#openHandles += 1;
  }

  closed(): void {
    this.#openHandles -= 1;
    this.#freeIfUnreachable();
  }

  nameRemoved(): void {
    this.#hasName = false;
    this.#freeIfUnreachable();
  }

  copy(budget: PageBudget): CachedFile {
    const copy = new CachedFile(budget, this.modifiedMs);
    for (const [index, page] of this.#pages) copy.#pages.set(index, page.copy());
    copy.#sizeBytes = this.#sizeBytes;
    copy.#olderSizes = [...this.#olderSizes];
    return copy;
  }

  #page(index: number): CachedPage {
    const known = this.#pages.get(index);
    if (known !== undefined) return known;
    const page = new CachedPage();
    this.#pages.set(index, page);
    return page;
  }

  #takeRoom(index: number): boolean {
    if (this.#pages.get(index)?.isEmpty === false) return true;
    if (this.#budget.usedBytes + CACHE_PAGE_BYTES > this.#budget.totalBytes) return false;
    this.#budget.usedBytes += CACHE_PAGE_BYTES;
    return true;
  }

  #resize(sizeBytes: number): void {
    if (sizeBytes === this.#sizeBytes) return;
    // The last few are enough to choose from, and the first must stay.
    if (this.#olderSizes.length >= 8) this.#olderSizes.splice(4, 1);
    this.#olderSizes.push(this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  /** The pages stay, because the removal of the name may be lost in a power cut. */
  #freeIfUnreachable(): void {
    if (!this.#hasName && this.#openHandles === 0) this.#budget.usedBytes -= this.usedBytes;
  }
}
