import { StoreCorruptError } from '../../errors/index.js';
import { checkRecord } from './record-checker.js';
import { MAGIC_V1, MAGIC_V2, readInt64, RecordField } from './record-format.js';
import type { SegmentFiles } from './segment-files.js';

/** A stretch of the log that was read from the disk. */
interface Window {
  readonly startOffset: number;
  readonly bytes: Buffer;
}

/** Consumers of a backlog read forward, so one read of this size serves thousands of small records. */
const WINDOW_BYTES = 256 * 1024;
/** Bounds the memory of reading behind; a few windows serve many queues, because their records lie side by side. */
const MAX_WINDOWS = 32;

/** A record's bytes: those of a whole window, and where the record begins in them. */
export interface RecordBytes {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Reads records that have left the log's memory, in large pieces, and checks each one before anybody sees it. */
export class LogReader {
  readonly #segments: SegmentFiles;
  /** Youngest first. */
  #windows: Window[] = [];

  constructor(segments: SegmentFiles) {
    this.#segments = segments;
  }

  /**
   * The record at `offset`, of `sizeBytes` as its consume queue says.
   *
   * @param visibleOffset nothing at or after it is read
   * @returns undefined when the log does not reach there (any more)
   * @throws StoreCorruptError the bytes are not a record
   */
  async read(offset: number, sizeBytes: number, visibleOffset: number): Promise<RecordBytes | undefined> {
    if (offset + sizeBytes > visibleOffset || !this.#segments.has(offset)) return undefined;
    const known = this.find(offset, sizeBytes);
    if (known !== undefined) return known;
    const window = await this.#load(offset, sizeBytes, visibleOffset);
    return this.#checked(window, offset, sizeBytes);
  }

  /** As {@link read}, if that needs no disk. */
  find(offset: number, sizeBytes: number): RecordBytes | undefined {
    for (const window of this.#windows) {
      const at = offset - window.startOffset;
      if (at >= 0 && at + sizeBytes <= window.bytes.length) return this.#checked(window, offset, sizeBytes);
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
    if (this.#windows.length > MAX_WINDOWS) this.#windows.pop();
    return window;
  }

  async #readWindow(startOffset: number, wantedBytes: number): Promise<Window> {
    const bytes = Buffer.allocUnsafeSlow(wantedBytes);
    const readBytes = await this.#segments.read(bytes, startOffset);
    return { startOffset, bytes: bytes.subarray(0, readBytes) };
  }

  #checked(window: Window, offset: number, sizeBytes: number): RecordBytes {
    const at = offset - window.startOffset;
    const restBytes = this.#segments.startOf(offset) + this.#segments.fileSizeBytes - offset;
    const check = checkRecord(window.bytes, at, Math.min(at + sizeBytes, window.bytes.length), offset, restBytes);
    if (check.kind === 'record' && check.sizeBytes === sizeBytes) return { bytes: window.bytes, at };
    const reason = check.kind === 'invalid' ? check.reason : `no record of ${sizeBytes} bytes is there (${check.kind})`;
    const fileOffset = offset % this.#segments.fileSizeBytes;
    throw new StoreCorruptError({ file: this.#segments.path(offset), offset: fileOffset, reason });
  }
}
