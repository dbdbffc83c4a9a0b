import { defineError } from './rocket-error.js';

export class StoreLockedError extends defineError<{ path: string; ownerPid: number | undefined }>({
  code: 'STORE_LOCKED',
  meaning: 'Another broker has this store open.',
  remedy:
    'Stop that process, or close what has the store open in this one (RocketControl.release() after a start that failed), or use a store path of its own.',
  message: ({ path, ownerPid }) => `The store at "${path}" is in use by ${nameOfOwner(ownerPid)}.`,
}) {}

function nameOfOwner(pid: number | undefined): string {
  if (pid === undefined) return 'another process';
  return pid === process.pid ? `process ${pid}, which is this one: by another app or broker in it` : `process ${pid}`;
}

export class StoreCorruptError extends defineError<{ file: string; offset: number; reason: string }>({
  code: 'STORE_CORRUPT',
  meaning: 'A file of the store holds something that no writer puts there. The store is left as it is.',
  remedy: 'Keep a copy of the directory, then restore a backup or repair the store explicitly.',
  message: ({ file, offset, reason }) => `The store file "${file}" is corrupt at byte ${offset}: ${reason}.`,
}) {}

export class StoreFormatError extends defineError<{ file: string; expected: string; found: string }>({
  code: 'STORE_FORMAT',
  meaning: "A file of the store does not fit the store's options, such as the size of its segment files.",
  remedy: 'Open the store with the options that it was written with.',
  message: ({ file, expected, found }) =>
    `The store file "${file}" does not fit: expected ${expected}, found ${found}.`,
}) {}

export class StoreVersionError extends defineError<{ file: string; offset: number; found: string }>({
  code: 'STORE_VERSION',
  meaning: 'The commit log holds a record of a version that is not known here. The store is left as it is.',
  remedy: 'Open the store with the version that wrote it, or a later one.',
  message: ({ file, offset, found }) =>
    `The store file "${file}" holds a record of a newer version at byte ${offset}: ${found}.`,
}) {}

export class StoreUnusableError extends defineError<{ path: string; reason: string }>({
  code: 'STORE_UNUSABLE',
  meaning: 'The store directory cannot be made, read or written.',
  remedy: 'Give a directory that this process may read and write.',
  message: ({ path, reason }) => `The store at "${path}" cannot be used: ${reason}.`,
}) {}

export class StoreClosedError extends defineError<{ operation: string; state: string }>({
  code: 'STORE_CLOSED',
  meaning: 'The broker has not been started, is closing, or is closed.',
  remedy: 'Start the broker first, and stop using it before it is closed.',
  message: ({ operation, state }) => `Can't ${operation}: the broker is ${state}.`,
}) {}

export class StoreWriteFailedError extends defineError<{ file: string; operation: string; reason: string }>({
  code: 'STORE_WRITE_FAILED',
  meaning:
    'Writing or syncing the commit log failed. What is on disk is no longer certain, so the broker takes no more sends; what was acknowledged before is safe.',
  remedy: 'Mend the disk and restart the process: opening recovers what is on disk.',
  message: ({ file, operation, reason }) => `The store failed to ${operation} "${file}": ${reason}.`,
}) {}

export class DiskFullError extends defineError<{
  path: string;
  /** These three: the disk has room yet, but less than the store's limits ask for. */
  usedPercent?: number;
  limitPercent?: number;
  freeBytes?: number;
}>({
  code: 'DISK_FULL',
  meaning:
    'The disk of the store has no room left, or less than `store.diskSpaceWarningLevelRatio` asks for. The message was not stored; nothing that was stored is lost.',
  remedy: 'Make room, or shorten the retention. Sending works again as soon as there is room.',
  message: ({ path, usedPercent, limitPercent, freeBytes }) =>
    `The disk that holds the store at "${path}" is full` +
    (usedPercent === undefined ? '.' : ` (${usedPercent} % used, limit ${limitPercent} %, ${freeBytes} bytes free).`),
}) {}

export class StateWriteFailedError extends defineError<{ file: string; reason: string }>({
  code: 'STATE_WRITE_FAILED',
  meaning:
    'A file of the store beside the commit log, such as the table of topics or of offsets, could not be written. Its last version is on disk as it was.',
  remedy: 'Mend the disk, and try again.',
  message: ({ file, reason }) => `The store could not write "${file}": ${reason}.`,
}) {}

export class StoreCloseFailedError extends defineError<{ path: string; reason: string }>({
  code: 'STORE_CLOSE_FAILED',
  meaning:
    'The broker is closed and the store is free, but not all of it could be brought to the disk. What was acknowledged is in the commit log; handled messages may come again.',
  remedy: 'Make room on the disk or mend it before the next start, which recovers the store as after a crash.',
  message: ({ path, reason }) => `The store at "${path}" could not be closed cleanly: ${reason}.`,
}) {}
