import { posix } from 'node:path';

import type { FileSystem } from '../types/index.js';
import { readInt64, writeInt64 } from './record-format.js';

/**
 * How far the derived files had got (RocketMQ: `StoreCheckpoint`). 4096 bytes, big-endian:
 *
 *   offset  bytes  field
 *        0      8  physicMsgTimestamp: store time of the last record synced to the log
 *        8      8  logicsMsgTimestamp: the same of the last record whose consume queue entry is synced
 *       16      8  indexMsgTimestamp: the same of the last record in the key index
 *       24      8  masterFlushedOffset: a cluster's; 0 here
 *       32      8  confirmPhyOffset: every record before it is in the log and in its consume queue, synced
 */
export interface CheckpointState {
  readonly physicMsgTimestampMs: number;
  readonly logicsMsgTimestampMs: number;
  readonly indexMsgTimestampMs: number;
  readonly masterFlushedOffset: number;
  readonly confirmPhyOffset: number;
}

const CHECKPOINT_BYTES = 4096;
const STATE_BYTES = 40;

export const EMPTY_CHECKPOINT: CheckpointState = {
  physicMsgTimestampMs: 0,
  logicsMsgTimestampMs: 0,
  indexMsgTimestampMs: 0,
  masterFlushedOffset: 0,
  confirmPhyOffset: 0,
};

export async function readCheckpoint(fileSystem: FileSystem, path: string): Promise<CheckpointState> {
  const bytes = await fileSystem.readFile(path);
  if (bytes === undefined || bytes.length < STATE_BYTES) return EMPTY_CHECKPOINT;
  return {
    physicMsgTimestampMs: readInt64(bytes, 0),
    logicsMsgTimestampMs: readInt64(bytes, 8),
    indexMsgTimestampMs: readInt64(bytes, 16),
    masterFlushedOffset: readInt64(bytes, 24),
    confirmPhyOffset: readInt64(bytes, 32),
  };
}

/** The state of a store whose consume queues are to be made again from the beginning of the log. */
export function withoutQueues(state: CheckpointState): CheckpointState {
  return { ...state, physicMsgTimestampMs: 0, logicsMsgTimestampMs: 0, confirmPhyOffset: 0 };
}

/**
 * Puts a new file in the place of the old one. Written in place, a write that fails half way would leave an offset of old and new digits, which may lie
 * beyond the end of the log.
 */
export async function writeCheckpoint(fileSystem: FileSystem, path: string, state: CheckpointState): Promise<void> {
  const bytes = Buffer.alloc(CHECKPOINT_BYTES);
  writeInt64(bytes, state.physicMsgTimestampMs, 0);
  writeInt64(bytes, state.logicsMsgTimestampMs, 8);
  writeInt64(bytes, state.indexMsgTimestampMs, 16);
  writeInt64(bytes, state.masterFlushedOffset, 24);
  writeInt64(bytes, state.confirmPhyOffset, 32);
  const temporary = `${path}.tmp`;
  await fileSystem.remove(temporary);
  const file = await fileSystem.open(temporary, 'create');
  try {
    await file.write(bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fileSystem.rename(temporary, path);
  await fileSystem.syncDirectory(posix.dirname(path));
}

/** RocketMQ allows for clocks and late writes: what is older than this is surely in all derived files. */
const SAFETY_MARGIN_MS = 3000;

/** Records stored before this time need not be read again after a crash. */
export function trustedTimestampMs(state: CheckpointState): number {
  return Math.max(0, statedTimestampMs(state) - SAFETY_MARGIN_MS);
}

/**
 * Store time of the last record that the checkpoint speaks of. It stands there twice, and the file has no checksum: one wrong bit must not give all records from now on a time of a
 * distant future, which could never be taken back.
 */
export function statedTimestampMs({ physicMsgTimestampMs, logicsMsgTimestampMs }: CheckpointState): number {
  return Math.min(physicMsgTimestampMs, logicsMsgTimestampMs);
}
