import type { MaybePromise } from '../engine/types/index.js';
import { scanLog } from '../engine/store/log-scan.js';
import { checkRecord } from '../engine/store/record-checker.js';
import { MAGIC_V1, MAGIC_V2, MIN_RECORD_BYTES, RecordField } from '../engine/store/record-format.js';
import type { SegmentFiles } from '../engine/store/segment-files.js';
import { StoredMessage } from '../engine/store/stored-message.js';

/** A part of the log that holds no record, between two that do. */
export interface BrokenStretch {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface LogEnd {
  /** One past the last record. */
  readonly offset: number;
  /** What is wrong with the bytes there; undefined: nothing was ever written there. */
  readonly reason: string | undefined;
  /** What stands there may be a record of a version that is not known here. */
  readonly isNewer?: boolean | undefined;
}

export interface LogVisitor {
  /** The message's bytes are overwritten afterwards. */
  onRecord(message: StoredMessage, sizeBytes: number, offset: number): void;
  afterBlock?(offset: number): MaybePromise<void>;
  onBroken?(stretch: BrokenStretch): void;
}

/** Reads the whole log, and goes on behind what is broken: a record names the offset where it lies, so the next one can be told from chance. */
export async function walkLog(segments: SegmentFiles, visitor: LogVisitor): Promise<LogEnd> {
  let offset = segments.firstOffset;
  for (;;) {
    const end = await scanLog(
      segments,
      offset,
      (bytes, at, sizeBytes, place) => visitor.onRecord(new StoredMessage(bytes, at, ''), sizeBytes, place),
      { afterBlock: (reached) => visitor.afterBlock?.(reached) },
    );
    await visitor.afterBlock?.(end.offset);
    const next = await nextRecord(segments, end.offset + 1);
    if (next === undefined) return end;
    const reason = end.reason ?? (segments.has(end.offset) ? 'zeros, though records follow' : 'a file is missing');
    visitor.onBroken?.({ from: end.offset, to: next, reason });
    offset = next;
  }
}

const SEARCH_BYTES = 1024 * 1024;
const MAGICS = [MAGIC_V1, MAGIC_V2].map((magic) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(magic);
  return bytes;
});

/** Start of the first whole record at or behind `from`. */
export async function nextRecord(segments: SegmentFiles, from: number): Promise<number | undefined> {
  for (const start of segments.starts) {
    const end = start + segments.fileSizeBytes;
    if (end <= from) continue;
    const found = await nextRecordInFile(segments, Math.max(start, from), end);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function nextRecordInFile(segments: SegmentFiles, from: number, end: number): Promise<number | undefined> {
  const block = Buffer.allocUnsafeSlow(SEARCH_BYTES);
  // Blocks overlap by a record's head, so that none is cut in two.
  for (let offset = from; offset + MIN_RECORD_BYTES <= end; offset += block.length - MIN_RECORD_BYTES) {
    const bytes = block.subarray(0, await segments.read(block, offset));
    if (bytes.length < MIN_RECORD_BYTES) return undefined;
    for (const at of magicPlaces(bytes)) {
      const place = offset + at - RecordField.MAGIC;
      if (place >= from && (await isRecord(segments, place, end))) return place;
    }
  }
  return undefined;
}

function magicPlaces(bytes: Buffer): number[] {
  const places: number[] = [];
  for (const magic of MAGICS) {
    for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) places.push(at);
  }
  return places.toSorted((a, b) => a - b);
}

async function isRecord(segments: SegmentFiles, offset: number, fileEnd: number): Promise<boolean> {
  const restBytes = fileEnd - offset;
  const head = Buffer.alloc(Math.min(MIN_RECORD_BYTES, restBytes));
  const readBytes = await segments.read(head, offset);
  const first = checkRecord(head, 0, readBytes, offset, restBytes);
  if (first.kind !== 'more') return first.kind === 'record';
  const whole = Buffer.allocUnsafe(first.sizeBytes);
  const check = checkRecord(whole, 0, await segments.read(whole, offset), offset, restBytes);
  return check.kind === 'record';
}
