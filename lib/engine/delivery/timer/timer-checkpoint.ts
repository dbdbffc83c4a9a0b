import { crc32 } from 'node:zlib';

import { readInt64, writeInt64 } from '../../store/record-format.js';
import type { FileSystem } from '../../types/index.js';

/** How far one slot is delivered: all that is due before `dueMs`, and of what is due then, records up to `physicalOffset`. */
export interface SlotProgress {
  readonly slotSec: number;
  readonly dueMs: number;
  readonly physicalOffset: number;
  /** Among the rest are timers that came after their time, and wait behind others that are due later. */
  readonly hasLate: boolean;
}

/**
 * How far the index had got (RocketMQ: `TimerCheckpoint`), and how far deliveries had. 4096 bytes, big-endian:
 *
 *   offset  bytes  field
 *        0      8  lastReadTimeMs: all slots before it are delivered
 *        8      8  lastTimerLogFlushPos: all units before it are synced, and in the synced wheel
 *       16      8  lastTimerQueueOffset: messages of the timer topic before it have those units
 *       24      8  masterTimerQueueOffset: the same
 *       32     24  data version: state version 0, time of writing, number of writings
 *
 * RocketMQ leaves the rest zero. Here it goes on:
 *
 *       56      4  magic
 *       60      2  bits: which of the slots below have late timers
 *       62      2  number of slots that are delivered in part, at most 6
 *       64      8  done time: everything that the index had to look at before it is delivered or put back
 *       72      8  done offset: and what it had to look at just then, if its record lies up to here in the commit log
 *       80      8  last slot that is filled
 *       88      8  roll window in ms
 *       96   6×24  slots that are delivered in part: second, due time, commit log offset
 *      240      4  CRC-32 of all before it
 */
export interface TimerCheckpoint {
  readonly readMs: number;
  readonly logPosition: number;
  readonly queueOffset: number;
  /** Counts the checkpoints; the pending counts that belong to one carry its number. */
  readonly generation: number;
  /** Undefined when a real broker, or nobody, wrote the last checkpoint: only the fields above mean something then. */
  readonly own: OwnCheckpoint | undefined;
}

/** Up to where everything is delivered, or put back: all that the index had to look at before `lookMs`, and then, records up to `physicalOffset`. */
export interface DoneUpTo {
  readonly lookMs: number;
  readonly physicalOffset: number;
}

export interface OwnCheckpoint {
  readonly done: DoneUpTo;
  readonly lastSlotSec: number;
  readonly rollWindowMs: number;
  readonly partSlots: readonly SlotProgress[];
}

const FILE_BYTES = 4096;
const SHARED_BYTES = 56;
const MAGIC = 0x6e726b31;
const PART_SLOTS_AT = 96;
const PART_SLOT_BYTES = 24;
const MAX_PART_SLOTS = 6;
const CRC_AT = PART_SLOTS_AT + MAX_PART_SLOTS * PART_SLOT_BYTES;
/** Within one disk sector, so that a crash leaves the old state or the new one. */
const STATE_BYTES = CRC_AT + 4;

/** @returns undefined when there is none, or none that can be read */
export async function readTimerCheckpoint(fileSystem: FileSystem, path: string): Promise<TimerCheckpoint | undefined> {
  const bytes = await fileSystem.readFile(path);
  if (bytes === undefined || bytes.length < SHARED_BYTES) return undefined;
  // A file that was made, and then the power went.
  if (bytes.every((byte) => byte === 0)) return undefined;
  const checkpoint = {
    readMs: readInt64(bytes, 0),
    logPosition: readInt64(bytes, 8),
    queueOffset: readInt64(bytes, 16),
    generation: readInt64(bytes, 48),
    own: readOwn(bytes),
  };
  const numbers = [checkpoint.readMs, checkpoint.logPosition, checkpoint.queueOffset, checkpoint.generation];
  return numbers.every((number) => Number.isSafeInteger(number) && number >= 0) ? checkpoint : undefined;
}

function readOwn(bytes: Buffer): OwnCheckpoint | undefined {
  if (bytes.length < STATE_BYTES || bytes.readInt32BE(56) !== MAGIC) return undefined;
  if (crc32(bytes.subarray(0, CRC_AT)) !== bytes.readUInt32BE(CRC_AT)) return undefined;
  const lateBits = bytes.readUInt16BE(60);
  const partSlots = Array.from({ length: bytes.readUInt16BE(62) }, (_, i) => {
    const at = PART_SLOTS_AT + i * PART_SLOT_BYTES;
    return {
      slotSec: readInt64(bytes, at),
      dueMs: readInt64(bytes, at + 8),
      physicalOffset: readInt64(bytes, at + 16),
      hasLate: (lateBits & (1 << i)) !== 0,
    };
  });
  return {
    done: { lookMs: readInt64(bytes, 64), physicalOffset: readInt64(bytes, 72) },
    lastSlotSec: readInt64(bytes, 80),
    rollWindowMs: readInt64(bytes, 88),
    partSlots,
  };
}

/** Replaces the checkpoint in place, and brings it to the disk. */
export async function writeTimerCheckpoint(
  fileSystem: FileSystem,
  path: string,
  checkpoint: TimerCheckpoint & { readonly own: OwnCheckpoint },
  nowMs: number,
): Promise<void> {
  const bytes = encode(checkpoint, nowMs);
  const file = await fileSystem.open(path, 'create');
  try {
    if ((await file.sizeBytes()) !== FILE_BYTES) await file.truncate(FILE_BYTES);
    await file.write(bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function encode(checkpoint: TimerCheckpoint & { readonly own: OwnCheckpoint }, nowMs: number): Buffer {
  const { own } = checkpoint;
  const bytes = Buffer.alloc(STATE_BYTES);
  writeInt64(bytes, checkpoint.readMs, 0);
  writeInt64(bytes, checkpoint.logPosition, 8);
  writeInt64(bytes, checkpoint.queueOffset, 16);
  writeInt64(bytes, checkpoint.queueOffset, 24);
  writeInt64(bytes, nowMs, 40);
  writeInt64(bytes, checkpoint.generation, 48);
  // More than one slot is in part delivered only after the wall clock went back; of those left out, a part is delivered again after a restart.
  const partSlots = own.partSlots.slice(0, MAX_PART_SLOTS);
  bytes.writeInt32BE(MAGIC, 56);
  let lateBits = 0;
  for (const [i, { hasLate }] of partSlots.entries()) if (hasLate) lateBits |= 1 << i;
  bytes.writeUInt16BE(lateBits, 60);
  bytes.writeUInt16BE(partSlots.length, 62);
  writeInt64(bytes, own.done.lookMs, 64);
  writeInt64(bytes, own.done.physicalOffset, 72);
  writeInt64(bytes, own.lastSlotSec, 80);
  writeInt64(bytes, own.rollWindowMs, 88);
  for (const [i, { slotSec, dueMs, physicalOffset }] of partSlots.entries()) {
    const at = PART_SLOTS_AT + i * PART_SLOT_BYTES;
    writeInt64(bytes, slotSec, at);
    writeInt64(bytes, dueMs, at + 8);
    writeInt64(bytes, physicalOffset, at + 16);
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
  return bytes;
}
