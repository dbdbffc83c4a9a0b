import { SysFlag } from '../types/index.js';

/**
 * The record of the commit log (RocketMQ: `MessageExtEncoder`, `MessageDecoder`). All integers are big-endian.
 *
 *   offset  bytes  field
 *        0      4  totalSize, of the whole record
 *        4      4  magic: version 1 or 2, or blank (end of file)
 *        8      4  bodyCRC: CRC-32 of the body without its sign bit
 *       12      4  queueId
 *       16      4  flag, the application's
 *       20      8  queueOffset
 *       28      8  physicalOffset: where this record lies in the log
 *       36      4  sysFlag
 *       40      8  bornTimestamp
 *       48      b  bornHost: address and port, 8 bytes (IPv4) or 20 (IPv6, sysFlag 0x10)
 *     48+b      8  storeTimestamp
 *     56+b      s  storeHost: as bornHost (IPv6: sysFlag 0x20)
 *   56+b+s      4  reconsumeTimes
 *   60+b+s      8  preparedTransactionOffset
 *   68+b+s      4  body length, then the body
 *                1|2  topic length (version 1: one byte, version 2: two), then the topic
 *                2  properties length, then the properties
 */
export const RecordField = {
  TOTAL_SIZE: 0,
  MAGIC: 4,
  BODY_CRC: 8,
  QUEUE_ID: 12,
  FLAG: 16,
  QUEUE_OFFSET: 20,
  PHYSICAL_OFFSET: 28,
  SYS_FLAG: 36,
  BORN_TIMESTAMP: 40,
  BORN_HOST: 48,
} as const;

export const MAGIC_V1 = 0xdaa320a7 | 0;
export const MAGIC_V2 = 0xdaa320ab | 0;
/** Stands where a record did not fit into the rest of a segment file. */
export const MAGIC_BLANK = 0xcbd43194 | 0;
/** totalSize and magic of the blank: every segment file keeps this much room at its end. */
export const BLANK_SIZE_BYTES = 8;

/** Topics up to this length are written as version 1 (`autoMessageVersionOnTopicLen`). */
export const V1_MAX_TOPIC_BYTES = 127;
export const IPV4_HOST_BYTES = 8;
export const IPV6_HOST_BYTES = 20;

/** Everything but body, topic and properties, with both hosts IPv4, version 1. */
export const MIN_RECORD_BYTES = 91;
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
export const MAX_PROPERTIES_BYTES = 32_767;
/** RocketMQ's limit of a whole record: body limit plus 64 KiB. */
export const MAX_RECORD_BYTES = MAX_BODY_BYTES + 65_536;

const TWO_32 = 4_294_967_296;

/** Offsets and times are 64-bit on disk and safe integers in memory. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_32);
  writeInt32(bytes, high, at);
  writeInt32(bytes, value - high * TWO_32, at + 4);
}

export function getInt64(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_32 + view.getUint32(at + 4);
}

export function setInt64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  view.setInt32(at, high);
  view.setInt32(at + 4, value - high * TWO_32);
}

/** Reads the field of a record of which only the part up to its hosts is there. */
export function readStoreTimestampMs(bytes: Buffer, at: number): number {
  const isIPv6 = (bytes.readInt32BE(at + RecordField.SYS_FLAG) & SysFlag.BORN_HOST_V6) !== 0;
  return readInt64(bytes, at + RecordField.BORN_HOST + (isIPv6 ? IPV6_HOST_BYTES : IPV4_HOST_BYTES));
}

/** Size of the record that begins at `at`, as it says itself; undefined when none of this place in the log begins there. @param end of what the bytes hold */
export function statedSize(bytes: Buffer, at: number, end: number, physicalOffset: number): number | undefined {
  if (end - at < RecordField.SYS_FLAG) return undefined;
  const magic = bytes.readInt32BE(at + RecordField.MAGIC);
  if (magic !== MAGIC_V1 && magic !== MAGIC_V2) return undefined;
  return readInt64(bytes, at + RecordField.PHYSICAL_OFFSET) === physicalOffset ? bytes.readInt32BE(at) : undefined;
}

/** Without the range checks of `Buffer.writeInt32BE`: the caller has made room, and any 32 bits are right. */
export function writeInt32(bytes: Buffer, value: number, at: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes text of single-byte characters; what RocketMQ allows in topic names is ASCII. */
export function writeAscii(bytes: Buffer, text: string, at: number): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** Up to this length a loop is quicker than a call into Node. Measured on Node 20. */
const SHORT_TEXT = 128;

/** Bytes of a text in UTF-8. */
export function utf8Bytes(text: string): number {
  if (text.length > SHORT_TEXT) return Buffer.byteLength(text);
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return Buffer.byteLength(text);
  return text.length;
}

/** Writes a text in UTF-8. @param sizeBytes what {@link utf8Bytes} says of it */
export function writeUtf8(bytes: Buffer, text: string, at: number, sizeBytes: number): void {
  if (sizeBytes === text.length && sizeBytes <= SHORT_TEXT) writeAscii(bytes, text, at);
  else bytes.write(text, at, sizeBytes, 'utf8');
}
