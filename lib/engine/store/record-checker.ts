import { SysFlag } from '../types/index.js';
import { bodyCrc32At, viewOf } from './crc32.js';
import {
  BLANK_SIZE_BYTES,
  getInt64,
  IPV4_HOST_BYTES,
  IPV6_HOST_BYTES,
  MAGIC_BLANK,
  MAGIC_V1,
  MAGIC_V2,
  MAX_PROPERTIES_BYTES,
  MIN_RECORD_BYTES,
  readInt64,
  readStoreTimestampMs,
  RecordField,
} from './record-format.js';

/** Most that topic, properties and their lengths take: both lengths have 16 bits at the most. */
const MAX_BEHIND_BODY_BYTES = 2 * (2 + MAX_PROPERTIES_BYTES);

/** What stands at a place of the log. */
export type RecordCheck =
  | { readonly kind: 'record'; readonly sizeBytes: number }
  /** The rest of the segment file holds nothing. */
  | { readonly kind: 'blank' }
  /** Nothing was ever written here. */
  | { readonly kind: 'empty' }
  /** The block ends within the record. */
  | { readonly kind: 'more'; readonly sizeBytes: number }
  /** `isNewer`: it may be a record, of a version that is not known here. */
  | { readonly kind: 'invalid'; readonly reason: string; readonly isNewer?: boolean };

/**
 * Looks at the bytes from `at` to `end` as recovery does (`CommitLog.checkMessageAndReturnSize`). Stricter than RocketMQ in one thing:
 * the record must name the place where it lies, so that what an earlier write left behind a cut is never taken for data.
 *
 * @param physicalOffset place of `at` in the log
 * @param segmentRestBytes bytes from `at` to the end of the segment file; a record never reaches beyond
 * @param view of all of `bytes`; whoever looks at many records keeps one
 */
export function checkRecord(
  bytes: Buffer,
  at: number,
  end: number,
  physicalOffset: number,
  segmentRestBytes: number,
  view: DataView = viewOf(bytes),
): RecordCheck {
  if (segmentRestBytes < BLANK_SIZE_BYTES) return { kind: 'blank' };
  if (end - at < BLANK_SIZE_BYTES) return { kind: 'more', sizeBytes: BLANK_SIZE_BYTES };
  const sizeBytes = view.getInt32(at);
  const magic = view.getInt32(at + RecordField.MAGIC);
  if (magic === MAGIC_BLANK) return { kind: 'blank' };
  if (magic === 0 && sizeBytes === 0) return { kind: 'empty' };
  if (magic !== MAGIC_V1 && magic !== MAGIC_V2) {
    const reason = `unknown magic 0x${(magic >>> 0).toString(16)}`;
    return { kind: 'invalid', reason, isNewer: isOfNewerVersion(view, at, end, physicalOffset) };
  }
  if (sizeBytes < MIN_RECORD_BYTES || sizeBytes > segmentRestBytes)
    return invalid(`impossible record size ${sizeBytes}`);
  if (end - at < sizeBytes) {
    const fault = headFault(view, at, end, physicalOffset, sizeBytes);
    return fault === undefined ? { kind: 'more', sizeBytes } : invalid(fault);
  }

  const bodyLengthAt = placeOfBodyLength(view, at);
  const recordEnd = at + sizeBytes;
  const topicLengthBytes = magic === MAGIC_V2 ? 2 : 1;
  if (bodyLengthAt + 4 > recordEnd) return invalid('record shorter than its fixed fields');
  const bodyBytes = view.getInt32(bodyLengthAt);
  const topicLengthAt = bodyLengthAt + 4 + bodyBytes;
  if (bodyBytes < 0 || topicLengthAt + topicLengthBytes > recordEnd)
    return invalid(`impossible body length ${bodyBytes}`);
  const topicBytes = topicLengthBytes === 2 ? view.getInt16(topicLengthAt) : view.getInt8(topicLengthAt);
  const propertiesLengthAt = topicLengthAt + topicLengthBytes + topicBytes;
  if (topicBytes < 0 || propertiesLengthAt + 2 > recordEnd) return invalid(`impossible topic length ${topicBytes}`);
  const propertiesBytes = view.getInt16(propertiesLengthAt);
  if (propertiesLengthAt + 2 + propertiesBytes !== recordEnd) return invalid('the lengths of its parts do not add up');
  const topicAt = topicLengthAt + topicLengthBytes;
  if (holdsZero(view, topicAt, propertiesLengthAt) || holdsZero(view, propertiesLengthAt + 2, recordEnd)) {
    return invalid('topic or properties were not written whole');
  }
  const statedOffset = getInt64(view, at + RecordField.PHYSICAL_OFFSET);
  if (statedOffset !== physicalOffset) return invalid(`record says that it lies at ${statedOffset}`);
  const bodyAt = bodyLengthAt + 4;
  if (bodyCrc32At(bytes, view, bodyAt, bodyBytes) !== view.getInt32(at + RecordField.BODY_CRC)) {
    return invalid('body checksum does not match');
  }
  if (lacksStoreTime(bytes, at)) return invalid('its head was not written whole: it has no store time');
  return { kind: 'record', sizeBytes };
}

/**
 * No checksum covers the head, and a power cut in the middle of a write can leave the sector in which a record begins as it was when only that beginning had been written, beside the next
 * one with all the rest. A clock that stands at 0 itself is one of a test.
 */
function lacksStoreTime(bytes: Buffer, at: number): boolean {
  return readStoreTimestampMs(bytes, at) === 0 && readInt64(bytes, at + RecordField.BORN_TIMESTAMP) !== 0;
}

/**
 * What is wrong with a record of which the block holds the beginning alone, as far as that tells. Whoever is told that there is more makes room for it, and one wrong bit in the size
 * makes that a gigabyte.
 */
function headFault(
  view: DataView,
  at: number,
  end: number,
  physicalOffset: number,
  sizeBytes: number,
): string | undefined {
  if (end - at < RecordField.SYS_FLAG + 4) return undefined;
  const statedOffset = getInt64(view, at + RecordField.PHYSICAL_OFFSET);
  if (statedOffset !== physicalOffset) return `record says that it lies at ${statedOffset}`;
  const bodyLengthAt = placeOfBodyLength(view, at);
  if (bodyLengthAt + 4 > end) return undefined;
  const bodyBytes = view.getInt32(bodyLengthAt);
  const behindBodyBytes = at + sizeBytes - bodyLengthAt - 4 - bodyBytes;
  if (bodyBytes < 0 || behindBodyBytes < 3) return `impossible body length ${bodyBytes}`;
  return behindBodyBytes > MAX_BEHIND_BODY_BYTES ? 'the lengths of its parts do not add up' : undefined;
}

function placeOfBodyLength(view: DataView, at: number): number {
  const sysFlag = view.getInt32(at + RecordField.SYS_FLAG);
  const hostBytes =
    (sysFlag & SysFlag.BORN_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES) +
    (sysFlag & SysFlag.STORE_HOST_V6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES);
  return at + RecordField.BORN_HOST + 8 + hostBytes + 12;
}

/** Versions differ in the last byte of their magic. What names its own place like a record is no garbage of a torn write. */
function isOfNewerVersion(view: DataView, at: number, end: number, physicalOffset: number): boolean {
  if (end - at < RecordField.SYS_FLAG || view.getInt32(at + RecordField.MAGIC) >> 8 !== MAGIC_V1 >> 8) return false;
  return getInt64(view, at + RecordField.PHYSICAL_OFFSET) === physicalOffset;
}

/**
 * RocketMQ's checksum covers the body alone. What a torn write leaves out reads as zero, and neither a topic nor properties ever hold the character U+0000, so
 * this finds a record whose end did not get to the disk.
 */
function holdsZero(view: DataView, from: number, to: number): boolean {
  let at = from;
  for (; at + 4 <= to; at += 4) {
    // Four bytes a step: taking 1 from each sets the uppermost bit of those that were zero. What it carries over comes from a zero, too.
    const four = view.getInt32(at);
    if (((four - 0x01010101) & ~four & 0x80808080) !== 0) return true;
  }
  for (; at < to; at++) if (view.getUint8(at) === 0) return true;
  return false;
}

function invalid(reason: string): RecordCheck {
  return { kind: 'invalid', reason };
}
