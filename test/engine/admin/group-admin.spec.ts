import { AdminHarness } from './admin-harness.js';

describe('the admin API, groups', () => {
  let harness: AdminHarness;

  beforeEach(async () => {
    harness = await AdminHarness.open();
    await harness.admin.topics.create('orders', { queueNums: 2 });
  });

  afterEach(() => harness.close());

  it('lists the groups with what they consume, also when nobody is there', async () => {
    const listening = await harness.listen('g', 'orders');
    expect(harness.admin.groups.list()).toEqual([
      { group: 'g', messageModel: 'CLUSTERING', memberCount: 1, topics: ['orders'], consumeEnable: true },
    ]);
    await listening.stop();
    await harness.restart();
    expect(harness.admin.groups.list()).toEqual([
      { group: 'g', messageModel: undefined, memberCount: 0, topics: ['orders'], consumeEnable: true },
    ]);
    expect(harness.admin.groups.get('g').memberCount).toBe(0);
  });

  it('takes a broadcasting group to be where its slowest member is', async () => {
    await harness.listen('g', 'orders', undefined, { clientId: 'fast', messageModel: 'BROADCASTING' });
    const slow = await harness.listen('g', 'orders', undefined, { clientId: 'slow', messageModel: 'BROADCASTING' });
    await harness.sendAll('orders', ['a', 'b'], { queueId: 1 });
    expect(await harness.admin.groups.lag('g')).toMatchObject({ totalLag: 0 });
    slow.consumer.pause();
    await harness.sendAll('orders', ['c'], { queueId: 1 });
    expect(await harness.admin.groups.lag('g')).toMatchObject({
      totalLag: 1,
      queues: [{ lag: 0 }, { queueId: 1, committedOffset: 2, lag: 1, owner: 'slow' }],
    });
  });

  it('lists members and who of them has which queue', async () => {
    const a = await harness.listen('g', 'orders', undefined, { clientId: 'a' });
    await harness.listen('g', 'orders', undefined, { clientId: 'b' });
    expect(harness.admin.groups.members('g')).toEqual([
      { clientId: 'a', paused: false, running: 0, queues: [{ topic: 'orders', queueId: 0 }] },
      { clientId: 'b', paused: false, running: 0, queues: [{ topic: 'orders', queueId: 1 }] },
    ]);
    await a.stop();
    const [left] = harness.admin.groups.members('g');
    expect(left?.queues).toHaveLength(2);
  });

  it('tells how many messages a group has not consumed, queue by queue', async () => {
    const listening = await harness.listen('g', 'orders', undefined, { clientId: 'me' });
    const startMs = harness.clock.now();
    await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
    listening.consumer.pause();
    await harness.sendAll('orders', ['c', 'd', 'e'], { queueId: 1 });
    expect(await harness.admin.groups.lag('g', { topic: 'orders' })).toEqual({
      group: 'g',
      totalLag: 3,
      retryLag: 0,
      queues: [
        {
          topic: 'orders',
          queueId: 0,
          minOffset: 0,
          maxOffset: 2,
          committedOffset: 2,
          lag: 0,
          consumedTimestampMs: startMs + 1000,
          owner: 'me',
        },
        {
          topic: 'orders',
          queueId: 1,
          minOffset: 0,
          maxOffset: 3,
          committedOffset: 0,
          lag: 3,
          consumedTimestampMs: undefined,
          owner: 'me',
        },
      ],
    });
    listening.consumer.resume();
    await harness.settle();
    expect((await harness.admin.groups.lag('g')).totalLag).toBe(0);
  });

  it.each([
    ['succeeds', () => undefined],
    [
      'fails',
      () => {
        throw new Error('simulated failure');
      },
    ],
  ])('keeps a queue in order that is moved while its handler runs, which then %s', async (_, end) => {
    const ends: (() => void)[] = [];
    let running = 0;
    let mostAtOnce = 0;
    const handle = async (): Promise<void> => {
      running += 1;
      mostAtOnce = Math.max(mostAtOnce, running);
      const isFirst = ends.length === 0;
      await new Promise<void>((resolve) => ends.push(resolve));
      running -= 1;
      if (isFirst) end();
    };
    const listening = await harness.listen('g', 'orders', handle, { subscription: { consumeMode: 'ORDERLY' } });
    await Promise.all(['a', 'b', 'c'].map((body) => harness.send('orders', body, { queueId: 0 })));
    await turns();
    expect(listening.received).toEqual(['a']);
    const back = { topic: 'orders', queueId: 0, offset: 0 };
    await harness.admin.groups.resetToOffset('g', { ...back, offset: 2 });
    await harness.admin.groups.resetToOffset('g', back);
    await turns();
    expect(listening.received).toEqual(['a']);
    for (let ended = 0; ended < 4; ended++) {
      ends[ended]?.();
      await turns();
    }
    expect(listening.received).toEqual(['a', 'a', 'b', 'c']);
    expect(mostAtOnce).toBe(1);
  });

  it('counts messages that wait for another attempt', async () => {
    let failing = true;
    const listening = await harness.listen('g', 'orders', () => {
      if (failing) throw new Error('not yet');
    });
    await harness.sendAll('orders', ['a', 'b']);
    await listening.stop();
    await harness.advance(60_000);
    const lag = await harness.admin.groups.lag('g');
    expect(lag).toMatchObject({ totalLag: 2, retryLag: 2 });
    failing = false;
    await harness.listen('g', 'orders');
    expect((await harness.admin.groups.lag('g')).totalLag).toBe(0);
  });

  describe('going back in time', () => {
    it('to the millisecond, gives a group again what was stored from then on', async () => {
      const times: number[] = [];
      for (let i = 0; i < 20; i++) {
        await harness.send('orders', `m${i}`, { queueId: i % 2 });
        times.push(harness.clock.now());
        await harness.advance(1 + (i % 3));
      }
      const first = await harness.listen('g', 'orders');
      expect(first.received).toHaveLength(20);
      await first.stop();

      for (const [index, time] of times.entries()) {
        const moves = await harness.admin.groups.resetToTimestamp('g', time);
        expect(moves.map(({ topic, queueId }) => ({ topic, queueId }))).toEqual([
          { topic: 'orders', queueId: 0 },
          { topic: 'orders', queueId: 1 },
        ]);
        const again = await harness.listen('g', 'orders');
        const wanted = Array.from({ length: 20 - index }, (_, i) => `m${index + i}`);
        expect([...again.received].toSorted()).toEqual(wanted.toSorted());
        await again.stop();
      }
      expect(await harness.admin.groups.resetToTimestamp('g', new Date(times.at(-1)! + 1))).toEqual([
        { topic: 'orders', queueId: 0, from: 10, to: 10 },
        { topic: 'orders', queueId: 1, from: 10, to: 10 },
      ]);
    });

    it('takes effect at once for members that run', async () => {
      const listening = await harness.listen('g', 'orders');
      const startMs = harness.clock.now();
      await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
      expect(listening.received).toEqual(['a', 'b', 'c']);
      await harness.admin.groups.resetToTimestamp('g', startMs + 1000, { topic: 'orders' });
      await harness.settle();
      expect(listening.received).toEqual(['a', 'b', 'c', 'b', 'c']);
      await harness.send('orders', 'd', { queueId: 0 });
      await harness.settle();
      expect(listening.received.slice(5)).toEqual(['d']);
      expect((await harness.admin.groups.lag('g')).totalLag).toBe(0);
    });

    it('lasts through a restart', async () => {
      const listening = await harness.listen('g', 'orders');
      await harness.sendAll('orders', ['a', 'b'], { queueId: 1 });
      await listening.stop();
      await harness.admin.groups.resetToTimestamp('g', 0);
      await harness.restart();
      expect(harness.admin.groups.offsets('g', { topic: 'orders' })).toEqual([
        { topic: 'orders', queueId: 0, offset: 0 },
        { topic: 'orders', queueId: 1, offset: 0 },
      ]);
      expect((await harness.listen('g', 'orders')).received).toEqual(['a', 'b']);
    });

    it('of one topic leaves the others of the group alone; of all leaves the retry topic alone', async () => {
      await harness.admin.topics.create('fees', { queueNums: 1 });
      const consumer = await harness.broker.subscribe({
        group: 'g',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        subscriptions: [
          { topic: 'orders', handler: () => undefined },
          {
            topic: 'fees',
            handler: (message) => {
              if (message.reconsumeTimes === 0) throw new Error('once more');
            },
          },
        ],
      });
      await harness.sendAll('orders', ['a'], { queueId: 0 });
      await harness.sendAll('fees', ['b']);
      await harness.advance(60_000);
      await consumer.close({ timeoutMs: 1000 });
      const before = harness.admin.groups.offsets('g');
      expect(before).toContainEqual({ topic: '%RETRY%g', queueId: 0, offset: 1 });

      await harness.admin.groups.resetToTimestamp('g', 0, { topic: 'fees' });
      expect(harness.admin.groups.offsets('g')).toEqual(
        before.map((each) => (each.topic === 'fees' ? { ...each, offset: 0 } : each)),
      );
      await harness.admin.groups.resetToTimestamp('g', 0);
      expect(harness.admin.groups.offsets('g')).toEqual(
        before.map((each) => (each.topic === '%RETRY%g' ? each : { ...each, offset: 0 })),
      );
    });

    it('drops what was fetched ahead, and lets a running handler end without moving the offset', async () => {
      let release = (): void => undefined;
      const listening = await harness.listen('g', 'orders', () => new Promise<void>((resolve) => (release = resolve)), {
        subscription: { concurrency: 1 },
      });
      for (const body of ['a', 'b', 'c']) await harness.send('orders', body, { queueId: 0 });
      await turns();
      expect(listening.received).toEqual(['a']);
      await harness.admin.groups.resetToOffset('g', { topic: 'orders', queueId: 0, offset: 2 });
      await turns();
      const running = release;
      running();
      await turns();
      expect(harness.admin.groups.offsets('g')).toContainEqual({ topic: 'orders', queueId: 0, offset: 2 });
      release();
      await harness.settle();
      expect(listening.received).toEqual(['a', 'c']);
      expect(harness.admin.groups.offsets('g')).toContainEqual({ topic: 'orders', queueId: 0, offset: 3 });
    });

    it('moves a pull consumer, too', async () => {
      await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
      const consumer = await harness.broker.createPullConsumer({
        group: 'puller',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      });
      await consumer.subscribe('orders');
      const poll = async (): Promise<string[]> =>
        (await consumer.poll({ timeoutMs: 0, maxCount: 10 })).map(({ body }) => body.toString());
      expect(await poll()).toEqual(['a', 'b']);
      await consumer.commit();
      await harness.admin.groups.resetToTimestamp('puller', 0);
      expect(await poll()).toEqual(['a', 'b']);
      await consumer.close();
    });
  });

  it('lets a group go on at an offset of one queue, or of all', async () => {
    const listening = await harness.listen('g', 'orders');
    await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
    await harness.sendAll('orders', ['d', 'e', 'f'], { queueId: 1 });
    await listening.stop();
    expect(await harness.admin.groups.resetToOffset('g', { topic: 'orders', queueId: 1, offset: 2 })).toEqual([
      { topic: 'orders', queueId: 1, from: 3, to: 2 },
    ]);
    expect(await harness.admin.groups.resetToOffset('g', { topic: 'orders', offset: 1 })).toEqual([
      { topic: 'orders', queueId: 0, from: 3, to: 1 },
      { topic: 'orders', queueId: 1, from: 2, to: 1 },
    ]);
    expect([...(await harness.listen('g', 'orders')).received].toSorted()).toEqual(['b', 'c', 'e', 'f']);
  });

  it('lets a group skip its backlog', async () => {
    const listening = await harness.listen('g', 'orders');
    await listening.stop();
    await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
    expect((await harness.admin.groups.lag('g')).totalLag).toBe(2);
    expect(await harness.admin.groups.skipBacklog('g')).toEqual([
      { topic: 'orders', queueId: 0, from: 0, to: 2 },
      { topic: 'orders', queueId: 1, from: 0, to: 0 },
    ]);
    await harness.send('orders', 'c', { queueId: 0 });
    expect((await harness.listen('g', 'orders')).received).toEqual(['c']);
  });

  it('gives one group the offsets of another', async () => {
    const listening = await harness.listen('old', 'orders');
    await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
    await listening.stop();
    await harness.sendAll('orders', ['c'], { queueId: 0 });
    expect(await harness.admin.groups.cloneOffsets('old', 'new')).toEqual([
      { topic: 'orders', queueId: 0, from: undefined, to: 2 },
      { topic: 'orders', queueId: 1, from: undefined, to: 0 },
    ]);
    await harness.restart();
    expect(harness.admin.groups.list().map(({ group }) => group)).toEqual(['new', 'old']);
    expect((await harness.listen('new', 'orders')).received).toEqual(['c']);
    expect(harness.admin.groups.offsets('old', { topic: 'orders' })[0]?.offset).toBe(2);
  });

  it('moves nothing when one of several queues does not hold the offset', async () => {
    const listening = await harness.listen('g', 'orders');
    await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
    await harness.sendAll('orders', ['d'], { queueId: 1 });
    await listening.stop();
    const before = harness.admin.groups.offsets('g');
    await expect(harness.admin.groups.resetToOffset('g', { topic: 'orders', offset: 2 })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('from 0 to 1, which queue 1 of topic "orders" holds'),
    });
    expect(harness.admin.groups.offsets('g')).toEqual(before);
  });

  it("refuses to move a broadcasting group, whose members' offsets are their own", async () => {
    const listening = await harness.listen('g', 'orders', undefined, { messageModel: 'BROADCASTING' });
    await expect(harness.admin.groups.resetToTimestamp('g', 0, { topic: 'orders' })).rejects.toMatchObject({
      code: 'UNSUPPORTED_BY_ENGINE',
    });
    await listening.stop();
  });

  describe('bad input', () => {
    beforeEach(async () => {
      const listening = await harness.listen('g', 'orders');
      await listening.stop();
    });

    it('is refused: a group that does not exist', async () => {
      const { groups } = harness.admin;
      const refusal = { code: 'GROUP_NOT_EXIST', fields: { group: 'nobody' } };
      expect(() => groups.get('nobody')).toThrow(expect.objectContaining(refusal));
      expect(() => groups.members('nobody')).toThrow(expect.objectContaining(refusal));
      expect(() => groups.offsets('nobody')).toThrow(expect.objectContaining(refusal));
      await expect(groups.lag('nobody')).rejects.toMatchObject(refusal);
      await expect(groups.resetToTimestamp('nobody', 0)).rejects.toMatchObject(refusal);
      await expect(groups.resetToOffset('nobody', { topic: 'orders', offset: 0 })).rejects.toMatchObject(refusal);
      await expect(groups.skipBacklog('nobody')).rejects.toMatchObject(refusal);
      await expect(groups.cloneOffsets('nobody', 'other')).rejects.toMatchObject(refusal);
    });

    it("is refused: the broker's own group", async () => {
      const { groups } = harness.admin;
      const refusal = { code: 'NAME_ILLEGAL', fields: { kind: 'group', name: 'CID_RMQ_SYS_TRANS' } };
      await expect(groups.skipBacklog('CID_RMQ_SYS_TRANS')).rejects.toMatchObject(refusal);
      await expect(groups.cloneOffsets('g', 'CID_RMQ_SYS_TRANS')).rejects.toMatchObject(refusal);
    });

    it('is refused: a topic that does not exist', async () => {
      const { groups } = harness.admin;
      const refusal = { code: 'TOPIC_NOT_EXIST', fields: { topic: 'nothing' } };
      const choice = { topic: 'nothing' };
      expect(() => groups.offsets('g', choice)).toThrow(expect.objectContaining(refusal));
      await expect(groups.lag('g', choice)).rejects.toMatchObject(refusal);
      await expect(groups.resetToTimestamp('g', 0, choice)).rejects.toMatchObject(refusal);
      await expect(groups.resetToOffset('g', { ...choice, offset: 0 })).rejects.toMatchObject(refusal);
      await expect(groups.skipBacklog('g', choice)).rejects.toMatchObject(refusal);
      await expect(groups.cloneOffsets('g', 'h', choice)).rejects.toMatchObject(refusal);
      expect(harness.admin.groups.list().map(({ group }) => group)).toEqual(['g']);
    });

    it.each(['', 'a b', 'x'.repeat(121), undefined, 7])('is refused: a group called %p', async (name) => {
      const refusal = { code: 'NAME_ILLEGAL' };
      await expect(harness.admin.groups.lag(name as string)).rejects.toMatchObject(refusal);
      await expect(harness.admin.groups.cloneOffsets('g', name as string)).rejects.toMatchObject(refusal);
    });

    it.each([-1, 1.5, Number.NaN, Infinity, '0', undefined, new Date('nonsense')])(
      'is refused: the time %p',
      async (time) => {
        await expect(harness.admin.groups.resetToTimestamp('g', time as number)).rejects.toMatchObject({
          code: 'INVALID_OPTION',
          fields: expect.objectContaining({ option: 'timestamp' }) as unknown,
        });
      },
    );

    it.each([
      [undefined, 'A place'],
      [null, 'A place'],
      [{ topic: 'orders', offset: -1 }, 'offset'],
      [{ topic: 'orders', offset: 1 }, 'offset'],
      [{ topic: 'orders', offset: 0.5 }, 'offset'],
      [{ topic: 'orders' }, 'offset'],
      [{ topic: 'orders', offset: 0, queueId: 2 }, 'queueId'],
      [{ topic: 'orders', offset: 0, queueId: -1 }, 'queueId'],
    ])('is refused: the place %p', async (place, option) => {
      await expect(harness.admin.groups.resetToOffset('g', place as never)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        fields: expect.objectContaining({ option }) as unknown,
      });
    });

    it('is refused: to clone a group onto itself, and an option that does not exist', async () => {
      await expect(harness.admin.groups.cloneOffsets('g', 'g')).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      await expect(harness.admin.groups.skipBacklog('g', { topics: 'orders' } as never)).rejects.toMatchObject({
        code: 'UNKNOWN_OPTION',
      });
    });
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
