import { posix } from 'node:path';

import { bodyCrc32 } from '../../store/crc32.js';
import { readInt64, writeInt32, writeInt64 } from '../../store/record-format.js';
import type { FileHandle, FileSystem } from '../../types/index.js';
import { SlotBits } from './slot-bits.js';

/** Two weeks of seconds (RocketMQ: 2 × `TIMER_WHEEL_TTL_DAY`). */
export const WHEEL_SLOTS = 2 * 7 * 86_400;

/**
 * A slot of the wheel (RocketMQ: `Slot`), at index second mod {@link WHEEL_SLOTS}. All integers are big-endian. A slot without timers is zero.
 *
 *   offset  bytes  field
 *        0      8  second of the slot: another one than asked for means that the slot is empty
 *        8      8  position of its oldest unit in the timer log
 *       16      8  position of its newest unit
 *       24      4  timers minus recalls
 *       28      4  RocketMQ: magic, 0 and not used. Here: CRC-32 of all bytes before
 */
const SLOT_BYTES = 32;
const Field = { SECOND: 0, FIRST: 8, LAST: 16, COUNT: 24, CHECK: 28 } as const;

const FILE_BYTES = WHEEL_SLOTS * SLOT_BYTES;
const PAGE_BYTES = 4096;
const PAGE_SLOTS = PAGE_BYTES / SLOT_BYTES;
/**
 * Pages that stay in memory: 8 MiB, which is more than all that two days of seconds fill, however many timers they hold. So timers at random times do not read and
 * write the same pages again and again.
 */
const MAX_PAGES = 2048;
const SCAN_BYTES = 256 * 1024;

interface Page {
  readonly bytes: Buffer;
  isDirty: boolean;
}

export interface Slot {
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly count: number;
}

/** Pages as they were at one moment, on their way to the disk. */
export interface PageRun {
  readonly firstPage: number;
  readonly bytes: Buffer;
}

/**
 * The wheel: for each second, where its chain of units begins and ends. Which slots are filled is in memory, the slots themselves in pages of the file that
 * come when they are needed.
 */
export class TimerWheel {
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #bits = new SlotBits(WHEEL_SLOTS);
  readonly #pages = new Map<number, Page>();
  readonly #loading = new Map<number, Promise<void>>();
  #file: FileHandle | undefined;

  constructor(path: string, fileSystem: FileSystem) {
    this.path = path;
    this.#fileSystem = fileSystem;
  }

  /** True when the file is there in its size. */
  async isWhole(): Promise<boolean> {
    return (await this.#fileSystem.stat(this.path))?.sizeBytes === FILE_BYTES;
  }

  /**
   * Learns which slots of the file are filled: those of a second from `fromSec` to `toSec`.
   *
   * @returns false when one of them is damaged
   */
  async open(fromSec: number, toSec: number, visit: (slotSec: number, slot: Slot) => void): Promise<boolean> {
    return this.#scan(fromSec, toSec, (slotSec, slot) => {
      this.#bits.set(slotSec);
      visit(slotSec, slot);
    });
  }

  has(slotSec: number): boolean {
    return this.#bits.has(slotSec);
  }

  /** The first filled slot from `fromSec` to `toSec`, both included. */
  next(fromSec: number, toSec: number): number | undefined {
    return this.#bits.next(fromSec, toSec);
  }

  /** True when the slot can be read and written now. */
  isResident(slotSec: number): boolean {
    return this.#pages.has(pageOf(slotSec));
  }

  /** Brings the page of the slot into memory. Pages go when they are not needed, so ask {@link isResident} again after it. */
  load(slotSec: number): Promise<void> {
    const page = pageOf(slotSec);
    const loading = this.#loading.get(page) ?? this.#loadPage(page, slotSec).finally(() => this.#loading.delete(page));
    this.#loading.set(page, loading);
    return loading;
  }

  /** Undefined for an empty slot. The slot is resident. */
  get(slotSec: number): Slot | undefined {
    if (!this.#bits.has(slotSec)) return undefined;
    return readSlot(this.#pages.get(pageOf(slotSec))!.bytes, offsetInPage(slotSec));
  }

  /** The slot is resident. */
  put(slotSec: number, slot: Slot): void {
    const page = this.#pages.get(pageOf(slotSec))!;
    const at = offsetInPage(slotSec);
    writeInt64(page.bytes, slotSec, at + Field.SECOND);
    writeInt64(page.bytes, slot.firstPosition, at + Field.FIRST);
    writeInt64(page.bytes, slot.lastPosition, at + Field.LAST);
    writeInt32(page.bytes, slot.count, at + Field.COUNT);
    writeInt32(page.bytes, checkOf(page.bytes, at), at + Field.CHECK);
    page.isDirty = true;
    this.#bits.set(slotSec);
  }

  /** Empties a slot. The slot is resident. */
  delete(slotSec: number): void {
    const page = this.#pages.get(pageOf(slotSec))!;
    const at = offsetInPage(slotSec);
    page.bytes.fill(0, at, at + SLOT_BYTES);
    page.isDirty = true;
    this.#bits.delete(slotSec);
  }

  /** Copies of all pages that have changed, neighbours together. They are to be {@link write written}, or given back. */
  takeDirty(): PageRun[] {
    const dirty = [...this.#pages].filter(([, page]) => page.isDirty).toSorted(([a], [b]) => a - b);
    const runs: { firstPage: number; pages: Buffer[] }[] = [];
    for (const [number, page] of dirty) {
      page.isDirty = false;
      const last = runs.at(-1);
      if (last !== undefined && last.firstPage + last.pages.length === number) last.pages.push(page.bytes);
      else runs.push({ firstPage: number, pages: [page.bytes] });
    }
    return runs.map(({ firstPage, pages }) => ({ firstPage, bytes: Buffer.concat(pages) }));
  }

  /** Brings pages to the disk. */
  async write(runs: readonly PageRun[]): Promise<void> {
    if (runs.length === 0) return;
    const file = await this.#openFile();
    for (const { firstPage, bytes } of runs) await file.write(bytes, firstPage * PAGE_BYTES);
    await file.datasync();
    this.#forgetPages();
  }

  /** Says that these pages have not got to the disk. */
  giveBack(runs: readonly PageRun[]): void {
    for (const { firstPage, bytes } of runs) {
      for (let i = 0; i < bytes.length / PAGE_BYTES; i++) {
        const page = this.#pages.get(firstPage + i);
        if (page !== undefined) page.isDirty = true;
      }
    }
  }

  /** The oldest unit of all filled slots from `fromSec` to `toSec`; undefined when there is none, or a slot can not be read. */
  async oldestUnit(fromSec: number, toSec: number): Promise<{ slotSec: number; position: number } | undefined> {
    let oldest: { slotSec: number; position: number } | undefined;
    const isSound = await this.#scan(fromSec, toSec, (slotSec, { firstPosition: position }) => {
      if (this.#bits.has(slotSec) && position < (oldest?.position ?? Infinity)) oldest = { slotSec, position };
    });
    return isSound ? oldest : undefined;
  }

  /** Empties the wheel, file and all. The caller sees to it that nobody uses it. */
  async clear(): Promise<void> {
    await Promise.allSettled(this.#loading.values());
    this.#bits.clear();
    this.#pages.clear();
    await this.close();
    await this.#fileSystem.remove(this.path);
    // Else a power cut could bring it back, and it would meet another timer log.
    await this.#fileSystem.syncDirectory(posix.dirname(this.path));
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #openFile(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file;
    const file = await this.#fileSystem.open(this.path, 'create');
    this.#file = file;
    if ((await file.sizeBytes()) !== FILE_BYTES) await file.truncate(FILE_BYTES);
    return file;
  }

  async #loadPage(page: number, slotSec: number): Promise<void> {
    const bytes = Buffer.alloc(PAGE_BYTES);
    const firstSec = slotSec - (slotSec % PAGE_SLOTS);
    if (this.#bits.next(firstSec, firstSec + PAGE_SLOTS - 1) !== undefined) {
      const file = await this.#openFile();
      await file.read(bytes, page * PAGE_BYTES);
      // What a crash left of slots that no checkpoint knows.
      for (let i = 0; i < PAGE_SLOTS; i++) {
        if (!this.#bits.has(firstSec + i)) bytes.fill(0, i * SLOT_BYTES, (i + 1) * SLOT_BYTES);
      }
    }
    if (!this.#pages.has(page)) this.#pages.set(page, { bytes, isDirty: false });
  }

  /** Called when everything clean is on the disk. Pages without timers go first, then those that came first. */
  #forgetPages(): void {
    for (const [number, page] of this.#pages) {
      if (page.isDirty) continue;
      const firstIndex = number * PAGE_SLOTS;
      const isEmpty = this.#bits.next(firstIndex, firstIndex + PAGE_SLOTS - 1) === undefined;
      if (isEmpty || this.#pages.size > MAX_PAGES) this.#pages.delete(number);
    }
  }

  /**
   * Visits the filled slots from `fromSec` to `toSec`, without bringing them into memory.
   *
   * @returns false when a slot is damaged
   */
  async #scan(fromSec: number, toSec: number, visit: (slotSec: number, slot: Slot) => void): Promise<boolean> {
    const block = Buffer.allocUnsafe(SCAN_BYTES);
    for (let sec = fromSec; sec <= toSec;) {
      const firstIndex = sec % WHEEL_SLOTS;
      const slots = Math.min(toSec - sec + 1, WHEEL_SLOTS - firstIndex, SCAN_BYTES / SLOT_BYTES);
      const bytes = block.subarray(0, slots * SLOT_BYTES);
      // Whoever looks makes no file: one that is whole says that the index is, and of one that is being made again nothing is on the disk yet.
      const isThere = this.#file !== undefined || (await this.isWhole());
      const readBytes = isThere ? await (await this.#openFile()).read(bytes, firstIndex * SLOT_BYTES) : 0;
      bytes.fill(0, readBytes);
      for (let i = 0; i < slots; i++, sec++) {
        const page = this.#pages.get(pageOf(sec));
        const [from, at] = page === undefined ? [bytes, i * SLOT_BYTES] : [page.bytes, offsetInPage(sec)];
        const slotSec = readInt64(from, at + Field.SECOND);
        if (slotSec === 0) continue;
        if (from.readInt32BE(at + Field.CHECK) !== checkOf(from, at)) return false;
        if (slotSec === sec) visit(sec, readSlot(from, at));
      }
    }
    return true;
  }
}

const pageOf = (slotSec: number): number => Math.floor((slotSec % WHEEL_SLOTS) / PAGE_SLOTS);
const offsetInPage = (slotSec: number): number => (slotSec % PAGE_SLOTS) * SLOT_BYTES;

function checkOf(bytes: Buffer, at: number): number {
  return bodyCrc32(bytes.subarray(at, at + Field.CHECK));
}

function readSlot(bytes: Buffer, at: number): Slot {
  return {
    firstPosition: readInt64(bytes, at + Field.FIRST),
    lastPosition: readInt64(bytes, at + Field.LAST),
    count: bytes.readInt32BE(at + Field.COUNT),
  };
}
