import { SparsePages, type PageBudget } from './sparse-pages.js';

/** A file in memory. Like an inode it outlives its name: handles that are open when it is removed go on working. */
export class MemoryFile {
  readonly kind = 'file';
  readonly pages: SparsePages;
  modifiedMs: number;
  #openHandles = 0;
  #hasName = true;

  constructor(budget: PageBudget, modifiedMs: number) {
    this.pages = new SparsePages(budget);
    this.modifiedMs = modifiedMs;
  }

  get sizeBytes(): number {
    return this.pages.sizeBytes;
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

  #freeIfUnreachable(): void {
    if (!this.#hasName && this.#openHandles === 0) this.pages.truncate(0);
  }
}
