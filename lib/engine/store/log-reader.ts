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

/** Consumers of a backlog read forward, so one read of this size serves thousands of small records. */
const WINDOW_BYTES = 256 * 1024;
/** Bounds the memory of reading behind; a few windows serve many queues, because their records lie side by side. */
const MAX_WINDOWS = 32;

/** Reads records that have left the log's memory, in large pieces, and checks each one before anybody sees it. What it gives away is copied. */
export class LogReader {
  readonly #segments: SegmentFiles;
  /** Youngest first. */
  #windows: Window[] = [];
  /** Memory of windows that were let go of. */
  readonly #spare: Buffer[] = [];

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
    const window = await this.#load(offset, sizeBytes, visibleOffset);
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

  /** Forgets what it holds: the files have been cut. */
  clear(): void {
    this.#windows = [];
  }

  async #load(offset: number, sizeBytes: number, visibleOffset: number): Promise<Window> {
    const restBytes = this.#segments.startOf(offset) + this.#segments.fileSizeBytes - offset;
    const wantedBytes = Math.min(Math.max(WINDOW_BYTES, sizeBytes), restBytes, visibleOffset - offset);
    const window = await this.#readWindow(offset, wantedBytes);
    this.#windows.unshift(window);
    const oldest = this.#windows.length > MAX_WINDOWS ? this.#windows.pop() : undefined;
    if (oldest?.memory.length === WINDOW_BYTES) this.#spare.push(oldest.memory);
    return window;
  }

  async #readWindow(startOffset: number, wantedBytes: number): Promise<Window> {
    const spare = wantedBytes <= WINDOW_BYTES ? this.#spare.pop() : undefined;
    const memory = spare ?? Buffer.allocUnsafeSlow(Math.max(wantedBytes, WINDOW_BYTES));
    const readBytes = await this.#segments.read(memory.subarray(0, wantedBytes), startOffset);
    return { startOffset, memory, bytes: memory.subarray(0, readBytes) };
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
