import type { Random } from '../types/random.js';

/** What the page cache of an operating system holds, writes back and loses as one. */
export const CACHE_PAGE_BYTES = 4096;
/** What a disk writes as a whole or not at all. */
export const SECTOR_BYTES = 512;

/** Older contents that are told apart; the one that is surely on the disk is always among them. */
const MOST_VERSIONS = 8;

/** Never written to: what a page holds that was never written. */
export const EMPTY_PAGE: Buffer = Buffer.alloc(CACHE_PAGE_BYTES);

/**
 * One page of a file as programs see it, with all that a power cut may leave in its place: the cache may have written the page back at any moment since
 * the last sync. Contents are replaced, never changed, so copies of a page share them.
 */
export class CachedPage {
  #current: Buffer;
  /** Contents since the last sync, oldest first, without the current one; the first is surely on the disk. Empty: the current one is. */
  #versions: Buffer[];
  /** True while a sync has something to write. */
  #dirty: boolean;

  constructor(current = EMPTY_PAGE, versions: readonly Buffer[] = [], dirty = false) {
    this.#current = current;
    this.#versions = [...versions];
    this.#dirty = dirty;
  }

  get content(): Buffer {
    return this.#current;
  }

  get isEmpty(): boolean {
    return this.#current === EMPTY_PAGE;
  }

  /** Nothing is there, and nothing can come back. */
  get isForgotten(): boolean {
    return this.isEmpty && this.#versions.length === 0;
  }

  get isSynced(): boolean {
    return this.#versions.length === 0;
  }

  write(source: Uint8Array, inPage: number): void {
    const next = Buffer.from(this.#current);
    next.set(source, inPage);
    this.#replace(next);
  }

  /** Makes everything from `inPage` on zero. */
  clearFrom(inPage: number): void {
    if (inPage === 0) {
      if (!this.isEmpty) this.#replace(EMPTY_PAGE);
      return;
    }
    const next = Buffer.from(this.#current);
    next.fill(0, inPage);
    this.#replace(next);
  }

  /** The page is on the disk, unless a sync has failed since it was written last. */
  synced(): void {
    if (!this.#dirty) return;
    this.#versions = [];
    this.#dirty = false;
  }

  /** As Linux does: the page counts as clean, though nobody knows whether it is on the disk, and the next sync will not write it. */
  syncFailed(): void {
    this.#dirty = false;
  }

  /** @param survivalPercent chance that the last content is on the disk by luck */
  powerCut(random: Random, survivalPercent: number): void {
    if (this.#versions.length > 0) this.#current = this.#afterPowerCut(random, survivalPercent);
    this.#versions = [];
    this.#dirty = false;
  }

  copy(): CachedPage {
    return new CachedPage(this.#current, this.#versions, this.#dirty);
  }

  #replace(next: Buffer): void {
    this.#versions.push(this.#current);
    if (this.#versions.length > MOST_VERSIONS) this.#versions.splice(MOST_VERSIONS >> 1, 1);
    this.#current = next;
    this.#dirty = true;
  }

  #afterPowerCut(random: Random, survivalPercent: number): Buffer {
    if (random.nextInt(100) < survivalPercent) return this.#current;
    const older = (): Buffer => this.#versions[random.nextInt(this.#versions.length)]!;
    if (random.nextInt(3) > 0) return random.nextInt(2) === 0 ? this.#versions[0]! : older();
    // Torn: each sector has a fate of its own.
    const torn = Buffer.alloc(CACHE_PAGE_BYTES);
    for (let at = 0; at < CACHE_PAGE_BYTES; at += SECTOR_BYTES) {
      const content = random.nextInt(100) < survivalPercent ? this.#current : older();
      content.copy(torn, at, at, at + SECTOR_BYTES);
    }
    return torn;
  }
}
