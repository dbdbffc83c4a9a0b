// Our engine, from the built package: carries out plans, and lists what it finds in a store in the same form as StoreReader.java.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A store's file sizes, in our options and in those of broker.conf. */
export function fileSizes(sizes) {
  const { segmentBytes, queueEntries, maxHashSlotNum, maxIndexNum } = sizes;
  // Some 600 timers: a run fills several files.
  const timerLogBytes = 32 * 1024;
  return {
    ...sizes,
    options: {
      mappedFileSizeCommitLogBytes: segmentBytes,
      consumeQueueFileEntries: queueEntries,
      maxHashSlotNum,
      maxIndexNum,
      mappedFileSizeTimerLogBytes: timerLogBytes,
    },
    brokerConf: {
      mappedFileSizeCommitLog: segmentBytes,
      mappedFileSizeConsumeQueue: queueEntries * 20,
      maxHashSlotNum,
      maxIndexNum,
      mappedFileSizeTimerLog: timerLogBytes,
    },
  };
}

/** @param {string} distDirectory of a build module by module, such as `build` */
export async function loadEngine(distDirectory) {
  const load = (file) => import(pathToFileURL(path.join(distDirectory, file)).href);
  const engine = await load('engine/index.js');
  const { openStore } = await load('engine/store/index.js');
  const { ActivityCount } = await load('engine/activity-count.js');
  const { NonRetryableError } = await load('errors/index.js');
  return { ...engine, openStore, ActivityCount, NonRetryableError };
}

/** Opens a store without a broker around it: nothing is delivered while it is open. */
export async function withStore(engine, storeDir, sizes, work) {
  const resolved = engine.resolveBrokerOptions({ store: { path: storeDir, ...sizes.options } });
  const clock = new engine.SystemClock();
  const warnings = [];
  const logger = { log() {}, debug() {}, warn: (text) => warnings.push(text), error: (text) => warnings.push(text) };
  const store = await engine.openStore(
    {
      ...resolved.store,
      brokerName: resolved.brokerName,
      storeHost: resolved.storeHost,
      delayLevelsMs: resolved.delayLevels.delaysMs,
      processId: process.pid,
    },
    { fileSystem: new engine.NodeFileSystem(), clock, logger, activity: new engine.ActivityCount(clock) },
  );
  try {
    return await work(store, warnings);
  } finally {
    await store.close();
  }
}

/** Everything in a store, as our engine serves it. */
export async function dumpWithEngine(engine, storeDir, sizes) {
  return withStore(engine, storeDir, sizes, async (store, warnings) => {
    const dump = {
      records: [],
      queues: [],
      consumerOffsets: [],
      delayOffsets: [],
      topics: [],
      groups: [],
      times: [],
      warnings,
    };
    for (const [topic, queueId] of queuesOf(store, storeDir)) {
      const { minOffset, maxOffset } = store.messages.queueRange(topic, queueId);
      dump.queues.push({ topic, queueId, minOffset, maxOffset });
      for (let offset = minOffset; offset < maxOffset;) {
        const batch = await store.messages.pull({ topic, queueId, offset, maxCount: 100, maxBytes: 8 * 1024 * 1024 });
        batch.messages.forEach((record, index) => dump.records.push(asLine(record, offset + index, storeDir, sizes)));
        if (batch.nextOffset !== offset + batch.messages.length || batch.messages.length === 0) {
          throw new Error(
            `our engine skips something in ${topic} ${queueId} at ${offset}: ${batch.status}, next ${batch.nextOffset}`,
          );
        }
        offset = batch.nextOffset;
      }
    }
    dump.topics = store.topics.list().map(({ topicName, readQueueNums, writeQueueNums, perm, order }) => ({
      topic: topicName,
      readQueueNums,
      writeQueueNums,
      perm,
      order,
    }));
    dump.groups = store.groups
      .list()
      .map(({ groupName, retryMaxTimes, retryQueueNums }) => ({ group: groupName, retryMaxTimes, retryQueueNums }));
    const consumers = await offsetTable(store, 'consumerOffset.json');
    for (const [topicAtGroup, offsets] of Object.entries(consumers)) {
      for (const [queueId, offset] of Object.entries(offsets)) {
        dump.consumerOffsets.push({ topicAtGroup, queueId: Number(queueId), offset });
      }
    }
    for (const [level, offset] of Object.entries(await offsetTable(store, 'delayOffset.json'))) {
      dump.delayOffsets.push({ level: Number(level), offset });
    }
    return dump;
  });
}

/** The queues of a store: also those that no topic has any more, and those that recovery found in the log and that have no directory yet. */
function queuesOf(store, storeDir) {
  const queues = new Map(queuesOnDisk(storeDir).map((queue) => [queue.join(' '), queue]));
  for (const { topicName, readQueueNums } of store.topics.list()) {
    for (let queueId = 0; queueId < readQueueNums; queueId++) {
      if (store.messages.queueRange(topicName, queueId).maxOffset > 0) {
        queues.set(`${topicName} ${queueId}`, [topicName, queueId]);
      }
    }
  }
  return [...queues.values()];
}

function queuesOnDisk(storeDir) {
  const root = path.join(storeDir, 'consumequeue');
  if (!existsSync(root)) {
    return [];
  }
  return readdirSync(root)
    .toSorted()
    .flatMap((topic) =>
      readdirSync(path.join(root, topic))
        .filter((name) => /^\d+$/.test(name))
        .map((name) => [topic, Number(name)]),
    );
}

async function offsetTable(store, name) {
  let initial;
  const file = await store.state.open(name, { snapshot: () => initial ?? {}, flushIntervalMs: 60_000 });
  initial = file.initial;
  return initial?.offsetTable ?? {};
}

function asLine(record, entryOffset, storeDir, sizes) {
  return {
    topic: record.storedTopic,
    queueId: record.queueId,
    entryOffset,
    queueOffset: record.queueOffset,
    physicalOffset: record.commitLogOffset,
    sizeBytes: record.storeSize,
    recordSha256: sha256(recordBytes(storeDir, sizes.segmentBytes, record.commitLogOffset, record.storeSize)),
    bodyLength: record.storedBody.length,
    bodySha256: sha256(record.storedBody),
    bodyCRC: record.bodyCRC,
    flag: record.flag,
    sysFlag: record.sysFlag,
    bornTimestamp: record.bornTimestamp,
    storeTimestamp: record.storeTimestamp,
    reconsumeTimes: record.reconsumeTimes,
    preparedTransactionOffset: record.preparedTransactionOffset,
    properties: record.properties,
  };
}

/** The bytes of a record from the log's file, past any reader of ours. */
function recordBytes(storeDir, segmentBytes, physicalOffset, sizeBytes) {
  const start = physicalOffset - (physicalOffset % segmentBytes);
  const file = openSync(path.join(storeDir, 'commitlog', String(start).padStart(20, '0')), 'r');
  try {
    const bytes = Buffer.alloc(sizeBytes);
    readSync(file, bytes, 0, sizeBytes, physicalOffset - start);
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** What StoreReader.java wrote down. */
export function readJavaDump(file) {
  const lines = readLines(file);
  const of = (kind) => linesOfKind(lines, kind);
  return {
    store: of('store')[0],
    records: of('record').map((record) => without(without(record, 'bornHost'), 'storeHost')),
    queues: of('queue'),
    consumerOffsets: of('consumerOffset'),
    delayOffsets: of('delayOffset'),
    topics: of('topic'),
    groups: of('group'),
    delivered: of('delivered'),
    keyQueries: of('keyQuery'),
    timeQueries: of('timeQuery'),
  };
}

/** The lines of one kind, without the field that says it. */
export function linesOfKind(lines, kind) {
  return lines.filter((line) => line.kind === kind).map((line) => without(line, 'kind'));
}

function without(object, field) {
  const copy = { ...object };
  delete copy[field];
  return copy;
}

export function readLines(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
