import { StoreLockedError } from '../errors/index.js';
import { NodeFileSystem } from '../engine/io/index.js';
import { readCheckpoint, type CheckpointState } from '../engine/store/checkpoint.js';
import { chooseScanStart } from '../engine/store/recovery.js';
import { parseOffsetFileName, storePaths } from '../engine/store/file-names.js';
import type { SegmentFiles } from '../engine/store/segment-files.js';
import type { FileSystem } from '../engine/types/index.js';
import { deletions, isJson, namesIn } from './config-content.js';
import { Faults, type Fault } from './faults.js';
import { walkLog, type BrokenStretch, type LogEnd } from './log-walk.js';
import { EvenLogFileSystem, wrongSizes } from './log-sizes.js';
import { MisplacedRecords } from './misplaced-records.js';
import { withLog } from './opened-log.js';
import { ReadOnlyFileSystem } from './read-only-file-system.js';
import { shapeOf, type StoreShape } from './store-shape.js';
import { IndexCheck } from './verify-index.js';
import { QueueCheck } from './verify-queues.js';

export interface VerifyOptions {
  /** Faults that are kept; all are counted. */
  readonly maxFaults: number;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

export interface Verification {
  readonly faults: readonly Fault[];
  readonly faultCount: number;
  /** What is no fault and yet worth knowing, such as what the next opening mends by itself. */
  readonly notes: readonly string[];
  readonly records: number;
  /** Bytes of log that were read and checked. */
  readonly bytes: number;
  readonly tookMs: number;
  /** Parts of the log that hold no record, between some that do. */
  readonly broken: readonly BrokenStretch[];
  readonly logEnd: LogEnd;
  /** True: the log ends in something that is no record, and the opening would refuse it. */
  readonly hasBrokenEnd: boolean;
}

/**
 * Reads every record of the log and checks it, holds consume queues and key index against the log, and reads the config files. Changes nothing.
 *
 * @throws StoreLockedError an app has the store open: its files change while they are read
 * @throws StoreMissingError
 */
export async function verifyStore(path: string, options: VerifyOptions): Promise<Verification> {
  const asTheyAre = new ReadOnlyFileSystem();
  const shape = await shapeOf(asTheyAre, path);
  await refuseLocked(path);
  const faults = new Faults(options.maxFaults);
  const wrong = await wrongSizes(asTheyAre, shape);
  for (const { path: file, sizeBytes } of wrong) {
    faults.add(
      file,
      Math.min(sizeBytes, shape.segmentBytes),
      `the file has ${sizeBytes} bytes, not ${shape.segmentBytes}`,
    );
  }
  const fileSystem = new EvenLogFileSystem(wrong, shape);
  await checkNames(fileSystem, shape, faults);
  await checkConfig(fileSystem, shape, faults);
  const startedMs = performance.now();
  const checked = await withLog(fileSystem, shape, async (segments, pool) => {
    const paths = storePaths(path);
    const checkpoint = await readCheckpoint(fileSystem, paths.checkpoint);
    const isClean = (await fileSystem.stat(paths.abort)) === undefined;
    const hasQueues = (await fileSystem.list(paths.consumeQueue)).length > 0;
    const remadeFrom = await chooseScanStart(segments, checkpoint, !hasQueues);
    const { firstOffset } = segments;
    const isDeleted = await deletions(fileSystem, path);
    const misplaced = new MisplacedRecords(isDeleted);
    const queues = new QueueCheck({
      directory: paths.consumeQueue,
      fileBytes: shape.queueFileBytes,
      fileSystem,
      pool,
      faults,
      firstOffset,
      remadeFrom,
      topics: await namesIn(fileSystem, `${paths.config}/topics.json`, 'topicConfigTable'),
      isDeleted,
    });
    const broken: BrokenStretch[] = [];
    const isBroken = (offset: number): boolean => broken.some(({ from, to }) => offset >= from && offset < to);
    const index = new IndexCheck({
      directory: paths.index,
      layout: shape.index,
      fileSystem,
      pool,
      faults,
      firstOffset,
      isBroken,
    });
    let records = 0;
    const logEnd = await walkLog(segments, {
      onRecord: (message, sizeBytes, offset) => {
        records++;
        if (misplaced.add(message, sizeBytes, offset)) queues.add(message, sizeBytes, offset);
        index.add(message, offset);
      },
      afterBlock: async (offset) => {
        await queues.flush();
        await index.flush();
        options.onProgress(offset - firstOffset, segments.endOffset - firstOffset);
      },
      onBroken: (stretch) => void broken.push(stretch),
    });
    if (shape.index === undefined && (await fileSystem.list(paths.index)).length > 0) {
      faults.note('the key index was not looked at: its sizes can not be told from its files');
    }
    await queues.finish();
    await index.finish();
    for (const { from, reason } of misplaced.found) {
      faults.add(segments.path(from), from % segments.fileSizeBytes, reason);
    }
    const isEndTorn = !isClean && logEnd.offset >= checkpoint.confirmPhyOffset;
    const hasBrokenEnd = noteEnd(segments, logEnd, isClean || isEndTorn, checkpoint.confirmPhyOffset, faults);
    // What a power cut left of the last writes is cut off by the opening, also where whole records stand behind it.
    const torn = isClean ? undefined : broken.find(({ from }) => isLastWrite(segments, from, logEnd, checkpoint));
    for (const { from, to, reason } of broken) {
      const file = segments.path(from);
      const place = from % segments.fileSizeBytes;
      if (torn === undefined || from < torn.from)
        faults.add(file, place, `${reason}: ${to - from} bytes hold no record`);
      else if (from === torn.from) faults.note(tornNote(file, place));
    }
    const untorn = broken.filter(({ from }) => torn === undefined || from < torn.from);
    return { records, bytes: logEnd.offset - firstOffset, broken: untorn, logEnd, hasBrokenEnd };
  });
  return {
    ...checked,
    faults: faults.kept,
    faultCount: faults.count,
    notes: faults.notes,
    tookMs: performance.now() - startedMs,
  };
}

/** What stands behind the last record may be a torn write, which the opening cuts off, or what a broker left behind a cut of its own. */
function noteEnd(
  segments: SegmentFiles,
  { offset, reason }: LogEnd,
  mayBeTorn: boolean,
  confirmedOffset: number,
  faults: Faults,
): boolean {
  const place = offset % segments.fileSizeBytes;
  if (offset < confirmedOffset) {
    const what = `the log ends here (${reason ?? 'zeros'}), though the checkpoint says that it goes on to ${confirmedOffset}`;
    faults.add(segments.path(offset), place, what);
    return true;
  }
  if (reason === undefined) return false;
  if (mayBeTorn)
    faults.note(
      `the log ends in a torn write at ${segments.path(offset)}, byte ${place}: the next opening cuts it off`,
    );
  return false;
}

/** As recovery sees it: behind the checkpoint, and in the last file that holds records or the one before. */
function isLastWrite(segments: SegmentFiles, from: number, end: LogEnd, checkpoint: CheckpointState): boolean {
  return (
    from >= checkpoint.confirmPhyOffset &&
    segments.startOf(end.offset - 1) - segments.startOf(from) <= segments.fileSizeBytes
  );
}

function tornNote(file: string, place: number): string {
  return `the log ends in a torn write at ${file}, byte ${place}: the next opening cuts it off and keeps it`;
}

async function refuseLocked(path: string): Promise<void> {
  const files = new NodeFileSystem();
  const paths = storePaths(path);
  // Without a lock file nobody has it open; on a disk that can't be written nobody can.
  if ((await files.stat(paths.lock)) === undefined) return;
  const lock = await files.tryLock(paths.lock).catch(() => ({ release: async () => undefined }));
  if (lock !== undefined) {
    await lock.release();
    return;
  }
  const owner = (await files.readFile(paths.abort))?.toString('latin1').trim() ?? '';
  throw new StoreLockedError({ path, ownerPid: /^\d+$/.test(owner) ? Number(owner) : undefined });
}

/** Files of a foreign name would keep the log from being loaded, here or by a real broker. */
async function checkNames(fileSystem: FileSystem, shape: StoreShape, faults: Faults): Promise<void> {
  const { commitLog } = storePaths(shape.path);
  const names = await fileSystem.list(commitLog);
  for (const [index, name] of names.entries()) {
    const start = parseOffsetFileName(name);
    if (start === undefined) {
      faults.add(
        `${commitLog}/${name}`,
        0,
        'the file is none of the log; a broker of Apache RocketMQ refuses the store for it',
      );
      continue;
    }
    const previous = parseOffsetFileName(names[index - 1] ?? '');
    if (previous !== undefined && start !== previous + shape.segmentBytes) {
      faults.add(`${commitLog}/${name}`, 0, `no file of the log ends where this one begins`);
    }
  }
}

async function checkConfig(fileSystem: FileSystem, shape: StoreShape, faults: Faults): Promise<void> {
  const { config } = storePaths(shape.path);
  for (const name of (await fileSystem.list(config)).filter((file) => file.endsWith('.json'))) {
    if (await isJson(fileSystem, `${config}/${name}`)) continue;
    if (await isJson(fileSystem, `${config}/${name}.bak`))
      faults.note(`"${name}" is damaged, its copy "${name}.bak" is used`);
    else faults.add(`${config}/${name}`, 0, 'neither it nor its .bak copy is JSON');
  }
}

/** The result for people. */
export function verificationLines(verification: Verification, path: string): string[] {
  const { faults, faultCount, notes, records, bytes, tookMs } = verification;
  const rate = tookMs === 0 ? 0 : bytes / 1e6 / (tookMs / 1000);
  return [
    ...faults.map(({ file, offset, what }) => `FAULT ${file}, byte ${offset}: ${what}`),
    ...(faultCount > faults.length ? [`… and ${faultCount - faults.length} more`] : []),
    ...notes.map((note) => `note: ${note}`),
    `${path}: ${records} records, ${bytes} bytes of log in ${(tookMs / 1000).toFixed(1)} s (${rate.toFixed(0)} MB/s): ${
      faultCount === 0 ? 'no fault' : `${faultCount} ${faultCount === 1 ? 'fault' : 'faults'}`
    }`,
  ];
}
