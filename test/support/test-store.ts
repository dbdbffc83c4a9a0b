import { cp } from 'node:fs/promises';

import { ActivityCount } from '../../lib/engine/activity-count.js';
import { resolveBrokerOptions, type StoreLocationOptions } from '../../lib/engine/broker-options.js';
import { ManualClock, NodeFileSystem, SilentLogger } from '../../lib/engine/io/index.js';
import { openStore, type OpenStore } from '../../lib/engine/store/index.js';
import type { EngineLogger, FileSystem, PullBatch, RecordDraft } from '../../lib/engine/types/index.js';

/** Small enough that a few hundred messages roll every kind of file. */
export const SMALL_FILES = {
  mappedFileSizeCommitLogBytes: 16 * 1024,
  consumeQueueFileEntries: 16,
  maxHashSlotNum: 61,
  maxIndexNum: 100,
} as const;

export interface TestStore extends OpenStore {
  readonly path: string;
  readonly clock: ManualClock;
  readonly activity: ActivityCount;
  readonly options: Parameters<typeof openStore>[0];
}

export interface TestStoreParts extends StoreLocationOptions {
  readonly path: string;
  readonly clock?: ManualClock;
  readonly fileSystem?: FileSystem;
  readonly logger?: EngineLogger;
}

/** A real store on a manual clock, on the operating system's files unless another file system is given. */
export async function openTestStore(parts: TestStoreParts): Promise<TestStore> {
  const {
    clock = new ManualClock(),
    fileSystem = new NodeFileSystem(),
    logger = new SilentLogger(),
    ...location
  } = parts;
  const resolved = resolveBrokerOptions({ store: { ...SMALL_FILES, ...location } });
  const activity = new ActivityCount(clock);
  const options = {
    ...resolved.store,
    brokerName: resolved.brokerName,
    storeHost: resolved.storeHost,
    delayLevelsMs: resolved.delayLevels.delaysMs,
    processId: process.pid,
  };
  const store = await openStore(options, { fileSystem, clock, logger, activity });
  return { ...store, path: parts.path, clock, activity, options };
}

/** What a kill -9 at this moment would leave: the files as they are, of a store that goes on. */
export async function crashImage(store: TestStore, target: string): Promise<void> {
  await cp(store.path, target, { recursive: true });
}

export function testDraft(body: string | Uint8Array, changes: Partial<RecordDraft> = {}): RecordDraft {
  return {
    topic: 'test-topic',
    queueId: 0,
    body: typeof body === 'string' ? Buffer.from(body) : body,
    properties: '',
    tags: undefined,
    keys: undefined,
    uniqKey: undefined,
    delayLevel: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestampMs: 0,
    bornHost: undefined,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
    ...changes,
  };
}

/** All bodies of a queue, in order, read in small pulls. */
export async function bodiesOf(store: OpenStore, topic = 'test-topic', queueId = 0): Promise<string[]> {
  const bodies: string[] = [];
  let offset = store.messages.queueRange(topic, queueId).minOffset;
  for (;;) {
    const batch: PullBatch = await store.messages.pull({ topic, queueId, offset, maxCount: 7, maxBytes: 64 * 1024 });
    for (const message of batch.messages) bodies.push(message.body.toString());
    if (batch.nextOffset <= offset) return bodies;
    offset = batch.nextOffset;
  }
}
