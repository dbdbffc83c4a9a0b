import { StoreFormatError } from '../../errors/index.js';
import type { EngineLogger, FileSystem } from '../types/index.js';
import type { CheckpointState } from './checkpoint.js';
import type { FilePool } from './file-pool.js';
import { IndexFile } from './index-file.js';
import {
  INDEX_HEADER_BYTES,
  IndexHeader,
  type IndexLayout,
  isIndexFileName,
  readEntryPhysicalOffset,
  readEntryTimeDiff,
  timeDiffSeconds,
} from './index-file-format.js';
import { isIndexed, keyEndUtf8 } from './index-keys.js';
import { scanLog } from './log-scan.js';
import { checkRecord } from './record-checker.js';
import { ScannedRecord } from './scanned-record.js';
import type { SegmentFiles } from './segment-files.js';

export interface IndexSurroundings {
  readonly directory: string;
  readonly layout: IndexLayout;
  readonly fileSystem: FileSystem;
  readonly pool: FilePool;
  readonly logger: EngineLogger;
  readonly segments: SegmentFiles;
  readonly checkpoint: CheckpointState;
  readonly wasClosedCleanly: boolean;
}

export interface FoundIndex {
  /** In the order of their entries. The last one can be added to, unless it is full. */
  readonly files: readonly IndexFile[];
  /** The record that was indexed last: from here on the log is to be read again. Undefined: it holds no record that is to be indexed. */
  readonly missingFrom: number | undefined;
}

/**
 * Opens the files of the key index as they are on disk. The index is derived from the log, so a file that can't be relied on is removed, with those behind it, and
 * made again.
 *
 * @throws StoreFormatError the files were written with other sizes
 */
export async function findIndex(surroundings: IndexSurroundings): Promise<FoundIndex> {
  const { directory, layout, fileSystem, pool, segments, checkpoint, wasClosedCleanly } = surroundings;
  const files: IndexFile[] = [];
  let isDamaged = false;
  for (const name of (await fileSystem.list(directory)).filter(isIndexFileName)) {
    const path = `${directory}/${name}`;
    const header = isDamaged ? undefined : await readHeader(path, surroundings);
    const file = header && IndexFile.finished(path, layout, pool, header);
    if (file !== undefined && (await isReliable(file, surroundings)) && (await follows(file, files.at(-1), segments))) {
      files.push(file);
      continue;
    }
    // A file without an entry is one that a crash left behind at its making.
    if (header === undefined || header.indexCount > 1) isDamaged = true;
    await remove(path, surroundings);
  }
  while (files.length > 0 && !(await isInLog(files.at(-1)!.header.endPhyOffset, segments))) {
    isDamaged = true;
    await remove(files.pop()!.path, surroundings);
  }
  for (const file of files) await reopen(file, file === files.at(-1), wasClosedCleanly);

  const last = files.at(-1)?.header;
  if (last !== undefined) return { files, missingFrom: Math.max(last.endPhyOffset, segments.firstOffset) };
  // A checkpoint of ours that speaks of no indexed message is right; one without an offset was not written by us.
  const isComplete = !isDamaged && checkpoint.indexMsgTimestampMs === 0 && checkpoint.confirmPhyOffset > 0;
  return { files, missingFrom: isComplete ? undefined : segments.firstOffset };
}

/** How many entries the record at the end of the index has in it: a crash may have come between two of its keys. */
export async function entriesOfLastRecord(files: readonly IndexFile[]): Promise<number> {
  const lastOffset = files.at(-1)?.header.endPhyOffset;
  let count = 0;
  for (const file of files.toReversed()) {
    for (let entryNumber = file.header.indexCount - 1; entryNumber >= 1; entryNumber--) {
      if ((await physicalOffsetOf(file, entryNumber)) !== lastOffset) return count;
      count++;
    }
  }
  return count;
}

/** Undefined for an empty file, which a crash left behind at its making. */
async function readHeader(path: string, surroundings: IndexSurroundings): Promise<IndexHeader | undefined> {
  const { fileSystem, pool, layout } = surroundings;
  const sizeBytes = (await fileSystem.stat(path))?.sizeBytes ?? 0;
  if (sizeBytes === 0) return new IndexHeader();
  if (sizeBytes !== layout.fileSizeBytes) {
    throw new StoreFormatError({
      file: path,
      expected: `an index file of ${layout.fileSizeBytes} bytes (maxHashSlotNum ${layout.hashSlotNum}, maxIndexNum ${layout.indexNum})`,
      found: `${sizeBytes} bytes`,
    });
  }
  const bytes = Buffer.alloc(INDEX_HEADER_BYTES);
  await pool.use(path, 'read', (file) => file.read(bytes, 0));
  return IndexHeader.decode(bytes);
}

/** The header agrees with the entries, and with the checkpoint where that can be asked. */
async function isReliable(file: IndexFile, surroundings: IndexSurroundings): Promise<boolean> {
  const { layout, checkpoint, wasClosedCleanly } = surroundings;
  const { indexCount, hashSlotCount, beginPhyOffset, endPhyOffset, beginTimestampMs, endTimestampMs } = file.header;
  if (indexCount <= 1 || indexCount > layout.indexNum) return false;
  if (hashSlotCount < 1 || hashSlotCount >= indexCount) return false;
  if (beginTimestampMs < 0 || endTimestampMs < beginTimestampMs) return false;
  const lastEntry = indexCount - 1;
  if ((await physicalOffsetOf(file, 1)) !== beginPhyOffset) return false;
  if ((await physicalOffsetOf(file, lastEntry)) !== endPhyOffset) return false;
  const timeDiff = timeDiffSeconds(endTimestampMs, beginTimestampMs);
  if (lastEntry === 1 ? endTimestampMs !== beginTimestampMs : (await timeDiffOf(file, lastEntry)) !== timeDiff) {
    return false;
  }
  // As in RocketMQ: what came after the checkpoint may be in the file in part (`IndexService.load`). Files of ours have no such entries.
  return wasClosedCleanly || endTimestampMs <= checkpoint.indexMsgTimestampMs;
}

/** False when the log has a record before the file, and behind the one before it, that belongs in the index: a file is missing in between. */
async function follows(file: IndexFile, previous: IndexFile | undefined, segments: SegmentFiles): Promise<boolean> {
  const lastOffset = previous?.header.endPhyOffset ?? -1;
  const from = Math.max(lastOffset, segments.firstOffset);
  const { beginPhyOffset } = file.header;
  if (beginPhyOffset <= from) return true;
  const record = new ScannedRecord();
  let isComplete = true;
  await scanLog(
    segments,
    from,
    (bytes, at, _sizeBytes, offset) => {
      if (offset === lastOffset) return;
      record.moveTo(bytes, at);
      if (isIndexed(record.sysFlag) && holdsKey(record)) isComplete = false;
    },
    { untilOffset: beginPhyOffset },
  );
  return isComplete;
}

function holdsKey({ bytes, uniqKey, keys }: ScannedRecord): boolean {
  if (!uniqKey.isEmpty) return true;
  let start = keys.start;
  while (start < keys.end && keyEndUtf8(bytes, start, keys.end) === start) start++;
  return start < keys.end;
}

async function physicalOffsetOf(file: IndexFile, entryNumber: number): Promise<number | undefined> {
  const entry = (await file.readEntries(entryNumber, entryNumber + 1)).entry(entryNumber);
  return entry && readEntryPhysicalOffset(entry.bytes, entry.at);
}

async function timeDiffOf(file: IndexFile, entryNumber: number): Promise<number | undefined> {
  const entry = (await file.readEntries(entryNumber, entryNumber + 1)).entry(entryNumber);
  return entry && readEntryTimeDiff(entry.bytes, entry.at);
}

/** True for a place where a record begins, and for one that retention has removed. */
async function isInLog(offset: number, segments: SegmentFiles): Promise<boolean> {
  if (offset < segments.firstOffset) return offset >= 0;
  const head = Buffer.alloc(8);
  const readBytes = await segments.read(head, offset);
  const restBytes = segments.startOf(offset) + segments.fileSizeBytes - offset;
  if (readBytes < head.length) return false;
  const { kind } = checkRecord(head, 0, readBytes, offset, restBytes);
  return kind === 'record' || kind === 'more';
}

async function reopen(file: IndexFile, isLast: boolean, wasClosedCleanly: boolean): Promise<void> {
  if (wasClosedCleanly ? isLast && !file.isFull : (isLast && !file.isFull) || (await file.readMark()) !== 0) {
    await file.reopen(wasClosedCleanly);
  }
}

async function remove(path: string, { fileSystem, pool, directory, logger }: IndexSurroundings): Promise<void> {
  logger.warn(`The index file "${path}" can not be relied on: it is removed, and its part of the index made again`);
  await pool.forget(path);
  await fileSystem.remove(path);
  await fileSystem.syncDirectory(directory);
}
