import { StoreCorruptError, StoreVersionError } from '../../errors/index.js';
import type { EngineLogger, FileSystem } from '../types/index.js';
import { trustedTimestampMs, type CheckpointState } from './checkpoint.js';
import { makeDurableDirectory } from './durable-directory.js';
import { offsetFileName } from './file-names.js';
import { scanLog, type ScanEnd, type ScanLimits } from './log-scan.js';
import { checkRecord } from './record-checker.js';
import { MAX_RECORD_BYTES } from './record-format.js';
import type { SegmentFiles } from './segment-files.js';
import { StoredMessage } from './stored-message.js';

export interface RecoveryEnvironment {
  readonly fileSystem: FileSystem;
  readonly logger: EngineLogger;
  /** Where the bytes go that are cut off the log. */
  readonly brokenDirectory: string;
  readonly nowMs: number;
  /** False: what stands behind the end of the log, and what does not, may be so in the memory of the operating system alone. */
  readonly wasClosedCleanly: boolean;
}

/**
 * The place from which on the log is read again at the opening: everything before it is known to be whole, and in the consume queues.
 *
 * @param queuesAreMissing all queues are to be made again
 */
export async function chooseScanStart(
  segments: SegmentFiles,
  checkpoint: CheckpointState,
  queuesAreMissing: boolean,
): Promise<number> {
  if (queuesAreMissing) return segments.firstOffset;
  const confirmed = checkpoint.confirmPhyOffset;
  const isInLog = confirmed > segments.firstOffset && confirmed <= segments.endOffset;
  if (isInLog && (await isRecordStart(segments, confirmed))) return confirmed;
  const start = await startByTime(segments, checkpoint);
  // What stands there may be the torn head of a later record. Queues must not be cut back to less than the checkpoint says: an opening after this one would trust it.
  if (isInLog && (await scanLog(segments, start, () => undefined)).offset === confirmed) return confirmed;
  return start;
}

/** A broker of Apache RocketMQ wrote last: it leaves times only (`isMappedFileMatchedRecover`). */
async function startByTime(segments: SegmentFiles, checkpoint: CheckpointState): Promise<number> {
  const trustedMs = trustedTimestampMs(checkpoint);
  for (const start of segments.starts.toReversed()) {
    const firstTimestampMs = await firstStoreTimestamp(segments, start);
    if (firstTimestampMs !== undefined && firstTimestampMs <= trustedMs) return start;
  }
  return segments.firstOffset;
}

/**
 * Reads the log from `scanStart` to its end, and sees to it that nothing stands behind the end. What a crash tore is kept aside first.
 *
 * @throws StoreCorruptError what is broken cannot be the torn end of the last write
 * @throws StoreVersionError a newer version wrote here; nothing is cut off
 */
export async function recoverLog(
  segments: SegmentFiles,
  scanStart: number,
  checkpoint: CheckpointState,
  environment: RecoveryEnvironment,
  onRecord: (bytes: Buffer, at: number, sizeBytes: number, offset: number) => void,
  limits?: ScanLimits,
): Promise<number> {
  const end = await scanLog(segments, scanStart, onRecord, limits);
  if (end.isNewer === true) {
    const fileOffset = end.offset % segments.fileSizeBytes;
    throw new StoreVersionError({ file: segments.path(end.offset), offset: fileOffset, found: end.reason ?? '' });
  }
  // A file is synced before the next one is begun, so no crash leaves a hole before a record.
  const goesOn = await hasLaterRecord(segments, end.offset);
  if (goesOn || end.offset < checkpoint.confirmPhyOffset) {
    const knownBy = goesOn
      ? 'the log goes on behind it'
      : `the checkpoint says that it goes on to ${checkpoint.confirmPhyOffset}`;
    throw new StoreCorruptError({
      file: segments.path(end.offset),
      offset: end.offset % segments.fileSizeBytes,
      reason: `${end.reason ?? 'no record is there'}, though ${knownBy}`,
    });
  }
  const hasTornTail = await keepTornTail(segments, end, environment);
  // Also where nothing stands behind it: a failed write may have been cleared by calls that never got to the disk, and a power cut would bring it back.
  if (hasTornTail || !environment.wasClosedCleanly) await segments.clearFrom(end.offset);
  await makeDurable(segments, scanStart, end.offset);
  return end.offset;
}

async function isRecordStart(segments: SegmentFiles, offset: number): Promise<boolean> {
  if (!segments.has(offset)) return offset === segments.endOffset;
  const head = Buffer.alloc(8);
  await segments.read(head, offset);
  const rest = segments.startOf(offset) + segments.fileSizeBytes - offset;
  return checkRecord(head, 0, head.length, offset, rest).kind !== 'invalid';
}

/** Store time of the first record of a segment file; undefined when there is none. */
async function firstStoreTimestamp(segments: SegmentFiles, start: number): Promise<number | undefined> {
  const bytes = Buffer.alloc(Math.min(MAX_RECORD_BYTES, segments.fileSizeBytes));
  const readBytes = await segments.read(bytes, start);
  const check = checkRecord(bytes, 0, readBytes, start, segments.fileSizeBytes);
  return check.kind === 'record' ? new StoredMessage(bytes, 0, '').storeTimestamp : undefined;
}

function nextStart(segments: SegmentFiles, offset: number): number {
  return segments.startOf(offset) + segments.fileSizeBytes;
}

/** A segment file behind the one of `offset` begins with a record. */
async function hasLaterRecord(segments: SegmentFiles, offset: number): Promise<boolean> {
  for (const start of segments.starts.filter((s) => s >= nextStart(segments, offset))) {
    if ((await firstStoreTimestamp(segments, start)) !== undefined) return true;
  }
  return false;
}

const COPY_BYTES = 1024 * 1024;

/**
 * What was read may be in the memory of the operating system alone: a process was killed before it synced. It must not be shown to a consumer, or be covered by a
 * checkpoint, and then be lost in a power cut. A sync is not enough, because after one that failed the pages count as written; so the bytes are
 * written again.
 */
async function makeDurable(segments: SegmentFiles, fromOffset: number, endOffset: number): Promise<void> {
  if (fromOffset >= endOffset) return;
  const block = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, endOffset - fromOffset));
  let at = fromOffset;
  while (at < endOffset) {
    const segmentEnd = Math.min(endOffset, nextStart(segments, at));
    const first = at;
    while (at < segmentEnd) {
      const readBytes = await segments.read(block.subarray(0, Math.min(block.length, segmentEnd - at)), at);
      // The file ends here, of a store that is only looked at: a crash has cut it, or its owner cuts it at this moment.
      if (readBytes === 0) return;
      await segments.write(block.subarray(0, readBytes), at);
      at += readBytes;
    }
    await segments.datasync(first);
  }
}

/**
 * The last write before a crash may have left any part of itself. It was not acknowledged, but it is evidence: it is copied before it is cleared.
 *
 * @returns whether there is any
 */
async function keepTornTail(segments: SegmentFiles, end: ScanEnd, environment: RecoveryEnvironment): Promise<boolean> {
  const { fileSystem, logger, brokenDirectory, nowMs } = environment;
  const path = `${brokenDirectory}/${offsetFileName(end.offset)}-${nowMs}.broken`;
  const tornBytes = await copyTail(segments, end.offset, async (block, position) => {
    await makeDurableDirectory(fileSystem, brokenDirectory);
    const copy = await fileSystem.open(path, 'create');
    try {
      await copy.write(block, position);
      await copy.datasync();
    } finally {
      await copy.close();
    }
  });
  if (tornBytes === 0) return false;
  await fileSystem.syncDirectory(brokenDirectory);
  logger.warn(
    `The log ended in a torn write at ${segments.path(end.offset)}, byte ${end.offset % segments.fileSizeBytes} (${end.reason ?? 'no record'}): ` +
      `${tornBytes} bytes were cut off; they are kept in "${path}"`,
  );
  return true;
}

/**
 * Hands out what stands behind `offset`, block by block, up to the first block of zeros in each file.
 *
 * @returns how many bytes were handed out
 */
async function copyTail(
  segments: SegmentFiles,
  offset: number,
  keep: (block: Buffer, position: number) => Promise<void>,
): Promise<number> {
  const block = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, segments.fileSizeBytes));
  let kept = 0;
  const fileStarts = segments.starts.filter((start) => start > offset);
  for (const start of segments.has(offset) ? [offset, ...fileStarts] : fileStarts) {
    const fileEnd = segments.startOf(start) + segments.fileSizeBytes;
    for (let at = start; at < fileEnd;) {
      const readBytes = await segments.read(block, at);
      const data = withoutTrailingZeros(block.subarray(0, readBytes));
      if (data.length === 0) break;
      await keep(data, at - offset);
      kept = at - offset + data.length;
      at += readBytes;
    }
  }
  return kept;
}

function withoutTrailingZeros(bytes: Buffer): Buffer {
  // All is zeros behind the end of most logs, and a comparison sees that sooner than a look at each byte.
  if (bytes.equals(Buffer.alloc(bytes.length))) return bytes.subarray(0, 0);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}
