import type { MaybePromise } from '../types/index.js';
import { viewOf } from './crc32.js';
import { checkRecord } from './record-checker.js';
import type { SegmentFiles } from './segment-files.js';

const SCAN_BYTES = 4 * 1024 * 1024;
/** The first block is small, for most openings find the log at its end; each one is larger than the one before. */
const FIRST_SCAN_BYTES = 64 * 1024;
const SCAN_GROWTH = 8;

/** Where and why a scan ended. */
export interface ScanEnd {
  readonly offset: number;
  /** Undefined: nothing was ever written there. Else: what is wrong with the bytes there. */
  readonly reason: string | undefined;
  /** What stands there may be a record of a version that is not known here. */
  readonly isNewer?: boolean | undefined;
}

export interface ScanLimits {
  /** The start of a record; the scan ends there. Default: the end of the log. */
  readonly untilOffset?: number;
  /** Awaited now and then, for those who gather what they are told. Everything before `offset` has been read. */
  readonly afterBlock?: (offset: number) => MaybePromise<void>;
}

/**
 * Reads the log record by record from `startOffset`, which is the start of a record, to the first place that holds none.
 *
 * @param onRecord gets bytes that are overwritten afterwards
 */
export async function scanLog(
  segments: SegmentFiles,
  startOffset: number,
  onRecord: (bytes: Buffer, at: number, sizeBytes: number, offset: number) => void,
  { untilOffset = Infinity, afterBlock }: ScanLimits = {},
): Promise<ScanEnd> {
  let buffer = Buffer.allocUnsafeSlow(Math.min(FIRST_SCAN_BYTES, segments.fileSizeBytes));
  let view = viewOf(buffer);
  let offset = startOffset;
  while (offset < untilOffset && segments.has(offset)) {
    const segmentEnd = segments.startOf(offset) + segments.fileSizeBytes;
    const readBytes = await segments.read(buffer, offset);
    const blockOffset = offset;
    for (let at = 0; ;) {
      const check = checkRecord(buffer, at, readBytes, blockOffset + at, segmentEnd - blockOffset - at, view);
      if (check.kind === 'record') {
        onRecord(buffer, at, check.sizeBytes, blockOffset + at);
        at += check.sizeBytes;
        offset = blockOffset + at;
        if (offset >= untilOffset) break;
        continue;
      }
      if (check.kind === 'empty') return { offset, reason: undefined };
      if (check.kind === 'invalid') return { offset, reason: check.reason, isNewer: check.isNewer };
      if (check.kind === 'blank') {
        offset = segmentEnd;
      } else if (at === 0) {
        if (check.sizeBytes <= buffer.length) return { offset, reason: 'the file ends within a record' };
        buffer = Buffer.allocUnsafeSlow(check.sizeBytes);
        view = viewOf(buffer);
      }
      break;
    }
    await afterBlock?.(offset);
    const nextBytes = Math.min(buffer.length * SCAN_GROWTH, SCAN_BYTES, segments.fileSizeBytes);
    if (nextBytes > buffer.length) {
      buffer = Buffer.allocUnsafeSlow(nextBytes);
      view = viewOf(buffer);
    }
  }
  return { offset, reason: undefined };
}
