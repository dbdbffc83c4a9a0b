import { ActivityCount } from '../../lib/engine/activity-count.js';
import { resolveBrokerOptions, type BrokerOptions } from '../../lib/engine/broker-options.js';
import { ManualClock, SilentLogger } from '../../lib/engine/io/index.js';
import { openStore, type OpenStore } from '../../lib/engine/store/index.js';
import type { FileSystem, StoredRecord } from '../../lib/engine/types/index.js';
import { idOf, type SentMessage } from './sent-message.js';

const QUEUE_ENTRY_BYTES = 20;
/** Where an index file's header says how far it leads. */
const INDEX_END_OFFSET_AT = 24;

export interface ViewedQueue {
  readonly topic: string;
  readonly queueId: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  /** From the first offset to the last, without gaps. */
  readonly records: readonly StoredRecord[];
}

/** All that a store holds when it is opened on a disk. */
export interface StoredView {
  readonly queues: readonly ViewedQueue[];
  /** Committed offsets: by `topic@group`, then by queue id. */
  readonly offsets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How far each delay level is delivered: by level. */
  readonly delayOffsets: Readonly<Record<string, number>>;
  /** What could not be read, or was not found by its key. */
  readonly faults: readonly string[];
}

/**
 * Opens the store as a new process does, reads everything, and closes it again.
 *
 * @param lookedUp messages with keys that are looked up in the key index, too. Those that are gone need not be found, but nothing may lead to where they were
 * @throws what the opening throws: on a disk that works it must not
 */
export async function viewStore(
  fileSystem: FileSystem,
  brokerOptions: BrokerOptions,
  nowMs: number,
  lookedUp: readonly SentMessage[],
): Promise<StoredView> {
  const clock = new ManualClock(nowMs);
  const options = resolveBrokerOptions(brokerOptions);
  const wasClosedCleanly = (await fileSystem.stat(`${options.store.path}/abort`)) === undefined;
  const store = await openStore(
    {
      ...options.store,
      brokerName: options.brokerName,
      storeHost: options.storeHost,
      delayLevelsMs: options.delayLevels.delaysMs,
      processId: 4711,
    },
    { fileSystem, clock, logger: new SilentLogger(), activity: new ActivityCount(clock) },
  );
  const faults: string[] = [];
  const queues: ViewedQueue[] = [];
  for (const { topicName, readQueueNums, writeQueueNums } of store.topics.list()) {
    for (let queueId = 0; queueId < Math.max(readQueueNums, writeQueueNums); queueId++) {
      const { minOffset, maxOffset } = store.messages.queueRange(topicName, queueId);
      const records = await readQueue(store, topicName, queueId, faults);
      queues.push({ topic: topicName, queueId, minOffset, maxOffset, records });
    }
  }
  const logStart = Math.min(...(await numbersIn(fileSystem, `${options.store.path}/commitlog`)));
  // Behind a crash the last entries of a queue are in memory alone, and the file of those on the disk stays until they have followed.
  if (wasClosedCleanly) faults.push(...(await untrimmedFiles(fileSystem, options.store, queues, logStart)));
  for (const message of lookedUp) faults.push(...(await faultsOfLookUp(store, message, logStart)));
  const offsets = await tableOf<Record<string, number>>(store, 'consumerOffset.json');
  const delayOffsets = await tableOf<number>(store, 'delayOffset.json');
  await store.close();
  return { queues, offsets, delayOffsets, faults };
}

async function readQueue(
  store: OpenStore,
  topic: string,
  queueId: number,
  faults: string[],
): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = [];
  const { minOffset, maxOffset } = store.messages.queueRange(topic, queueId);
  for (let offset = minOffset; offset < maxOffset;) {
    const batch = await store.messages.pull({ topic, queueId, offset, maxCount: 32, maxBytes: 1 << 20 });
    records.push(...batch.messages);
    if (batch.nextOffset <= offset) break;
    offset = batch.nextOffset;
  }
  const expected = Array.from({ length: maxOffset - minOffset }, (_, i) => minOffset + i);
  const found = records.map((record) => record.queueOffset);
  if (found.join() !== expected.join()) {
    faults.push(`queue ${queueId} of ${topic} goes from ${minOffset} to ${maxOffset} but holds ${found.join()}`);
  }
  return records;
}

/** Every key of a message that is stored for certain leads to it. */
async function faultsOfLookUp(
  store: OpenStore,
  { id, topic, keys, isGone }: SentMessage,
  logStart: number,
): Promise<string[]> {
  if (store.keyIndex === undefined) return [];
  const faults: string[] = [];
  for (const key of keys?.split(' ') ?? []) {
    const query = { topic, key, maxCount: 1000, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
    const places = await store.keyIndex.query(query);
    const records = await Promise.all(places.map(async (place) => store.messages.readRecord(place)));
    // An index file stays until all of it is gone.
    const lost = places.filter((place, index) => records[index] === undefined && place >= logStart);
    if (lost.length > 0) faults.push(`key ${key} leads to ${lost.join()} in the log, where nothing is`);
    if (!isGone && !records.some((record) => record !== undefined && idOf(record.body) === id)) {
      faults.push(`${id} is not found by its key ${key}`);
    }
  }
  return faults;
}

/** Files of consume queues and key index that lead to nothing but what the log has let go of. */
async function untrimmedFiles(
  fileSystem: FileSystem,
  options: ReturnType<typeof resolveBrokerOptions>['store'],
  queues: readonly ViewedQueue[],
  logStart: number,
): Promise<string[]> {
  const faults: string[] = [];
  for (const { topic, queueId, minOffset, maxOffset } of queues) {
    const directory = `consumequeue/${topic}/${queueId}`;
    const fileBytes = options.consumeQueueFileEntries * QUEUE_ENTRY_BYTES;
    // The file of the last entry stays: it says how far the queue has got.
    const neededBytes = Math.min(minOffset, maxOffset - 1) * QUEUE_ENTRY_BYTES;
    const starts = (await numbersIn(fileSystem, `${options.path}/${directory}`)).filter(
      (start) => start + fileBytes <= neededBytes,
    );
    faults.push(...starts.map((start) => `${directory} begins at ${minOffset} and has a file at ${start}`));
  }
  for (const name of (await numbersIn(fileSystem, `${options.path}/index`)).toSorted((a, b) => a - b).slice(0, -1)) {
    const header = await fileSystem.readFile(`${options.path}/index/${name}`);
    const endOffset = Number(header?.readBigInt64BE(INDEX_END_OFFSET_AT));
    if (endOffset < logStart) faults.push(`index file ${name} ends at ${endOffset}, and the log begins at ${logStart}`);
  }
  return faults;
}

/** The files of a directory that are named by a number. */
async function numbersIn(fileSystem: FileSystem, directory: string): Promise<number[]> {
  return (await fileSystem.list(directory)).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function tableOf<Value>(store: OpenStore, name: string): Promise<Readonly<Record<string, Value>>> {
  const file = await store.state.open(name, { snapshot: () => undefined, flushIntervalMs: 1000 });
  const content = file.initial as { offsetTable?: Record<string, Value> } | undefined;
  return content?.offsetTable ?? {};
}
