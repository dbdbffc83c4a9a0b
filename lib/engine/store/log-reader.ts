import { StoreCorruptError } from '../../errors/index.js';
import { checkRecord } from './record-checker.js';
import { RecordField, statedSize } from './record-format.js';
import type { RecordMemory } from './record-memory.js';
import type { SegmentFiles } from './segment-files.js';

/** A stretch of the log that was read from the disk. */
interface Window {
  readonly startOffset: number;
  /** When it was used last, by the count of uses. */
  usedAt: number;
  /** What was read. */
  readonly bytes: Buffer;
  /** What it was read into. */
  readonly memory: Buffer;
}

/** A read that is under way. */
interface Loading {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly window: Promise<Window>;
}

/** One read of this size serves a thousand small records. */
const WINDOW_BYTES = 256 * 1024;
/** How much of a window the next one has again: most records that begin in the one and end in the other. */
const OVERLAP_BYTES = 4096;
/** Where it goes on behind another one, as for the consumers of a backlog: a busy app gets to the next read only now and then. */
const NEXT_WINDOW_BYTES = 1024 * 1024;
/**
 * Most that windows hold, beside those that are being read and a few spare ones. A few windows serve many queues, because their records lie side by side; of groups that read far
 * from each other each needs its own.
 */
const MAX_BYTES = 16 * 1024 * 1024;
/** What stays of each size to be used again. */
const MAX_SPARES = 4;

/** Reads records that have left the log's memory, in large pieces, and checks each one before anybody sees it. What it gives away is copied. */
export class LogReader {
  readonly #segments: SegmentFiles;
  /** Youngest first. */
  readonly #windows: Window[] = [];
  #bytes = 0;
  #uses = 0;
  #loading: readonly Loading[] = [];
  /** Memory of windows that were let go of, by its size. */
  readonly #spares = new Map<number, Buffer[]>([
    [WINDOW_BYTES, []],
    [NEXT_WINDOW_BYTES, []],
  ]);

  constructor(segments: SegmentFiles) {
    this.#segments = segments;
  }

  /**
   * The record at `offset`, of `sizeBytes` as its consume queue says.
   *
   * @param visibleOffset nothing at or after it is read
   * @param memory what the record is copied into
   * @returns where it begins in there; undefined when the log does not reach there (any more)
   * @throws StoreCorruptError the bytes are not a record
   */
  async read(
    offset: number,
    sizeBytes: number,
    visibleOffset: number,
    memory: RecordMemory,
  ): Promise<number | undefined> {
    if (offset + sizeBytes > visibleOffset || !this.#segments.has(offset)) return undefined;
    const known = this.find(offset, sizeBytes, memory);
    if (known !== undefined) return known;
    const window = await this.#windowFor(offset, sizeBytes, visibleOffset);
    // It may have made room for others by now, and its memory be in use again.
    if (!this.#windows.includes(window)) return this.read(offset, sizeBytes, visibleOffset, memory);
    return this.#copied(window, offset, sizeBytes, memory);
  }

  /** As {@link read}, if that needs no disk. */
  find(offset: number, sizeBytes: number, memory: RecordMemory): number | undefined {
    for (const window of this.#windows) {
      const at = offset - window.startOffset;
      if (at < 0 || at + sizeBytes > window.bytes.length) continue;
      window.usedAt = ++this.#uses;
      return this.#copied(window, offset, sizeBytes, memory);
    }
    return undefined;
  }

  /** Size of the record at `offset`, as it says itself; undefined where no record begins. */
  async sizeOfRecord(offset: number): Promise<number | undefined> {
    const head = Buffer.alloc(RecordField.SYS_FLAG);
    return statedSize(head, 0, await this.#segments.read(head, offset), offset);
  }

  /** The file of an offset, and the place in there: for errors. */
  placeOf(offset: number): { readonly file: string; readonly offset: number } {
    return { file: this.#segments.path(offset), offset: offset % this.#segments.fileSizeBytes };
  }

  /** True for what retention has removed. */
  isBeforeLog(offset: number): boolean {
    return offset >= 0 && offset < this.#segments.firstOffset;
  }

  /** Queues whose records lie side by side ask for the same at the same time, and share a read. */
  async #windowFor(offset: number, sizeBytes: number, visibleOffset: number): Promise<Window> {
    const loading = this.#loading.find((each) => offset >= each.startOffset && offset + sizeBytes <= each.endOffset);
    try {
      return await (loading?.window ?? this.#load(offset, sizeBytes, visibleOffset));
    } catch {
      // What can not be read may be another record, which is no reason to withhold this one.
      return this.#readWindow(offset, sizeBytes);
    }
  }

  #load(offset: number, sizeBytes: number, visibleOffset: number): Promise<Window> {
    const startOfFile = this.#segments.startOf(offset);
    const endOfFile = startOfFile + this.#segments.fileSizeBytes;
    const before = this.#windows.find((window) => isContinued(window, offset));
    // From where the other one ends, so that those who come to that place one after the other share this one.
    const startOffset =
      before === undefined ? offset : Math.max(startOfFile, Math.min(offset, endOf(before) - OVERLAP_BYTES));
    const windowBytes = before === undefined ? WINDOW_BYTES : NEXT_WINDOW_BYTES;
    const endOffset = Math.min(Math.max(startOffset + windowBytes, offset + sizeBytes), endOfFile, visibleOffset);
    const window = this.#readWindow(startOffset, endOffset - startOffset);
    const loading = { startOffset, endOffset, window };
    this.#loading = [...this.#loading, loading];
    return window.finally(() => {
      this.#loading = this.#loading.filter((each) => each !== loading);
    });
  }

  async #readWindow(startOffset: number, wantedBytes: number): Promise<Window> {
    const memoryBytes = wantedBytes <= WINDOW_BYTES ? WINDOW_BYTES : Math.max(wantedBytes, NEXT_WINDOW_BYTES);
    const memory = this.#spares.get(memoryBytes)?.pop() ?? Buffer.allocUnsafeSlow(memoryBytes);
    const readBytes = await this.#segments.read(memory.subarray(0, wantedBytes), startOffset);
    const window = { startOffset, usedAt: ++this.#uses, memory, bytes: memory.subarray(0, readBytes) };
    this.#keep(window);
    return window;
  }

  #keep(window: Window): void {
    this.#windows.unshift(window);
    this.#bytes += window.memory.length;
    while (this.#bytes > MAX_BYTES && this.#windows.length > 1) this.#dropIdlest();
  }

  #dropIdlest(): void {
    const idlest = this.#windows.reduce((one, other) => (other.usedAt < one.usedAt ? other : one));
    this.#windows.splice(this.#windows.indexOf(idlest), 1);
    this.#bytes -= idlest.memory.length;
    const spares = this.#spares.get(idlest.memory.length);
    if (spares !== undefined && spares.length < MAX_SPARES) spares.push(idlest.memory);
  }

  #copied(window: Window, offset: number, sizeBytes: number, memory: RecordMemory): number {
    const at = offset - window.startOffset;
    const restBytes = this.#segments.startOf(offset) + this.#segments.fileSizeBytes - offset;
    const check = checkRecord(window.bytes, at, Math.min(at + sizeBytes, window.bytes.length), offset, restBytes);
    if (check.kind === 'record' && check.sizeBytes === sizeBytes) return memory.put(window.bytes, at, sizeBytes);
    const reason = check.kind === 'invalid' ? check.reason : `no record of ${sizeBytes} bytes is there (${check.kind})`;
    const fileOffset = offset % this.#segments.fileSizeBytes;
    throw new StoreCorruptError({ file: this.#segments.path(offset), offset: fileOffset, reason });
  }
}

function endOf({ startOffset, bytes }: Window): number {
  return startOffset + bytes.length;
}

/** True for an offset at the end of a window, or a little behind: the records in between are of other queues. */
function isContinued(window: Window, offset: number): boolean {
  const behindBytes = offset - endOf(window);
  return behindBytes >= -OVERLAP_BYTES && behindBytes < WINDOW_BYTES;
}
