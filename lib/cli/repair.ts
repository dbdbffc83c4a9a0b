import { RepairRefusedError } from '../errors/index.js';
import { NodeFileSystem, SilentLogger, SystemClock } from '../engine/io/index.js';
import { openStore } from '../engine/store/index.js';
import { offsetFileName, storePaths, type StorePaths } from '../engine/store/file-names.js';
import type { SegmentFiles } from '../engine/store/segment-files.js';
import { StoreOwner } from '../engine/store/store-owner.js';
import { SCHEDULE_TOPIC, type FileSystem } from '../engine/types/index.js';
import { deletions } from './config-content.js';
import { keepBytes, keepPath } from './keep.js';
import { walkLog, type BrokenStretch, type LogEnd } from './log-walk.js';
import { EvenLogFileSystem, giveSizes, wrongSizes } from './log-sizes.js';
import { MisplacedRecords } from './misplaced-records.js';
import { withLog } from './opened-log.js';
import { fillerRecords } from './filler-record.js';
import { shapeOf, storeOptions, subdirectories, type StoreShape } from './store-shape.js';

export interface RepairOptions {
  /** False: only says what would be done. */
  readonly yes: boolean;
  /** Steps over broken parts in the middle of the log; their messages are lost. */
  readonly skipCorrupt: boolean;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

export interface Repair {
  readonly isDone: boolean;
  /** What was done, or would be. */
  readonly steps: readonly string[];
}

interface SkippedStretch extends BrokenStretch {
  /** Store time of the record before it, or of what stands there itself. */
  readonly storeTimestampMs: number;
}

interface Findings {
  /** Of the log. */
  readonly fileCount: number;
  readonly broken: readonly SkippedStretch[];
  readonly end: LogEnd;
  /** `topic/queueId` of the queues that have records in the log. */
  readonly queues: ReadonlySet<string>;
}

/**
 * Makes a store one that can be opened: cuts off an end that is broken, steps over broken parts in the middle if that is allowed, and makes queues and key index again
 * from the log. What is removed is kept in `broken/`.
 *
 * @throws StoreLockedError, StoreMissingError
 * @throws RepairRefusedError parts in the middle are broken, or a newer version has written the end, and it was not allowed to skip them
 */
export async function repairStore(path: string, options: RepairOptions): Promise<Repair> {
  const fileSystem = new NodeFileSystem();
  const shape = await shapeOf(fileSystem, path);
  const paths = storePaths(path);
  const owner = await StoreOwner.acquire(fileSystem, paths);
  let steps: string[];
  try {
    const wrong = await wrongSizes(fileSystem, shape);
    const readOnly = new EvenLogFileSystem(wrong, shape);
    const findings = await withLog(readOnly, shape, (segments) => findBroken(readOnly, segments, path, options));
    steps = wrong.map(({ name, sizeBytes }) => `give ${name} its ${shape.segmentBytes} bytes, it has ${sizeBytes}`);
    steps.push(...(await plan(fileSystem, shape, findings, options)));
    if (!options.yes) return { isDone: false, steps };
    // From here on a crash must lead to a recovery.
    await owner.markOpen(process.pid);
    const startedMs = Date.now();
    await giveSizes(wrong, shape, startedMs);
    await withLog(fileSystem, shape, (segments) => mendLog(fileSystem, segments, paths, findings, startedMs));
    await setDerivedFilesAside(fileSystem, paths, findings, startedMs);
    if (isLeftToOpening(shape, findings, owner.wasClosedCleanly)) return { isDone: true, steps };
  } finally {
    await owner.release(false);
  }
  // The engine's own recovery makes everything else again from the log.
  const activity = { begin: () => () => undefined };
  const store = await openStore(storeOptions(shape, shape.index !== undefined), {
    fileSystem,
    clock: new SystemClock(),
    logger: new SilentLogger(),
    activity,
  });
  await store.close();
  return { isDone: true, steps };
}

/** The next opening knows what no file tells, and does the rest. */
function isLeftToOpening(shape: StoreShape, { fileCount, queues }: Findings, wasClosedCleanly: boolean): boolean {
  // A crash may have cut the only file, and then nothing tells the size that it had.
  if (!wasClosedCleanly && fileCount === 1) return true;
  // Files of another size would keep the store from being opened.
  if (!shape.isQueueFileSizeSure) return true;
  // Entries of delayed messages say when these are due, and only the broker knows how long its levels are.
  return [...queues].some((queue) => queue.startsWith(`${SCHEDULE_TOPIC}/`));
}

async function findBroken(
  fileSystem: FileSystem,
  segments: SegmentFiles,
  path: string,
  { onProgress }: RepairOptions,
): Promise<Findings> {
  const broken: SkippedStretch[] = [];
  const queues = new Set<string>();
  const misplaced = new MisplacedRecords(await deletions(fileSystem, path));
  let storeTimestampMs = 0;
  const end = await walkLog(segments, {
    onRecord: (message, sizeBytes, offset) => {
      ({ storeTimestamp: storeTimestampMs } = message);
      if (misplaced.add(message, sizeBytes, offset)) queues.add(`${message.storedTopic}/${message.queueId}`);
    },
    afterBlock: (offset) => onProgress(offset - segments.firstOffset, segments.endOffset - segments.firstOffset),
    onBroken: (stretch) => void broken.push({ ...stretch, storeTimestampMs }),
  });
  const inOrder = [...broken, ...misplaced.found].toSorted((one, other) => one.from - other.from);
  return { fileCount: segments.starts.length, broken: inOrder, end, queues };
}

async function plan(
  fileSystem: FileSystem,
  shape: StoreShape,
  { broken, end, queues }: Findings,
  { skipCorrupt, yes }: RepairOptions,
): Promise<string[]> {
  const nameOf = (offset: number): string =>
    `${offsetFileName(offset - (offset % shape.segmentBytes))}, byte ${offset % shape.segmentBytes}`;
  if (broken.length > 0 && yes && !skipCorrupt) {
    const bytes = broken.reduce((sum, { from, to }) => sum + to - from, 0);
    const reason = `${broken.length} parts in the middle of the log are broken, ${bytes} bytes, and records follow; --skip-corrupt gives up what stands in them`;
    throw new RepairRefusedError({ path: shape.path, reason });
  }
  // What a later version has written is not broken; its messages are given up only by who says so.
  if (end.isNewer === true && yes && !skipCorrupt) {
    const reason = `the log ends in records of a newer version, behind ${nameOf(end.offset)}; --skip-corrupt gives them up`;
    throw new RepairRefusedError({ path: shape.path, reason });
  }
  const steps = broken.map(
    ({ from, to, reason }) =>
      `step over ${to - from} bytes in ${nameOf(from)} (${reason})${skipCorrupt ? '' : ': needs --skip-corrupt'}`,
  );
  if (broken.length > 0) {
    steps.push('leave the offsets of the messages in them empty, which a broker of Apache RocketMQ does not read over');
  }
  if (end.reason !== undefined) {
    const needs = end.isNewer === true && !skipCorrupt ? ': needs --skip-corrupt' : '';
    steps.push(`cut off the end of the log behind ${nameOf(end.offset)} (${end.reason})${needs}`);
  }
  steps.push(`make ${queues.size} consume queues again`);
  if ((await fileSystem.list(storePaths(shape.path).index)).length > 0) steps.push('make the key index again');
  return steps;
}

async function mendLog(
  fileSystem: FileSystem,
  segments: SegmentFiles,
  { broken: directory }: StorePaths,
  { broken, end }: Findings,
  nowMs: number,
): Promise<void> {
  for (const { from, to, storeTimestampMs } of broken) {
    await keepBytes(fileSystem, segments, from, to, directory, nowMs);
    for (const { offset, bytes } of fillerRecords(from, to, segments.fileSizeBytes, storeTimestampMs)) {
      await segments.ensure(offset);
      await segments.write(bytes, offset);
      await segments.datasync(offset);
    }
  }
  if (end.reason === undefined) return;
  await keepBytes(fileSystem, segments, end.offset, segments.endOffset, directory, nowMs);
  await segments.clearFrom(end.offset);
}

/** Queues without a record in the log stay: they alone know where their numbers go on. */
async function setDerivedFilesAside(
  fileSystem: FileSystem,
  paths: StorePaths,
  { queues }: Findings,
  nowMs: number,
): Promise<void> {
  for (const topic of await subdirectories(fileSystem, paths.consumeQueue)) {
    for (const queueId of await subdirectories(fileSystem, `${paths.consumeQueue}/${topic}`)) {
      if (!queues.has(`${topic}/${queueId}`)) continue;
      await keepPath(fileSystem, paths, `consumequeue/${topic}/${queueId}`, nowMs);
    }
  }
  await keepPath(fileSystem, paths, 'index', nowMs);
  // Without it, recovery reads the whole log.
  await keepPath(fileSystem, paths, 'checkpoint', nowMs);
}

/** The result for people. */
export function repairLines({ isDone, steps }: Repair): string[] {
  if (!isDone) return ['This would be done with --yes:', ...steps.map((step) => `  ${step}`)];
  return ['Done:', ...steps.map((step) => `  ${step}`), 'What was removed is kept in the store, in "broken".'];
}
