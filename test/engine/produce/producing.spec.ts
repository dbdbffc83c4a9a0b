import fc from 'fast-check';

import { resolveBrokerOptions } from '../../../lib/engine/broker-options.js';
import { DelayLevelTable, toScheduled } from '../../../lib/engine/delivery/index.js';
import { checkDeliverTime, recallHandleOf, toTimer } from '../../../lib/engine/delivery/timer/index.js';
import { ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import {
  BodyCompressor,
  FailurePacer,
  MessageProducer,
  RequestTable,
  TopicRoute,
  UniqueIds,
} from '../../../lib/engine/produce/index.js';
import { offsetMessageIds } from '../../../lib/engine/store/index.js';
import type { Message, MessageExt, PullBatch } from '../../../lib/engine/types/index.js';
import {
  MessageIllegalError,
  MessageTooLargeError,
  NameIllegalError,
  NoPermissionError,
  NotARequestError,
  RequestTimeoutError,
  SendTimeoutError,
  TopicNotExistError,
} from '../../../lib/errors/index.js';
import { openTestStore, type TestStore } from '../../support/test-store.js';

const DAY_MS = 86_400_000;
const levels = DelayLevelTable.parse(resolveBrokerOptions().messageDelayLevel);

describe('producing', () => {
  let store: TestStore;
  let clock: ManualClock;
  let producer: MessageProducer;
  let requests: RequestTable;
  let refusal: Error | undefined;

  const build = (options: { autoCreateTopics?: boolean } = {}): MessageProducer => {
    const random = new SeededRandom(1);
    requests = new RequestTable({ clock, random, clientId: 'test' });
    return new MessageProducer({
      store: store.messages,
      clock,
      route: new TopicRoute(store.topics, random, { autoCreateTopics: true, defaultTopicQueueNums: 4, ...options }),
      ids: new UniqueIds(clock, random, Uint8Array.from([10, 0, 0, 1]), 4711),
      limits: { maxBodyBytes: 4 * 1024 * 1024, maxDelayLevel: levels.maxLevel },
      compressor: new BodyCompressor(4096, { begin: () => () => undefined }),
      requests,
      brokerName: 'broker-a',
      offsetMsgId: offsetMessageIds(store.options.storeHost),
      schedule: toScheduled,
      timers: {
        checkTime: (deliverAtMs) => checkDeliverTime(deliverAtMs, clock.now(), 3 * DAY_MS),
        schedule: (draft, deliverAtMs) => (deliverAtMs <= clock.now() ? draft : toTimer(draft, deliverAtMs)),
        recallHandle: (draft) => recallHandleOf(draft, 'broker-a'),
      },
      prepare: () => Promise.reject(new Error('no transactions here')),
      refusal: () => refusal,
      failures: new FailurePacer(clock),
      abandon: () => undefined,
    });
  };
  const send = (message: Partial<Message>, timeoutMs?: number): ReturnType<MessageProducer['send']> =>
    producer.send({ topic: 't', body: Buffer.from('x'), ...message }, { timeoutMs });
  const all = async (topic = 't', queueId = 0): Promise<readonly MessageExt[]> => {
    const batch: PullBatch = await store.messages.pull({ topic, queueId, offset: 0, maxCount: 1000, maxBytes: 1e9 });
    return batch.messages;
  };

  beforeEach(async () => {
    clock = new ManualClock();
    refusal = undefined;
    store = await openTestStore({
      path: '/store',
      clock,
      fileSystem: new MemoryFileSystem(),
      mappedFileSizeCommitLogBytes: 16 * 1024 * 1024,
    });
    producer = build();
  });

  afterEach(async () => {
    producer.close();
    await store.close();
  });

  it('answers with where the message lies', async () => {
    const result = await send({ queueId: 2, tags: 'a', keys: 'k1 k2' });
    const [message] = await all('t', 2);
    expect(result).toEqual({
      sendStatus: 'SEND_OK',
      msgId: message!.msgId,
      offsetMsgId: message!.offsetMsgId,
      messageQueue: { topic: 't', brokerName: 'broker-a', queueId: 2 },
      queueOffset: 0,
    });
    expect(result.msgId).toMatch(/^0A0000011267[0-9A-F]{20}$/);
    expect(message).toMatchObject({ tags: 'a', keys: 'k1 k2', bornTimestamp: clock.now() });
  });

  it('goes round robin over the queues of a topic that it creates', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => send({})));
    const queueIds = results.map(({ messageQueue }) => messageQueue.queueId);
    expect(queueIds.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(store.topics.get('t')).toMatchObject({ readQueueNums: 4, writeQueueNums: 4, perm: 6 });
  });

  it('makes one queue for dead letters that are sent by hand, in which they are looked for', async () => {
    for (let count = 0; count < 5; count++) await send({ topic: '%DLQ%shop' });
    expect(await all('%DLQ%shop')).toHaveLength(5);
  });

  it('sends all messages of one key to one queue, by the hash that RocketMQ uses', async () => {
    // Java's hashes: 2598919, 2567159, and −2147483648, whose absolute value is negative in Java.
    for (const [shardingKey, queueId] of [
      ['TagA', 2_598_919 % 4],
      ['TAG1', 2_567_159 % 4],
      ['polygenelubricants', 0],
    ] as const) {
      expect((await send({ shardingKey })).messageQueue.queueId).toBe(queueId);
      expect((await all('t', queueId)).at(-1)!.properties['__SHARDINGKEY']).toBe(shardingKey);
    }
  });

  it('gives every message an id of its own', async () => {
    const results = await Promise.all(Array.from({ length: 500 }, () => send({})));
    expect(new Set(results.map(({ msgId }) => msgId)).size).toBe(500);
  });

  it('refuses to create a topic where that is forbidden', async () => {
    producer = build({ autoCreateTopics: false });
    await expect(send({ topic: 'missing' })).rejects.toBeInstanceOf(TopicNotExistError);
    expect(store.topics.get('missing')).toBeUndefined();
  });

  it('refuses to send to a topic that may not be written', async () => {
    await send({});
    await store.topics.put({ ...store.topics.get('t')!, perm: 4 });
    await expect(send({})).rejects.toBeInstanceOf(NoPermissionError);
  });

  it.each([-3_600_000, 3_600_000])(
    'gives up a send when its time is over, though the wall clock is set by %i ms',
    async (stepMs) => {
      await send({});
      const startMs = clock.monotonicMs();
      const ended: number[] = [];
      for (const timeoutMs of [1000, 3000]) {
        send({}, timeoutMs).catch(() => ended.push(clock.monotonicMs() - startMs));
        await clock.advance(0, () => Promise.resolve());
        clock.stepWallClock(stepMs);
        // Of the same timeout: it must not go with the first one.
        await clock.advance(500, () => Promise.resolve());
        send({}, timeoutMs).catch(() => ended.push(clock.monotonicMs() - startMs));
      }
      await clock.advance(5000, () => Promise.resolve());
      expect(ended).toEqual([1000, 1500, 3500, 4000]);
    },
  );

  it('lets others have their turns while somebody whose sends are refused tries again without waiting', async () => {
    refusal = new Error('no room');
    setImmediate(() => {
      refusal = undefined;
    });
    let attempts = 0;
    for (let sent = false; !sent && attempts < 10_000; attempts++) {
      sent = await send({}).then(
        () => true,
        () => false,
      );
    }
    expect(attempts).toBeLessThan(1000);
  });

  it('gives up each send when its own time is over', async () => {
    await send({});
    const outcomes = [3000, 1000].map((timeoutMs) => {
      const outcome = { timeoutMs, endedMs: -1, error: undefined as unknown };
      send({}, timeoutMs).catch((error: unknown) => Object.assign(outcome, { endedMs: clock.now(), error }));
      return outcome;
    });
    const startMs = clock.now();
    // The settling is empty, so the disk gets no turn of the event loop while the time passes.
    await clock.advance(3000, () => Promise.resolve());
    for (const { timeoutMs, endedMs, error } of outcomes) {
      expect(error).toBeInstanceOf(SendTimeoutError);
      expect(endedMs - startMs).toBe(timeoutMs);
    }
  });

  describe('compresses', () => {
    const text = 'the quick brown fox '.repeat(500);

    it('bodies over the threshold, and hands them out as they were', async () => {
      await send({ queueId: 0, body: Buffer.from(text) });
      const [message] = await all();
      expect(message!.sysFlag).toBe(0x301);
      expect(message!.storeSize).toBeLessThan(1000);
      expect(message!.body.toString()).toBe(text);
    });

    it('large bodies beside the event loop, with the same result', async () => {
      const large = Buffer.from(text.repeat(20));
      await send({ queueId: 0, body: large });
      const [message] = await all();
      expect(message!.sysFlag).toBe(0x301);
      expect(message!.body.equals(large)).toBe(true);
    });

    it('neither small bodies nor what would not become smaller', async () => {
      const random = new SeededRandom(7);
      const noise = Buffer.from(Array.from({ length: 5000 }, () => random.nextInt(256)));
      await send({ queueId: 0, body: Buffer.from('x'.repeat(4095)) });
      await send({ queueId: 0, body: noise });
      expect((await all()).map(({ sysFlag }) => sysFlag)).toEqual([0, 0]);
      expect((await all())[1]!.body.equals(noise)).toBe(true);
    });
  });

  describe('sends a batch', () => {
    const batch = (messages: Partial<Message>[]): ReturnType<MessageProducer['sendBatch']> =>
      producer.sendBatch(
        messages.map((message) => ({ topic: 't', body: Buffer.from('x'), ...message })),
        undefined,
      );

    it('with consecutive offsets in one queue, each message with its own id and properties', async () => {
      const bodies = Array.from({ length: 10 }, (_, i) => Buffer.from(`${i}`));
      const [result] = await Promise.all([
        batch(bodies.map((body, i) => ({ body, keys: `k${i}` }))),
        send({}),
        send({}),
      ]);
      const { queueId } = result.messageQueue;
      const messages = (await all('t', queueId)).slice(result.queueOffset, result.queueOffset + 10);
      expect(messages.map(({ body }) => body.toString())).toEqual(bodies.map(String));
      expect(messages.map(({ keys }) => keys)).toEqual(bodies.map((_, i) => `k${i}`));
      expect(result.msgId.split(',')).toEqual(messages.map(({ msgId }) => msgId));
      expect(result.offsetMsgId.split(',')).toEqual(messages.map(({ offsetMsgId }) => offsetMsgId));
    });

    it.each([
      ['nothing', []],
      ['two topics', [{}, { topic: 'u' }]],
      ['a delayed message', [{}, { delayLevel: 1 }]],
      ['a message delayed by milliseconds', [{}, { delayMs: 1 }]],
      ['a message with a time', [{}, { deliverAtMs: 1 }]],
      ['mixed waitStoreMsgOK', [{}, { waitStoreMsgOK: false }]],
      ['an empty body', [{}, { body: Buffer.alloc(0) }]],
    ])('but not one of %s', async (_what, messages) => {
      await send({ queueId: 0 });
      await expect(batch(messages)).rejects.toBeInstanceOf(MessageIllegalError);
      expect((await all()).length).toBe(1);
    });

    it('but not one that is over the limit in all', async () => {
      const body = Buffer.alloc(1024 * 1024);
      await expect(batch([{ body }, { body }, { body }, { body }, {}])).rejects.toBeInstanceOf(MessageTooLargeError);
    });
  });

  describe('asks and answers', () => {
    const asked = async (topic: string): Promise<MessageExt> => {
      for (;;) {
        for (const queueId of [0, 1, 2, 3]) {
          const messages = await all(topic, queueId);
          if (messages.length > 0) return messages.at(-1)!;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const reply = (text: string): { body: Buffer; properties: Record<string, string> } => ({
      body: Buffer.from(text),
      properties: { from: 'test' },
    });

    it('each request with its own answer', async () => {
      const a = producer.request({ topic: 'a', body: Buffer.from('a?') }, undefined);
      const b = producer.request({ topic: 'b', body: Buffer.from('b?') }, undefined);
      expect(requests.answer(await asked('b'), reply('b!'))).toBe(true);
      expect(requests.answer(await asked('a'), reply('a!'))).toBe(true);
      expect(Buffer.from((await a).body).toString()).toBe('a!');
      expect(Buffer.from((await b).body).toString()).toBe('b!');
      expect((await a).properties).toEqual({ from: 'test' });
    });

    it('until the time is over; the late answer is dropped and counted', async () => {
      const failure = producer
        .request({ topic: 'a', body: Buffer.from('?') }, { timeoutMs: 500 })
        .catch((e: unknown) => e);
      const request = await asked('a');
      await clock.advance(500, () => store.activity.whenIdle());
      expect(await failure).toBeInstanceOf(RequestTimeoutError);
      expect(requests.answer(request, reply('late'))).toBe(false);
      expect(requests.lateReplies).toBe(1);
    });

    it('nothing that is no request, and no request that can not be sent', async () => {
      await send({ queueId: 0 });
      const [message] = await all();
      expect(() => requests.answer(message!, reply('?'))).toThrow(NotARequestError);
      await expect(producer.request({ topic: 'a b', body: Buffer.from('?') }, undefined)).rejects.toBeInstanceOf(
        NameIllegalError,
      );
    });
  });

  describe('refuses bad input before anything is stored:', () => {
    it.each([{ delayLevel: 1 }, { delayMs: 1 }, { deliverAtMs: 1 }])(
      'a half message or a request with %p',
      async (delay) => {
        const message = { topic: 't', body: Buffer.from('x'), ...delay };
        await expect(producer.sendHalf(message, 'pg', undefined)).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
        await expect(producer.request(message, undefined)).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
        expect(store.topics.get('t')).toBeUndefined();
      },
    );

    const refused = async (message: Partial<Message>): Promise<{ code: string; message: string }> => {
      const before = store.messages.queueRange('t', 0).maxOffset;
      const failure: unknown = await send({ queueId: 0, ...message }).catch((error: unknown) => error);
      expect(store.messages.queueRange('t', 0).maxOffset).toBe(before);
      return failure as { code: string; message: string };
    };

    it('every character that a topic may not have', async () => {
      const illegal = fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 1 })
        .filter((c) => !/[%|a-zA-Z0-9_-]/.test(c));
      await fc.assert(
        fc.asyncProperty(illegal, async (character) => {
          expect(await refused({ topic: `t${character}` })).toMatchObject({ code: 'NAME_ILLEGAL' });
        }),
        { numRuns: 50 },
      );
    });

    it.each([
      ['an empty topic', { topic: '' }, 'NAME_ILLEGAL'],
      ['a topic of 128 characters', { topic: 't'.repeat(128) }, 'NAME_ILLEGAL'],
      ['a topic of the broker', { topic: 'SCHEDULE_TOPIC_XXXX' }, 'NAME_ILLEGAL'],
      ['the half topic', { topic: 'RMQ_SYS_TRANS_HALF_TOPIC' }, 'NAME_ILLEGAL'],
      ['an empty body', { body: Buffer.alloc(0) }, 'MESSAGE_ILLEGAL'],
      ['a body that is text', { body: 'text' as unknown as Buffer }, 'MESSAGE_ILLEGAL'],
      ['a body that is missing', { body: undefined as unknown as Buffer }, 'MESSAGE_ILLEGAL'],
      ['a body one byte over the limit', { body: Buffer.alloc(4 * 1024 * 1024 + 1) }, 'MESSAGE_TOO_LARGE'],
      ['properties of 32,768 bytes', { properties: { p: 'ü'.repeat(16_384) } }, 'MESSAGE_TOO_LARGE'],
      ['a reserved property', { properties: { TAGS: 'x' } }, 'MESSAGE_ILLEGAL'],
      ['a separator in a property', { properties: { p: 'a\u0001b' } }, 'MESSAGE_ILLEGAL'],
      ['a separator in a name', { properties: { 'p\u0002': 'a' } }, 'MESSAGE_ILLEGAL'],
      ['a blank property', { properties: { p: ' ' } }, 'MESSAGE_ILLEGAL'],
      ['a separator in keys', { keys: 'a\u0002b' }, 'MESSAGE_ILLEGAL'],
      ['two tags', { tags: 'a||b' }, 'MESSAGE_ILLEGAL'],
      ['the tag of all tags', { tags: '*' }, 'MESSAGE_ILLEGAL'],
      ['a tag that begins with a blank', { tags: ' a' }, 'MESSAGE_ILLEGAL'],
      ['a tag that ends with a blank', { tags: 'a\t' }, 'MESSAGE_ILLEGAL'],
      ['a body of 16-bit numbers', { body: new Uint16Array([1]) as unknown as Uint8Array }, 'MESSAGE_ILLEGAL'],
      [
        'a body that is a view of no array',
        { body: new DataView(new ArrayBuffer(1)) as unknown as Uint8Array },
        'MESSAGE_ILLEGAL',
      ],
      ['delay level −1', { delayLevel: -1 }, 'MESSAGE_ILLEGAL'],
      ['delay level 1.5', { delayLevel: 1.5 }, 'MESSAGE_ILLEGAL'],
      ['delay level 19', { delayLevel: 19 }, 'MESSAGE_ILLEGAL'],
      ['delay level NaN', { delayLevel: Number.NaN }, 'MESSAGE_ILLEGAL'],
      ['a delay of −1 ms', { delayMs: -1 }, 'MESSAGE_ILLEGAL'],
      ['a delay of 1.5 ms', { delayMs: 1.5 }, 'MESSAGE_ILLEGAL'],
      ['a delay of NaN', { delayMs: Number.NaN }, 'MESSAGE_ILLEGAL'],
      ['an infinite delay', { delayMs: Infinity }, 'MESSAGE_ILLEGAL'],
      ['a delay that is text', { delayMs: '5' as unknown as number }, 'MESSAGE_ILLEGAL'],
      ['a delay over the limit', { delayMs: 3 * DAY_MS + 1 }, 'TIMER_DELAY_TOO_LONG'],
      ['a delay far over the limit', { delayMs: Number.MAX_VALUE }, 'TIMER_DELAY_TOO_LONG'],
      ['a time over the limit', { deliverAtMs: Number.MAX_SAFE_INTEGER }, 'TIMER_DELAY_TOO_LONG'],
      ['a time that is none', { deliverAtMs: Number.NaN }, 'MESSAGE_ILLEGAL'],
      ['a Date where milliseconds belong', { deliverAtMs: new Date(0) as unknown as number }, 'MESSAGE_ILLEGAL'],
      ['a level and a delay', { delayLevel: 1, delayMs: 1000 }, 'MESSAGE_ILLEGAL'],
      ['a level and a time', { delayLevel: 1, deliverAtMs: 0 }, 'MESSAGE_ILLEGAL'],
      ['a delay and a time', { delayMs: 0, deliverAtMs: 0 }, 'MESSAGE_ILLEGAL'],
      ['a queue that is not there', { queueId: 4 }, 'MESSAGE_ILLEGAL'],
      ['a flag of 33 bits', { flag: 2 ** 32 }, 'MESSAGE_ILLEGAL'],
      ['a blank sharding key', { shardingKey: '' }, 'MESSAGE_ILLEGAL'],
    ])('%s', async (_what, message, code) => {
      await send({});
      expect(await refused(message)).toMatchObject({ code });
    });

    it.each([undefined, null, 'text', 7])('%p in place of a message, or of a batch', async (what) => {
      const code = 'MESSAGE_ILLEGAL';
      await expect(producer.send(what as unknown as Message, undefined)).rejects.toMatchObject({ code });
      await expect(producer.request(what as unknown as Message, undefined)).rejects.toMatchObject({ code });
      await expect(producer.sendHalf(what as unknown as Message, 'p', undefined)).rejects.toMatchObject({ code });
      await expect(producer.sendBatch(what as unknown as Message[], undefined)).rejects.toMatchObject({ code });
      await expect(producer.sendBatch([what as unknown as Message], undefined)).rejects.toMatchObject({ code });
    });

    it.each([0, -1, Number.NaN, Infinity])('a timeout of %s', async (timeoutMs) => {
      await expect(send({}, timeoutMs)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        fields: { option: 'timeoutMs' },
      });
    });

    it('but takes a body of exactly the limit, and properties of exactly 32,767 bytes', async () => {
      await send({ queueId: 0, body: Buffer.alloc(4 * 1024 * 1024, 1) });
      const taken = 'UNIQ_KEY'.length + 2 + 32 + 'p'.length + 2;
      await send({ queueId: 0, properties: { p: 'x'.repeat(32_767 - taken) } });
      expect((await all()).map(({ body }) => body.length)).toEqual([4 * 1024 * 1024, 1]);
      expect(await refused({ properties: { p: 'x'.repeat(32_768 - taken) } })).toMatchObject({
        code: 'MESSAGE_TOO_LARGE',
      });
    });
  });
});
