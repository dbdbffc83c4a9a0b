import { StoreMissingError } from '../errors/index.js';
import { QUEUE_ENTRY_BYTES } from '../engine/store/consume-queue-format.js';
import { parseOffsetFileName, storePaths } from '../engine/store/file-names.js';
import { INDEX_HEADER_BYTES, IndexHeader, IndexLayout, isIndexFileName } from '../engine/store/index-file-format.js';
import { readInt64 } from '../engine/store/record-format.js';
import type { StoreOptions } from '../engine/store/index.js';
import type { FileSystem } from '../engine/types/index.js';

/** The file sizes that a store was written with. They stand in no file, so they are read off the files. */
export interface StoreShape {
  readonly path: string;
  readonly segmentBytes: number;
  readonly queueFileBytes: number;
  /** False: there is no queue, or their files differ in size, so that {@link queueFileBytes} is a guess. */
  readonly isQueueFileSizeSure: boolean;
  /** Undefined: there is no index, or its sizes can not be told. */
  readonly index: IndexLayout | undefined;
}

const DEFAULT_SEGMENT_BYTES = 2 ** 30;
const DEFAULT_QUEUE_FILE_BYTES = 6_000_000;
const DEFAULT_HASH_SLOTS = 5_000_000;
/** Index files up to this size are searched for their number of slots; larger ones have RocketMQ's default. */
const MAX_SEARCHED_BYTES = 16 * 1024 * 1024;
const MAX_SEARCHED_FILES = 4;

/** @throws StoreMissingError */
export async function shapeOf(fileSystem: FileSystem, path: string): Promise<StoreShape> {
  const paths = storePaths(path);
  if ((await fileSystem.stat(paths.commitLog))?.kind !== 'directory') throw new StoreMissingError({ path });
  const queueFileSizes = await sizesOfQueueFiles(fileSystem, paths.consumeQueue);
  return {
    path,
    segmentBytes: (await fileSizeIn(fileSystem, paths.commitLog)) ?? DEFAULT_SEGMENT_BYTES,
    queueFileBytes: queueFileSizes[0] ?? DEFAULT_QUEUE_FILE_BYTES,
    isQueueFileSizeSure: queueFileSizes.length === 1,
    index: await indexLayout(fileSystem, paths.index),
  };
}

/** The engine's options for a store of this shape. */
export function storeOptions(shape: StoreShape, makesIndex: boolean): StoreOptions {
  return {
    path: shape.path,
    flushDiskType: 'SYNC_FLUSH',
    mappedFileSizeCommitLogBytes: shape.segmentBytes,
    consumeQueueFileEntries: shape.queueFileBytes / QUEUE_ENTRY_BYTES,
    tailCacheBytes: 1024 * 1024,
    maxUnflushedBytes: 1024 * 1024,
    checkpointIntervalMs: 5000,
    maxOpenFiles: 128,
    messageIndexEnable: makesIndex,
    ...(shape.index && { maxHashSlotNum: shape.index.hashSlotNum, maxIndexNum: shape.index.indexNum }),
    fileReservedTimeHours: 72,
    deleteWhen: '',
    cleanResourceIntervalMs: 10_000,
    deleteFileBatchMax: 10,
    diskMaxUsedSpaceRatio: 75,
    diskSpaceCleanForciblyRatio: 85,
    diskSpaceWarningLevelRatio: 90,
    diskFreeSpaceEnoughBytes: 0,
    cleanFileForciblyEnable: false,
    brokerName: 'broker-a',
    storeHost: Uint8Array.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]),
    delayLevelsMs: [],
    processId: process.pid,
  };
}

/** The size that most files have and that fits to all of their names: one of them may have been cut. */
async function fileSizeIn(fileSystem: FileSystem, directory: string): Promise<number | undefined> {
  const names = (await fileSystem.list(directory)).filter((name) => parseOffsetFileName(name) !== undefined);
  const counts = new Map<number, number>();
  for (const name of names) {
    const sizeBytes = (await fileSystem.stat(`${directory}/${name}`))?.sizeBytes ?? 0;
    const fits = sizeBytes > 0 && names.every((other) => Number(other) % sizeBytes === 0);
    if (fits) counts.set(sizeBytes, (counts.get(sizeBytes) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted(([size, count], [otherSize, other]) => other - count || otherSize - size);
  if (most !== undefined) return most[0];
  const [first, second] = names;
  return second === undefined ? undefined : Number(second) - Number(first);
}

/** Each size once, that of most files first. */
async function sizesOfQueueFiles(fileSystem: FileSystem, directory: string): Promise<readonly number[]> {
  const counts = new Map<number, number>();
  for (const topic of await fileSystem.list(directory)) {
    for (const queueId of await subdirectories(fileSystem, `${directory}/${topic}`)) {
      const queue = `${directory}/${topic}/${queueId}`;
      for (const name of await fileSystem.list(queue)) {
        const sizeBytes = (await fileSystem.stat(`${queue}/${name}`))?.sizeBytes ?? 0;
        if (parseOffsetFileName(name) === undefined || sizeBytes === 0 || sizeBytes % QUEUE_ENTRY_BYTES !== 0) continue;
        counts.set(sizeBytes, (counts.get(sizeBytes) ?? 0) + 1);
      }
    }
  }
  return [...counts].toSorted(([, count], [, other]) => other - count).map(([sizeBytes]) => sizeBytes);
}

/** Names of the directories in a directory; none when it is a file. */
export async function subdirectories(fileSystem: FileSystem, directory: string): Promise<readonly string[]> {
  if ((await fileSystem.stat(directory))?.kind !== 'directory') return [];
  const found: string[] = [];
  for (const name of await fileSystem.list(directory)) {
    if ((await fileSystem.stat(`${directory}/${name}`))?.kind === 'directory') found.push(name);
  }
  return found;
}

/**
 * The number of slots stands in no file. With the right one, the entries of each file lie where its header says, in the order of the log, and fill as many slots as it
 * counts. One file may be damaged, so the number wins that has the most of this for it.
 */
async function indexLayout(fileSystem: FileSystem, directory: string): Promise<IndexLayout | undefined> {
  const files: Buffer[] = [];
  let byDefault: IndexLayout | undefined;
  for (const name of (await fileSystem.list(directory)).filter(isIndexFileName).slice(0, MAX_SEARCHED_FILES)) {
    const path = `${directory}/${name}`;
    const sizeBytes = (await fileSystem.stat(path))?.sizeBytes ?? 0;
    byDefault ??= layoutOf(sizeBytes, DEFAULT_HASH_SLOTS);
    if (sizeBytes > MAX_SEARCHED_BYTES) return byDefault;
    if (sizeBytes > INDEX_HEADER_BYTES) files.push((await fileSystem.readFile(path)) ?? Buffer.alloc(0));
  }
  let best: IndexLayout | undefined;
  let mostSigns = 0;
  const sizeBytes = files[0]?.length ?? 0;
  for (let slots = 1; slots * 4 < sizeBytes; slots++) {
    const layout = layoutOf(sizeBytes, slots);
    if (layout === undefined) continue;
    const signs = files.reduce((sum, bytes) => sum + signsFor(layout, bytes), 0);
    if (signs > mostSigns) [best, mostSigns] = [layout, signs];
  }
  return best ?? byDefault;
}

function layoutOf(sizeBytes: number, slots: number): IndexLayout | undefined {
  const entries = (sizeBytes - INDEX_HEADER_BYTES - slots * 4) / 20;
  return Number.isInteger(entries) && entries >= 2 ? new IndexLayout(slots, entries) : undefined;
}

function signsFor(layout: IndexLayout, bytes: Buffer): number {
  if (bytes.length !== layout.fileSizeBytes) return 0;
  const header = IndexHeader.decode(bytes);
  const last = header.indexCount - 1;
  if (last < 1 || last >= layout.indexNum) return 0;
  const offsetOf = (entry: number): number => readInt64(bytes, layout.entryPosition(entry) + 4);
  if (offsetOf(1) !== header.beginPhyOffset || offsetOf(last) !== header.endPhyOffset) return 0;
  const slotsUsed = new Set<number>();
  for (let entry = 1; entry <= last; entry++) {
    if (entry > 1 && offsetOf(entry) < offsetOf(entry - 1)) return 0;
    slotsUsed.add(bytes.readInt32BE(layout.entryPosition(entry)) % layout.hashSlotNum);
  }
  return slotsUsed.size === header.hashSlotCount ? 2 : 1;
}
