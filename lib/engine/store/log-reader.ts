import { StoreCorruptError } from '../../errors/index.js';
import { checkRecord } from './record-checker.js';
import { MAGIC_V1, MAGIC_V2, readInt64, RecordField } from './record-format.js';
import type { RecordMemory } from './record-memory.js';
import type { SegmentFiles } from './segment-files.js';

/** A stretch of the log that was read from the disk. */
interface Window {
  readonly startOffset: number;
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
/** Where it goes on behind another one, as for the consumers of a backlog: a busy app gets to the next read only now and then. */
const NEXT_WINDOW_BYTES = 1024 * 1024;
/** Bounds the memory of reading behind; a few windows serve many queues, because their records lie side by side. */
const MAX_BYTES = 8 * 1024 * 1024;
/** What stays of each size to be used again. */
const MAX_SPARES = 4;

/** Reads records that have left the log's memory, in large pieces, and checks each one before anybody sees it. What it gives away is copied. */
export class LogReader {
  readonly #segments: SegmentFiles;
  /** Youngest first. */
  readonly #windows: Window[] = [];
  #bytes = 0;
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
    // Queues whose records lie side by side ask for the same at the same time.
    const loading = this.#loading.find((each) => offset >= each.startOffset && offset + sizeBytes <= each.endOffset);
    const window = await (loading?.window ?? this.#load(offset, sizeBytes, visibleOffset));
    // It may have made room for others by now, and its memory be in use again.
    if (!this.#windows.includes(window)) return this.read(offset, sizeBytes, visibleOffset, memory);
    return this.#copied(window, offset, sizeBytes, memory);
  }

  /** As {@link read}, if that needs no disk. */
  find(offset: number, sizeBytes: number, memory: RecordMemory): number | undefined {
    for (const window of this.#windows) {
      const at = offset - window.startOffset;
      if (at >= 0 && at + sizeBytes <= window.bytes.length) return this.#copied(window, offset, sizeBytes, memory);
    }
    return undefined;
  }

  /** Size of the record at `offset`, as it says itself; undefined where no record begins. */
  async sizeOfRecord(offset: number): Promise<number | undefined> {
    const head = Buffer.alloc(RecordField.SYS_FLAG);
    if ((await this.#segments.read(head, offset)) < head.length) return undefined;
    const magic = head.readInt32BE(RecordField.MAGIC);
    const isRecord = magic === MAGIC_V1 || magic === MAGIC_V2;
    return isRecord && readInt64(head, RecordField.PHYSICAL_OFFSET) === offset ? head.readInt32BE(0) : undefined;
  }

  /** The file of an offset, and the place in there: for errors. */
  placeOf(offset: number): { readonly file: string; readonly offset: number } {
    return { file: this.#segments.path(offset), offset: offset % this.#segments.fileSizeBytes };
  }

  /** True for what retention has removed. */
  isBeforeLog(offset: number): boolean {
    return offset >= 0 && offset < this.#segments.firstOffset;
  }

  #load(offset: number, sizeBytes: number, visibleOffset: number): Promise<Window> {
    const restBytes = this.#segments.startOf(offset) + this.#segments.fileSizeBytes - offset;
    const windowBytes = this.#continues(offset) ? NEXT_WINDOW_BYTES : WINDOW_BYTES;
    const wantedBytes = Math.min(Math.max(windowBytes, sizeBytes), restBytes, visibleOffset - offset);
    const window = this.#readWindow(offset, wantedBytes, Math.max(windowBytes, wantedBytes));
    const loading = { startOffset: offset, endOffset: offset + wantedBytes, window };
    this.#loading = [...this.#loading, loading];
    return window.finally(() => {
      this.#loading = this.#loading.filter((each) => each !== loading);
    });
  }

  /** True where a window ends, or a little behind: the records in between are of other queues. */
  #continues(offset: number): boolean {
    return this.#windows.some(({ startOffset, bytes }) => {
      const behindBytes = offset - (startOffset + bytes.length);
      return behindBytes > -WINDOW_BYTES && behindBytes < WINDOW_BYTES;
    });
  }

  async #readWindow(startOffset: number, wantedBytes: number, memoryBytes: number): Promise<Window> {
    const memory = this.#spares.get(memoryBytes)?.pop() ?? Buffer.allocUnsafeSlow(memoryBytes);
    const readBytes = await this.#segments.read(memory.subarray(0, wantedBytes), startOffset);
    const window = { startOffset, memory, bytes: memory.subarray(0, readBytes) };
    this.#keep(window);
    return window;
  }

  #keep(window: Window): void {
    this.#windows.unshift(window);
    this.#bytes += window.memory.length;
    while (this.#bytes > MAX_BYTES && this.#windows.length > 1) {
      const { memory } = this.#windows.pop()!;
      this.#bytes -= memory.length;
      const spares = this.#spares.get(memory.length);
      if (spares !== undefined && spares.length < MAX_SPARES) spares.push(memory);
    }
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
