import { deflateSync } from 'node:zlib';

import { DelayLevelService, RetryService } from '../../../lib/engine/delivery/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { SysFlag, type SendBackOptions, type StoredRecord } from '../../../lib/engine/types/index.js';
import { draftOf, StoreHarness } from './store-harness.js';

const GROUP = 'billing';
const RETRY_TOPIC = '%RETRY%billing';
const DEAD_LETTER_TOPIC = '%DLQ%billing';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const DEFAULTS: SendBackOptions = { group: GROUP, delayLevel: 0, maxReconsumeTimes: 16 };
const PROPERTIES = { KEYS: 'k1 k2', TAGS: 'TagA', UNIQ_KEY: 'U1', shop: 'a' };

async function open(messageDelayLevel?: string): Promise<{
  harness: StoreHarness;
  retry: RetryService;
  readonly close: () => Promise<void>;
}> {
  const harness = await StoreHarness.open(messageDelayLevel === undefined ? {} : { messageDelayLevel });
  const delays = new DelayLevelService(harness.context, harness.levels);
  await delays.start();
  const close = async (): Promise<void> => {
    await delays.close();
    await harness.close();
  };
  return { harness, retry: new RetryService(harness.context, harness.levels), close };
}

const lastOf = async (harness: StoreHarness, topic: string): Promise<StoredRecord | undefined> =>
  (await harness.read(topic)).at(-1);

describe('a message that its handler could not do', () => {
  it('comes again after 10 s, 30 s, 1 m … 2 h, sixteen times, and is then a dead letter', async () => {
    const { harness, retry, close } = await open();
    const minutes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30].map((count) => count * MINUTE);
    const waitsMs = [10 * SECOND, 30 * SECOND, ...minutes, HOUR, 2 * HOUR];
    let message = await harness.append(draftOf('orders', 'body', PROPERTIES));
    const first = message;
    for (const [index, waitMs] of waitsMs.entries()) {
      expect(await retry.sendBack(message, DEFAULTS)).toBe('RETRY');
      await harness.advance(waitMs - 1);
      expect(await harness.read(RETRY_TOPIC)).toHaveLength(index);
      await harness.advance(1);
      expect(await harness.read(RETRY_TOPIC)).toHaveLength(index + 1);
      message = (await lastOf(harness, RETRY_TOPIC))!;
      expect(message.reconsumeTimes).toBe(index + 1);
    }
    expect(await retry.sendBack(message, DEFAULTS)).toBe('DEAD_LETTER');
    const deadLetters = await harness.read(DEAD_LETTER_TOPIC);
    expect(deadLetters).toHaveLength(1);
    expect(deadLetters[0]).toMatchObject({
      body: Buffer.from('body'),
      keys: 'k1 k2',
      tags: 'TagA',
      msgId: 'U1',
      reconsumeTimes: 17,
      bornTimestamp: first.bornTimestamp,
      bornHost: first.bornHost,
    });
    expect(deadLetters[0]!.properties).toMatchObject({
      shop: 'a',
      RETRY_TOPIC: 'orders',
      ORIGIN_MESSAGE_ID: first.offsetMsgId,
      WAIT: 'false',
      DELAY: '0',
    });
    await close();
  });

  it('comes again as the message that it was: topic, keys, ids and first record', async () => {
    const { harness, retry, close } = await open();
    const first = await harness.append({ ...draftOf('orders', 'body', PROPERTIES), flag: 5 });
    await retry.sendBack(first, DEFAULTS);
    await harness.advance(10 * SECOND);
    const second = (await lastOf(harness, RETRY_TOPIC))!;
    await retry.sendBack(second, DEFAULTS);
    await harness.advance(30 * SECOND);
    for (const message of await harness.read(RETRY_TOPIC)) {
      expect(message).toMatchObject({
        topic: 'orders',
        storedTopic: RETRY_TOPIC,
        body: Buffer.from('body'),
        keys: 'k1 k2',
        tags: 'TagA',
        msgId: 'U1',
        flag: 5,
        bornTimestamp: first.bornTimestamp,
        bornHost: first.bornHost,
      });
      expect(message.properties['ORIGIN_MESSAGE_ID']).toBe(first.offsetMsgId);
      expect(message.properties['RETRY_TOPIC']).toBe('orders');
    }
    await close();
  });

  it('keeps a compressed body as it is stored', async () => {
    const { harness, retry, close } = await open();
    const compressed = deflateSync(Buffer.from('long '.repeat(1000)));
    const sysFlag = SysFlag.COMPRESSED | SysFlag.MULTI_TAGS;
    const first = await harness.append({ ...draftOf('orders', ''), body: compressed, sysFlag });
    await retry.sendBack(first, DEFAULTS);
    await harness.advance(10 * SECOND);
    const again = (await lastOf(harness, RETRY_TOPIC))!;
    expect(again.storedBody.equals(compressed)).toBe(true);
    expect(again.sysFlag).toBe(sysFlag);
    expect(again.body.toString()).toBe('long '.repeat(1000));
    await close();
  });

  it('is on disk again, in the schedule topic, when sendBack resolves', async () => {
    const { harness, retry, close } = await open();
    const first = await harness.append({ ...draftOf('orders', 'body', { WAIT: 'false' }), waitStoreMsgOK: false });
    await retry.sendBack(first, DEFAULTS);
    const survivor = await harness.crashed();
    expect(await survivor.read('SCHEDULE_TOPIC_XXXX', 2)).toHaveLength(1);
    await survivor.close();
    await close();
  });

  it('is a dead letter also when its properties have no room for more: then it goes without the longest of them', async () => {
    const { harness, retry, close } = await open();
    const room = 32_767 - Buffer.byteLength(formatProperties({ ...PROPERTIES, note: '.' }));
    const note = 'n'.repeat(room + 1);
    const full = await harness.append(draftOf('orders', 'body', { ...PROPERTIES, note }));
    // There is nothing that a retry could do without.
    await expect(retry.sendBack(full, DEFAULTS)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    const options = { ...DEFAULTS, delayLevel: -1, deadLetterProperties: { DLQ_REASON: 'FORBIDDEN' } };
    expect(await retry.sendBack(full, options)).toBe('DEAD_LETTER');
    const letter = (await lastOf(harness, DEAD_LETTER_TOPIC))!;
    const { note: left, ...others } = letter.properties;
    expect(left).toBeUndefined();
    expect(others).toMatchObject({ ...PROPERTIES, RETRY_TOPIC: 'orders', DLQ_REASON: 'FORBIDDEN' });
    expect(harness.logger.warnings).toEqual([expect.stringContaining('note')]);
    await close();
  });

  it('is a dead letter without its keys and its tag when these take all the room', async () => {
    const { harness, retry, close } = await open();
    const properties = { UNIQ_KEY: 'U1', KEYS: 'k'.repeat(16_300), TAGS: 't'.repeat(16_400) };
    const full = await harness.append(draftOf('orders', 'body', properties));
    expect(await retry.sendBack(full, { ...DEFAULTS, delayLevel: -1 })).toBe('DEAD_LETTER');
    const letter = (await lastOf(harness, DEAD_LETTER_TOPIC))!;
    expect(letter).toMatchObject({ msgId: 'U1', tags: undefined, keys: 'k'.repeat(16_300) });
    expect(letter.properties).toMatchObject({ RETRY_TOPIC: 'orders' });
    await close();
  });

  it('is handed back to the caller when it could not be stored', async () => {
    const { harness, close } = await open();
    const message = await harness.append(draftOf('orders', 'body'));
    harness.refuseAppends(() => true);
    const retry = new RetryService(harness.context, harness.levels);
    await expect(retry.sendBack(message, DEFAULTS)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await close();
  });
});

describe('what the listener asks for', () => {
  it.each([
    ['a delay level', { delayLevel: 5 }, MINUTE],
    ['a delay level beyond the table: the highest', { delayLevel: 99 }, 2 * HOUR],
  ])('%s', async (_, options, waitMs) => {
    const { harness, retry, close } = await open();
    expect(await retry.sendBack(await harness.append(draftOf('orders', 'x')), { ...DEFAULTS, ...options })).toBe(
      'RETRY',
    );
    await harness.advance(waitMs - 1);
    expect(await harness.read(RETRY_TOPIC)).toHaveLength(0);
    await harness.advance(1);
    expect(await harness.read(RETRY_TOPIC)).toHaveLength(1);
    await close();
  });

  it.each([
    ['a dead letter at once', { delayLevel: -1 }, 0],
    ['no retries', { maxReconsumeTimes: 0 }, 0],
    ['two retries, after them', { maxReconsumeTimes: 2 }, 2],
  ])('%s', async (_, options, reconsumeTimes) => {
    const { harness, retry, close } = await open();
    const message = await harness.append({ ...draftOf('orders', 'x'), reconsumeTimes });
    expect(await retry.sendBack(message, { ...DEFAULTS, ...options })).toBe('DEAD_LETTER');
    expect(await harness.read(DEAD_LETTER_TOPIC)).toHaveLength(1);
    await harness.advance(3 * HOUR);
    expect(await harness.read(RETRY_TOPIC)).toHaveLength(0);
    await close();
  });

  it('two retries, before them', async () => {
    const { harness, retry, close } = await open();
    const message = await harness.append({ ...draftOf('orders', 'x'), reconsumeTimes: 1 });
    expect(await retry.sendBack(message, { ...DEFAULTS, maxReconsumeTimes: 2 })).toBe('RETRY');
    await close();
  });

  it('waits no longer than the highest level of a short table', async () => {
    const { harness, retry, close } = await open('1s 5s');
    await retry.sendBack(await harness.append(draftOf('orders', 'x')), DEFAULTS);
    await harness.advance(5 * SECOND);
    expect(await harness.read(RETRY_TOPIC)).toHaveLength(1);
    await close();
  });
});

describe('retry and dead letter topics', () => {
  it('are made when they are needed, with one queue that can be read and written', async () => {
    const { harness, retry, close } = await open();
    const message = await harness.append(draftOf('orders', 'x'));
    expect(harness.context.topics.get(RETRY_TOPIC)).toBeUndefined();
    await retry.sendBack(message, DEFAULTS);
    expect(harness.context.topics.get(RETRY_TOPIC)).toMatchObject({ readQueueNums: 1, writeQueueNums: 1, perm: 6 });
    expect(harness.context.topics.get(DEAD_LETTER_TOPIC)).toBeUndefined();
    await retry.sendBack(message, { ...DEFAULTS, delayLevel: -1 });
    expect(harness.context.topics.get(DEAD_LETTER_TOPIC)).toMatchObject({
      readQueueNums: 1,
      writeQueueNums: 1,
      perm: 6,
    });
    await close();
  });

  it('of a group with several retry queues get messages in all of them', async () => {
    const harness = await StoreHarness.open();
    await harness.close();
    const file = await harness.fileSystem.open('/store/config/subscriptionGroup.json', 'create');
    await file.write(Buffer.from('{"subscriptionGroupTable":{"billing":{"retryQueueNums":3}}}'), 0);
    await file.close();
    const reopened = await harness.reopened();
    const delays = new DelayLevelService(reopened.context, reopened.levels);
    await delays.start();
    const retry = new RetryService(reopened.context, reopened.levels);
    const message = await reopened.append(draftOf('orders', 'x'));
    for (let i = 0; i < 30; i++) await retry.sendBack(message, DEFAULTS);
    await reopened.advance(10 * SECOND);
    const counts = await Promise.all(
      [0, 1, 2].map(async (queueId) => (await reopened.read(RETRY_TOPIC, queueId)).length),
    );
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts[0]! + counts[1]! + counts[2]!).toBe(30);
    await delays.close();
    await reopened.close();
  });
});
