import type { MessageStore, StoredRecord, TopicConfig } from '../types/index.js';

const MAX_PULL_BYTES = 4 * 1024 * 1024;

/** The oldest records of a topic that were stored in a range of time, in the order of their storing. */
export async function recordsByTime(
  store: MessageStore,
  { topicName, readQueueNums, writeQueueNums }: TopicConfig,
  { beginMs, endMs, maxCount }: { readonly beginMs: number; readonly endMs: number; readonly maxCount: number },
): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  for (let queueId = 0; queueId < Math.max(readQueueNums, writeQueueNums); queueId++) {
    found.push(...(await recordsOfQueue(store, topicName, queueId, beginMs, endMs, maxCount)));
  }
  return found.toSorted((a, b) => a.commitLogOffset - b.commitLogOffset).slice(0, maxCount);
}

async function recordsOfQueue(
  store: MessageStore,
  topic: string,
  queueId: number,
  beginMs: number,
  endMs: number,
  maxCount: number,
): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = [];
  let offset = await store.offsetByTime(topic, queueId, beginMs);
  while (found.length < maxCount) {
    const rest = maxCount - found.length;
    const batch = await store.pull({ topic, queueId, offset, maxCount: rest, maxBytes: MAX_PULL_BYTES });
    const inTime = batch.messages.filter(({ storeTimestamp }) => storeTimestamp <= endMs);
    found.push(...inTime);
    if (inTime.length < batch.messages.length || batch.nextOffset <= offset) break;
    offset = batch.nextOffset;
  }
  return found;
}
