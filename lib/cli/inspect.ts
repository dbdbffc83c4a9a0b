import { openStore, isObject, tableOf, type OpenStore } from '../engine/store/index.js';
import { storePaths } from '../engine/store/file-names.js';
import { SilentLogger, SystemClock } from '../engine/io/index.js';
import type { FileSystem } from '../engine/types/index.js';
import { withLog } from './opened-log.js';
import { ReadOnlyFileSystem } from './read-only-file-system.js';
import { shapeOf, storeOptions, type StoreShape } from './store-shape.js';
import { sizeText, table } from './output.js';

export interface QueueSummary {
  readonly queueId: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

export interface TopicSummary {
  readonly topic: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly perm: number;
  readonly messages: number;
  /** Those that hold or held messages. */
  readonly queues: readonly QueueSummary[];
}

export interface GroupSummary {
  readonly group: string;
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  /** Messages that the group has not consumed. */
  readonly lag: number;
}

export interface StoreSummary {
  readonly path: string;
  /** `closed`: cleanly. `open`: a process has it open. `crashed`: it was left open by a process that is gone. */
  readonly state: 'closed' | 'open' | 'crashed';
  readonly ownerPid: number | undefined;
  readonly log: {
    readonly segmentBytes: number;
    readonly files: readonly string[];
    readonly firstOffset: number;
    readonly endOffset: number;
    /** Store times of the first and the last record; undefined: there is none. */
    readonly firstTimestampMs: number | undefined;
    readonly lastTimestampMs: number | undefined;
  };
  readonly consumeQueueFileBytes: number;
  readonly index: { readonly files: number; readonly maxHashSlotNum?: number; readonly maxIndexNum?: number };
  /** Room that the files take on the disk, without what was never written. */
  readonly allocatedBytes: number;
  readonly topics: readonly TopicSummary[];
  readonly groups: readonly GroupSummary[];
}

/**
 * What is in a store, as the engine would find it if it were opened now. Nothing is changed and no lock is taken, so it works beside an app that has the store open; it shows
 * what the disk holds at this moment.
 *
 * @throws StoreMissingError, StoreFormatError, StoreCorruptError
 */
export async function inspectStore(path: string): Promise<StoreSummary> {
  const fileSystem = new ReadOnlyFileSystem();
  const shape = await shapeOf(fileSystem, path);
  const paths = storePaths(path);
  const ownerText = (await fileSystem.readFile(paths.abort))?.toString('latin1').trim();
  const ownerPid = ownerText !== undefined && /^\d+$/.test(ownerText) ? Number(ownerText) : undefined;
  const clock = new SystemClock();
  const activity = { begin: () => () => undefined };
  const store = await openStore(storeOptions(shape, false), {
    fileSystem,
    clock,
    logger: new SilentLogger(),
    activity,
  });
  try {
    const topics = topicSummaries(store);
    return {
      path,
      state: ownerText === undefined ? 'closed' : isAlive(ownerPid) ? 'open' : 'crashed',
      ownerPid,
      log: await logSummary(fileSystem, shape, store),
      consumeQueueFileBytes: shape.queueFileBytes,
      index: {
        files: (await fileSystem.list(paths.index)).length,
        ...(shape.index && { maxHashSlotNum: shape.index.hashSlotNum, maxIndexNum: shape.index.indexNum }),
      },
      allocatedBytes: await allocatedBytes(path),
      topics,
      groups: await groupSummaries(store, topics),
    };
  } finally {
    await store.close();
  }
}

function topicSummaries(store: OpenStore): TopicSummary[] {
  return store.topics
    .list()
    .map(({ topicName, readQueueNums, writeQueueNums, perm }) => {
      const queues = store.queuesOf(topicName);
      const messages = queues.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0);
      return { topic: topicName, readQueueNums, writeQueueNums, perm, messages, queues };
    })
    .toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
}

async function groupSummaries(store: OpenStore, topics: readonly TopicSummary[]): Promise<GroupSummary[]> {
  const file = await store.state.open('consumerOffset.json', { snapshot: () => ({}), flushIntervalMs: 1000 });
  const ranges = new Map(
    topics.flatMap(({ topic, queues }) =>
      queues.map((queue): [string, typeof queue] => [`${topic}/${queue.queueId}`, queue]),
    ),
  );
  const groups: GroupSummary[] = [];
  for (const [key, offsets] of Object.entries(tableOf(file.initial, 'offsetTable'))) {
    const [topic = '', group = ''] = key.split('@');
    if (!isObject(offsets)) continue;
    for (const [queueText, stated] of Object.entries(offsets)) {
      const range = ranges.get(`${topic}/${queueText}`);
      const offset = Number(stated);
      const lag = range === undefined ? 0 : Math.max(0, range.maxOffset - Math.max(offset, range.minOffset));
      groups.push({ group, topic, queueId: Number(queueText), offset, lag });
    }
  }
  return groups.toSorted((a, b) => compare(a.group, b.group) || compare(a.topic, b.topic) || a.queueId - b.queueId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function logSummary(fileSystem: FileSystem, shape: StoreShape, store: OpenStore): Promise<StoreSummary['log']> {
  return withLog(fileSystem, shape, async (segments) => {
    const first = await store.messages.readRecord(segments.firstOffset);
    return {
      segmentBytes: shape.segmentBytes,
      files: segments.starts.map((start) => segments.path(start).slice(segments.directory.length + 1)),
      firstOffset: segments.firstOffset,
      endOffset: store.endOffset,
      firstTimestampMs: first?.storeTimestamp,
      lastTimestampMs: first === undefined ? undefined : store.lastStoreTimestampMs,
    };
  });
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined || pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function allocatedBytes(path: string): Promise<number> {
  const { lstat, readdir } = await import('node:fs/promises');
  let bytes = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // A file may go while it is looked at: the app that has the store open removes old ones.
    const stats = await lstat(`${entry.parentPath}/${entry.name}`).catch(() => undefined);
    bytes += (stats?.blocks ?? 0) * 512;
  }
  return bytes;
}

const time = (ms: number | undefined): string => (ms === undefined ? '-' : new Date(ms).toISOString());

/** The summary for people. */
export function summaryLines(summary: StoreSummary): string[] {
  const { log, topics, groups, index } = summary;
  const states = {
    closed: 'closed cleanly',
    open: `open in process ${summary.ownerPid}`,
    crashed: 'not closed cleanly: the next opening recovers it',
  };
  return [
    `Store       ${summary.path}`,
    `State       ${states[summary.state]}`,
    `Disk        ${sizeText(summary.allocatedBytes)}`,
    `Log         ${log.files.length} files of ${sizeText(log.segmentBytes)}, offsets ${log.firstOffset} to ${log.endOffset}`,
    `Records     ${time(log.firstTimestampMs)} to ${time(log.lastTimestampMs)}`,
    `Queue files ${sizeText(summary.consumeQueueFileBytes)}`,
    index.files === 0
      ? 'Key index   none'
      : `Key index   ${index.files} files, ${index.maxHashSlotNum ?? '?'} slots and ${index.maxIndexNum ?? '?'} entries each`,
    '',
    ...table([
      ['TOPIC', 'QUEUE', 'MIN', 'MAX', 'MESSAGES'],
      ...topics.flatMap(({ topic, queues }) =>
        queues.length === 0
          ? [[topic, '-', '-', '-', 0]]
          : queues.map(({ queueId, minOffset, maxOffset }) => [
              topic,
              queueId,
              minOffset,
              maxOffset,
              maxOffset - minOffset,
            ]),
      ),
    ]),
    '',
    ...table([
      ['GROUP', 'TOPIC', 'QUEUE', 'OFFSET', 'LAG'],
      ...groups.map(({ group, topic, queueId, offset, lag }) => [group, topic, queueId, offset, lag]),
    ]),
  ];
}
