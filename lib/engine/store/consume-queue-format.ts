import { readInt64, writeInt32, writeInt64 } from './record-format.js';

/**
 * The entry of a consume queue (RocketMQ: `ConsumeQueue`). Entry n of a queue lies at byte n × 20 of its files.
 *
 *   offset  bytes  field
 *        0      8  offset of the record in the commit log
 *        8      4  size of the record
 *       12      8  tagsCode: hash of the tag, sign-extended; in the schedule topic the time of delivery
 */
export const QUEUE_ENTRY_BYTES = 20;
export const EntryField = { SIZE: 8, TAGS_CODE: 12 } as const;

/** Size that marks an entry which only fills the room before a queue's first message. */
export const FILLER_ENTRY_SIZE = 0x7fffffff;

export function writeQueueEntry(
  target: Buffer,
  at: number,
  physicalOffset: number,
  sizeBytes: number,
  tagsCode: number,
): void {
  writeInt64(target, physicalOffset, at);
  writeInt32(target, sizeBytes, at + EntryField.SIZE);
  writeInt64(target, tagsCode, at + EntryField.TAGS_CODE);
}

export function readEntryOffset(bytes: Buffer, at: number): number {
  return readInt64(bytes, at);
}

export function readEntrySize(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + EntryField.SIZE);
}

export function readEntryTagsCode(bytes: Buffer, at: number): number {
  return readInt64(bytes, at + EntryField.TAGS_CODE);
}
