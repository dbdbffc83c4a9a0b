import { bodyCrc32 } from '../../store/crc32.js';
import { readInt64, writeInt32, writeInt64 } from '../../store/record-format.js';
import { SLOT_MS, slotStartMs } from './timer-time.js';

/**
 * The unit of the timer log (RocketMQ: `TimerLog`), one for each place of a timer in the wheel. All integers are big-endian.
 *
 *   offset  bytes  field
 *        0      4  size: 52
 *        4      8  position of the unit before it in the same slot, −1 when there is none
 *       12      4  magic: 1, plus 2 when the record is to go back into the timer topic, plus 4 when it recalls another
 *       16      8  time of writing, cut to a second
 *       24      4  slot start − time of writing, in ms
 *       28      8  commit log offset of the record
 *       36      4  size of the record
 *       40      4  hash of the real topic
 *       44      2  RocketMQ: reserved, 0. Here: millisecond 1..1000 within the slot; 0x8000 when a recall is counted already
 *       46      4  RocketMQ: reserved, 0. Here: {@link keyHash} of the message, or of the one that it recalls
 *       50      2  RocketMQ: reserved, 0. Here: the lower half of the CRC-32 of all bytes before
 */
export const UNIT_BYTES = 52;

export const UnitMagic = { DEFAULT: 1, ROLL: 2, DELETE: 4 } as const;

const Field = {
  SIZE: 0,
  PREVIOUS: 4,
  MAGIC: 12,
  WRITE_TIME: 16,
  DELAY: 24,
  PHYSICAL_OFFSET: 28,
  RECORD_SIZE: 36,
  TOPIC_HASH: 40,
  MS_IN_SLOT: 44,
  KEY_HASH: 46,
  CHECK: 50,
} as const;

const COUNTED = 0x8000;
const MS_MASK = 0x3ff;
const KNOWN_MAGIC = 0xf;
const MAX_INT32 = 2 ** 31 - 1;

export interface TimerUnit {
  readonly magic: number;
  readonly slotSec: number;
  readonly physicalOffset: number;
  readonly sizeBytes: number;
  readonly topicHash: number;
  /** 1..1000; of a recall, 1. */
  readonly msInSlot: number;
  readonly keyHash: number;
  /** Of a recall: the message that it takes back is no longer counted as pending. */
  readonly counted: boolean;
}

export function writeUnit(bytes: Buffer, at: number, unit: TimerUnit, previousPosition: number, nowMs: number): void {
  const startMs = slotStartMs(unit.slotSec);
  const nowSecondMs = nowMs - (nowMs % SLOT_MS);
  // The delay is a 32-bit field; of a unit that is overdue by weeks only the sum means anything.
  const writeMs = Math.abs(startMs - nowSecondMs) <= MAX_INT32 ? nowSecondMs : startMs;
  writeInt32(bytes, UNIT_BYTES, at + Field.SIZE);
  writeInt64(bytes, previousPosition, at + Field.PREVIOUS);
  writeInt32(bytes, unit.magic, at + Field.MAGIC);
  writeInt64(bytes, writeMs, at + Field.WRITE_TIME);
  writeInt32(bytes, startMs - writeMs, at + Field.DELAY);
  writeInt64(bytes, unit.physicalOffset, at + Field.PHYSICAL_OFFSET);
  writeInt32(bytes, unit.sizeBytes, at + Field.RECORD_SIZE);
  writeInt32(bytes, unit.topicHash, at + Field.TOPIC_HASH);
  bytes.writeUInt16BE(unit.msInSlot | (unit.counted ? COUNTED : 0), at + Field.MS_IN_SLOT);
  writeInt32(bytes, unit.keyHash, at + Field.KEY_HASH);
  bytes.writeUInt16BE(checkOf(bytes, at), at + Field.CHECK);
}

/** Without it, a bit that the disk has lost could deliver a message that was recalled, or lose one. */
function checkOf(bytes: Buffer, at: number): number {
  return bodyCrc32(bytes.subarray(at, at + Field.CHECK)) & 0xffff;
}

/** What is wrong with the unit of a slot; undefined when it is one. */
export function unitFault(bytes: Buffer, at: number, slotSec: number): string | undefined {
  if (bytes.readInt32BE(at + Field.SIZE) !== UNIT_BYTES) return 'no unit is there';
  const magic = bytes.readInt32BE(at + Field.MAGIC);
  if ((magic | KNOWN_MAGIC) !== KNOWN_MAGIC) return `a unit has the magic ${magic}`;
  if (bytes.readUInt16BE(at + Field.CHECK) !== checkOf(bytes, at)) return 'the check sum of a unit does not fit';
  const startMs = readInt64(bytes, at + Field.WRITE_TIME) + bytes.readInt32BE(at + Field.DELAY);
  if (startMs !== slotStartMs(slotSec)) return `a unit of time ${startMs} is in the slot of ${slotStartMs(slotSec)}`;
  const msInSlot = unitMsInSlot(bytes, at);
  return msInSlot < 1 || msInSlot > SLOT_MS ? `a unit is due at millisecond ${msInSlot} of its slot` : undefined;
}

export const unitPrevious = (bytes: Buffer, at: number): number => readInt64(bytes, at + Field.PREVIOUS);
export const unitPhysicalOffset = (bytes: Buffer, at: number): number => readInt64(bytes, at + Field.PHYSICAL_OFFSET);
export const unitSizeBytes = (bytes: Buffer, at: number): number => bytes.readInt32BE(at + Field.RECORD_SIZE);
export const unitMsInSlot = (bytes: Buffer, at: number): number => bytes.readUInt16BE(at + Field.MS_IN_SLOT) & MS_MASK;
export const unitKeyHash = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at + Field.KEY_HASH);
export const unitIsDelete = (bytes: Buffer, at: number): boolean =>
  (bytes.readInt32BE(at + Field.MAGIC) & UnitMagic.DELETE) !== 0;
export const unitIsCounted = (bytes: Buffer, at: number): boolean =>
  (bytes.readUInt16BE(at + Field.MS_IN_SLOT) & COUNTED) !== 0;
