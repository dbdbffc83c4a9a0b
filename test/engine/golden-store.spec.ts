import { createHash } from 'node:crypto';

import type { StoredRecord } from '../../lib/engine/types/index.js';
import {
  GOLDEN_FILES,
  goldenExpectation,
  unpackGoldenStore,
  type GoldenExpectation,
  type GoldenRecord,
  type GoldenVariant,
} from '../fixtures/golden-store.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { openTestStore, type TestStore } from '../support/test-store.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const snapshot = (): unknown => ({});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** LZ4 is not in Node, ZSTD is only in newer ones: such bodies are kept and handed on, but not opened. */
const COMPRESSION_MASK = 0x700;
const isZlibOrPlain = (sysFlag: number): boolean =>
  (sysFlag & COMPRESSION_MASK) === 0 || (sysFlag & COMPRESSION_MASK) === 0x300;

async function allOf(store: TestStore, topic: string, queueId: number, minOffset: number): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  let offset = minOffset;
  for (;;) {
    const batch = await store.messages.pull({ topic, queueId, offset, maxCount: 13, maxBytes: 1024 * 1024 });
    records.push(...batch.messages);
    if (batch.nextOffset <= offset) return records;
    offset = batch.nextOffset;
  }
}

function asGolden(record: StoredRecord, entryOffset: number): Omit<GoldenRecord, 'recordSha256'> {
  return {
    topic: record.storedTopic,
    queueId: record.queueId,
    entryOffset,
    queueOffset: record.queueOffset,
    physicalOffset: record.commitLogOffset,
    sizeBytes: record.storeSize,
    bodyLength: record.storedBody.length,
    bodySha256: sha256(record.storedBody),
    bodyCRC: record.bodyCRC,
    flag: record.flag,
    sysFlag: record.sysFlag,
    bornTimestamp: record.bornTimestamp,
    storeTimestamp: record.storeTimestamp,
    bornHost: hex(record.bornHostBytes),
    storeHost: record.storeHost,
    reconsumeTimes: record.reconsumeTimes,
    preparedTransactionOffset: record.preparedTransactionOffset,
    properties: record.properties,
  };
}

function storeHostText(hostHex: string): string {
  const bytes = Buffer.from(hostHex, 'hex');
  return `${bytes.subarray(0, 4).join('.')}:${bytes.readInt32BE(4)}`;
}

describe.each<GoldenVariant>(['clean', 'killed', 'torn'])(
  'a store that a real Apache RocketMQ broker left behind: %s',
  (variant) => {
    let directory: TemporaryDirectory;
    let expected: GoldenExpectation;
    let store: TestStore;

    beforeEach(async () => {
      directory = await temporaryDirectory();
      await unpackGoldenStore(variant, directory.path);
      expected = await goldenExpectation(variant);
      store = await openTestStore({ path: directory.path, ...GOLDEN_FILES });
    });

    afterEach(async () => {
      await store.close();
      await directory.remove();
    });

    it('has the queues that the real broker finds in it, from the first offset to the last', () => {
      expect(expected.queues.length).toBeGreaterThan(10);
      for (const { topic, queueId, minOffset, maxOffset } of expected.queues) {
        expect({ topic, queueId, ...store.messages.queueRange(topic, queueId) }).toEqual({
          topic,
          queueId,
          minOffset,
          maxOffset,
        });
      }
    });

    it('serves every record as the real broker does, field by field and in order', async () => {
      for (const { topic, queueId, minOffset } of expected.queues) {
        const records = await allOf(store, topic, queueId, minOffset);
        const wanted = expected.records
          .filter((record) => record.topic === topic && record.queueId === queueId)
          .map((record) => ({ ...record, storeHost: storeHostText(record.storeHost), recordSha256: undefined }));
        expect(records.map((record, index) => asGolden(record, minOffset + index))).toEqual(wanted);
      }
    });

    it('gives a consumer what the Java client got', async () => {
      for (const { topic, queueId, minOffset } of expected.queues) {
        const wanted = expected.delivered.filter((message) => message.topic === topic && message.queueId === queueId);
        if (wanted.length === 0) continue;
        const all = await allOf(store, topic, queueId, minOffset);
        expect(all).toHaveLength(wanted.length);
        const records = all.filter((record) => isZlibOrPlain(record.sysFlag));
        const byOffset = new Map(wanted.map((message) => [message.queueOffset, message]));
        for (const record of records) {
          const message = byOffset.get(record.queueOffset);
          expect({
            topic: record.storedTopic,
            queueId: record.queueId,
            queueOffset: record.queueOffset,
            msgId: record.msgId,
            ...(record.tags === undefined ? {} : { tags: record.tags }),
            ...(record.keys === undefined ? {} : { keys: record.keys }),
            bodyLength: record.body.length,
            bodySha256: sha256(record.body),
            flag: record.flag,
            bornTimestamp: record.bornTimestamp,
            reconsumeTimes: record.reconsumeTimes,
            properties: record.properties,
          }).toEqual(message);
        }
      }
    });

    it('finds the offset of a time where the real broker finds it', async () => {
      expect(expected.timeQueries.length).toBeGreaterThan(100);
      for (const { topic, queueId, timestampMs, lower } of expected.timeQueries) {
        const offset = await store.messages.offsetByTime(topic, queueId, timestampMs);
        expect({ topic, queueId, timestampMs, offset }).toEqual({ topic, queueId, timestampMs, offset: lower });
      }
    });

    it('knows the topics and groups', () => {
      for (const { topic, readQueueNums, writeQueueNums, perm, order } of expected.topics) {
        expect(store.topics.get(topic)).toMatchObject({ topicName: topic, readQueueNums, writeQueueNums, perm, order });
      }
      for (const { group, retryMaxTimes, retryQueueNums } of expected.groups) {
        expect(store.groups.get(group)).toMatchObject({ groupName: group, retryMaxTimes, retryQueueNums });
      }
    });

    it('reads how far consumers and delay levels had got, though the integer keys are not quoted', async () => {
      const consumers = await store.state.open('consumerOffset.json', { snapshot, flushIntervalMs: 5000 });
      const wanted: Record<string, Record<string, number>> = {};
      for (const { topicAtGroup, queueId, offset } of expected.consumerOffsets)
        (wanted[topicAtGroup] ??= {})[queueId] = offset;
      expect(wanted).toHaveProperty(['love@madoka']);
      expect(consumers.initial).toMatchObject({ offsetTable: wanted });

      const delays = await store.state.open('delayOffset.json', { snapshot, flushIntervalMs: 5000 });
      const levels = Object.fromEntries(expected.delayOffsets.map(({ level, offset }) => [level, offset]));
      expect(levels).toHaveProperty('18', 0);
      expect(delays.initial).toMatchObject({ offsetTable: levels });
    });

    it('goes on where the real broker ended: the next message gets the next offset', async () => {
      const [{ maxPhyOffset } = { maxPhyOffset: -1 }] = expected.store;
      const queue = expected.queues.find(({ topic, queueId }) => topic === 'orders' && queueId === 1)!;
      const appended = await store.messages.append({
        topic: 'orders',
        queueId: 1,
        body: Buffer.from('one more'),
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
      });
      expect(appended).toMatchObject({ physicalOffset: maxPhyOffset, queueOffset: queue.maxOffset });
    });
  },
);
