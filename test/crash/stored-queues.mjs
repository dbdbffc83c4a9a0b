// Opens a store as a new process does, reads all of it, and closes it again.
import { ActivityCount } from '../../build/engine/activity-count.js';
import { NodeFileSystem, resolveBrokerOptions, SystemClock } from '../../build/engine/index.js';
import { openStore } from '../../build/engine/store/index.js';
import { bodyOf, numberOf, STORE_OPTIONS } from './plan.mjs';

/**
 * @param onWarning gets the store's warnings
 * @param keysOf messages that must be found by their keys
 * @returns the queues, and those of the messages that were not found
 */
export async function readStore(path, onWarning, keysOf = []) {
  const clock = new SystemClock();
  const options = resolveBrokerOptions({ store: { ...STORE_OPTIONS, path } });
  const logger = { debug() {}, log() {}, warn: onWarning, error: onWarning };
  const store = await openStore(
    {
      ...options.store,
      brokerName: options.brokerName,
      storeHost: options.storeHost,
      delayLevelsMs: options.delayLevels.delaysMs,
      processId: process.pid,
    },
    { fileSystem: new NodeFileSystem(), clock, logger, activity: new ActivityCount(clock) },
  );
  try {
    const queues = [];
    for (const { topicName: topic, readQueueNums, writeQueueNums } of store.topics.list()) {
      for (let queueId = 0; queueId < Math.max(readQueueNums, writeQueueNums); queueId++) {
        queues.push(await readQueue(store.messages, topic, queueId));
      }
    }
    const notFound = [];
    for (const message of keysOf) if (!(await isFound(store, message))) notFound.push(message);
    return { queues, notFound };
  } finally {
    await store.close();
  }
}

async function readQueue(messages, topic, queueId) {
  const { minOffset, maxOffset } = messages.queueRange(topic, queueId);
  const records = [];
  for (let offset = minOffset; offset < maxOffset;) {
    const batch = await messages.pull({ topic, queueId, offset, maxCount: 256, maxBytes: 8 << 20 });
    // Copied: a record is a view of all that was read with it.
    for (const { body, queueOffset, storeTimestamp } of batch.messages) {
      records.push({ body: Buffer.from(body), queueOffset, storeTimestamp });
    }
    if (batch.nextOffset <= offset) break;
    offset = batch.nextOffset;
  }
  return { topic, queueId, firstOffset: minOffset, records };
}

async function isFound({ keyIndex, messages }, { number, topic }) {
  const query = { topic, key: `key-${number}`, maxCount: 64, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
  for (const place of await keyIndex.query(query)) {
    const record = await messages.readRecord(place);
    if (record !== undefined && numberOf(record.body) === number) return record.body.equals(bodyOf(number));
  }
  return false;
}
