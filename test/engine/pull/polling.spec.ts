import type { MessageExt, PullBatch } from '../../../lib/engine/types/index.js';
import { Gate } from '../../support/gate.js';
import { bodies, numbered, pollNow, PullHarness, queue, Watched } from './pull-harness.js';

let harness: PullHarness;

beforeEach(async () => {
  harness = await PullHarness.open();
  await harness.createTopic('log', 2);
});

afterEach(() => harness.close());

describe('a poll', () => {
  it('returns what is there, in the order of the queue, and no more than asked for', async () => {
    await harness.send('log', 0, numbered('m', 25));
    const consumer = await harness.subscribed();
    expect(bodies(await consumer.poll({ maxCount: 7 }))).toEqual(numbered('m', 7));
    expect(bodies(await consumer.poll())).toEqual(numbered('m', 10, 7));
    expect(await pollNow(consumer, 1000)).toEqual(numbered('m', 8, 17));
    expect(await pollNow(consumer)).toEqual([]);
  });

  it('returns the messages of a store that was opened anew', async () => {
    await harness.send('log', 0, numbered('m', 30));
    harness = await harness.restart();
    const consumer = await harness.subscribed();
    expect(await pollNow(consumer, 20)).toEqual(numbered('m', 20));
    expect(await pollNow(consumer, 20)).toEqual(numbered('m', 10, 20));
  });

  it('gives queues turns, so that a backlog in one does not hold up the other', async () => {
    await harness.send('log', 0, numbered('a', 1000));
    const consumer = await harness.subscribed({ pullBatchSize: 10 });
    await consumer.poll();
    await harness.send('log', 1, ['b']);
    const seen = [...(await pollNow(consumer, 10)), ...(await pollNow(consumer, 10))];
    expect(seen).toContain('b');
  });

  it('waits for the first message, and has it at once when it comes', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.advance(30_000);
    expect(poll.state).toBe('pending');
    const before = harness.store.clock.now();
    await harness.send('log', 1, ['x', 'y']);
    expect(bodies(poll.value!)).toEqual(['x', 'y']);
    expect(harness.store.clock.now()).toBe(before);
  });

  it('returns nothing when its time is over, and not before', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 50_000 }));
    await harness.advance(49_999);
    expect(poll.state).toBe('pending');
    await harness.advance(1);
    expect(poll.value).toEqual([]);
  });

  it.each([
    ['finds nothing', 0],
    ['finds something', 2000],
  ])('lets the app have its turns also in a loop that does not wait and %s', async (_what, count) => {
    await harness.send('log', 0, numbered('m', count));
    const consumer = await harness.subscribed();
    let hasTurn = false;
    setImmediate(() => {
      hasTurn = true;
    });
    for (let polls = 0; polls < 150; polls++) await consumer.poll({ timeoutMs: 0, maxCount: 10 });
    expect(hasTurn).toBe(true);
  });

  it('waits for five seconds unless told otherwise', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll());
    await harness.advance(4999);
    expect(poll.state).toBe('pending');
    await harness.advance(1);
    expect(poll.value).toEqual([]);
  });

  it('does not make the engine look busy while it waits', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 1000 }));
    await harness.settle();
    expect(harness.store.isBusy).toBe(false);
    await harness.advance(1000);
    expect(poll.state).toBe('resolved');
  });

  it('ends with nothing when the consumer is closed', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await consumer.close();
    expect(poll.value).toEqual([]);
  });

  it('ends with nothing when a consumer without queues is closed', async () => {
    await Promise.all([harness.subscribed(), harness.subscribed()]);
    const spare = await harness.subscribed();
    expect(spare.assignment()).toEqual([]);
    const poll = new Watched(spare.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await spare.close();
    expect(poll.value).toEqual([]);
  });

  it('reads no further when the consumer is closed, and close waits for what it reads', async () => {
    const gate = new Gate();
    let reads = 0;
    await harness.close();
    harness = await PullHarness.open((store) => ({
      pull: async (request): Promise<PullBatch> => {
        reads++;
        await gate.opened;
        return store.pull(request);
      },
    }));
    await harness.createTopic('log', 3);
    await harness.send('log', 2, ['m']);
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll());
    const closing = new Watched(consumer.close());
    await harness.settle();
    expect(closing.state).toBe('pending');
    gate.open();
    await harness.settle();
    expect(closing.state).toBe('resolved');
    expect(poll.value).toEqual([]);
    expect(reads).toBe(1);
  });

  it('ends with nothing when the service is closed', async () => {
    const consumer = await harness.subscribed();
    const poll = new Watched(consumer.poll({ timeoutMs: 60_000 }));
    await harness.settle();
    await harness.pull.close();
    expect(poll.value).toEqual([]);
  });

  it('leaves no timer behind', async () => {
    const consumer = await harness.subscribed({ autoCommitIntervalMs: 600_000 });
    await harness.advance(10_000);
    const timers = harness.store.clock.pendingTimers;
    const woken = new Watched(consumer.poll({ timeoutMs: 600_000 }));
    await harness.send('log', 0, ['m']);
    expect(woken.state).toBe('resolved');
    const closed = new Watched(consumer.poll({ timeoutMs: 600_000 }));
    await harness.settle();
    await consumer.close();
    expect(closed.state).toBe('resolved');
    // The store's own timers, for its checkpoint and its offsets, end meanwhile.
    await harness.advance(10_000);
    expect(harness.store.clock.pendingTimers).toBe(timers);
  });

  it('ends early when its messages are large, and the next one goes on', async () => {
    const large = Array.from({ length: 7 }, (_, index) => String(index).repeat(1024 * 1024));
    await harness.send('log', 0, large);
    const consumer = await harness.subscribed();
    const first = await pollNow(consumer);
    expect(first.length).toBeLessThan(7);
    expect([...first, ...(await pollNow(consumer))]).toEqual(large);
  });

  it('fails with what the store fails with, and loses nothing by it', async () => {
    let isBroken = false;
    await harness.close();
    harness = await PullHarness.open((store) => ({
      pull: async (request): Promise<PullBatch> => {
        if (isBroken) throw Object.assign(new Error('read failed'), { code: 'EIO' });
        return store.pull(request);
      },
    }));
    await harness.createTopic('log', 2);
    await harness.send('log', 0, numbered('m', 20));
    const consumer = await harness.subscribed();
    expect(await pollNow(consumer, 10)).toEqual(numbered('m', 10));
    isBroken = true;
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'EIO' });
    isBroken = false;
    expect(await pollNow(consumer)).toEqual(numbered('m', 10, 10));
  });

  it('gives nothing to a group that is not enabled', async () => {
    await harness.send('log', 0, ['m']);
    const consumer = await harness.subscribed();
    await harness.close();
    const path = '/store/config/subscriptionGroup.json';
    const { fileSystem } = harness.store;
    const content = (await fileSystem.readFile(path))!.toString();
    const disabled = Buffer.from(content.replace(/"consumeEnable":\s*true/, '"consumeEnable": false'));
    const file = await fileSystem.open(path, 'write');
    await file.truncate(0);
    await file.write(disabled, 0);
    await file.close();
    harness = await PullHarness.on(await harness.store.reopened());
    expect(consumer.group).toBe('readers');
    expect(await pollNow(await harness.subscribed())).toEqual([]);
  });
});

describe('between two polls', () => {
  it('less than pullBatchSize messages a queue are held in memory, however long the backlog', async () => {
    let read = 0;
    await harness.close();
    harness = await PullHarness.open((store) => ({
      pull: async (request): Promise<PullBatch> => {
        const batch = await store.pull(request);
        read += batch.messages.length;
        return batch;
      },
    }));
    await harness.createTopic('log', 4);
    for (let queueId = 0; queueId < 4; queueId++) await harness.send('log', queueId, numbered(`q${queueId}-`, 300));
    const consumer = await harness.subscribed({ pullBatchSize: 16 });
    let returned = 0;
    for (const maxCount of [1, 1, 3, 16, 17, 100, 1, 500, 2]) {
      returned += (await pollNow(consumer, maxCount)).length;
      expect(read - returned).toBeLessThan(16);
    }
    expect(returned).toBe(641);
    // What is held of a paused queue stays held.
    for (let queueId = 0; queueId < 4; queueId++) {
      returned += (await pollNow(consumer, 1)).length;
      consumer.pause([queue(queueId)]);
    }
    expect(read - returned).toBeLessThanOrEqual(4 * 16);
    expect(await pollNow(consumer)).toEqual([]);
  });
});

describe('a selector', () => {
  beforeEach(async () => {
    for (let round = 0; round < 20; round++) {
      await harness.send('log', 0, [`a${round}`], 'TagA');
      await harness.send('log', 0, [`b${round}`], 'TagB');
    }
  });

  it('of tags lets only theirs pass', async () => {
    const consumer = await harness.create();
    await consumer.subscribe('log', 'TagB || TagC');
    expect(await pollNow(consumer)).toEqual(numbered('b', 20));
  });

  it('in SQL92 lets only true ones pass', async () => {
    const consumer = await harness.create();
    await consumer.subscribe('log', { type: 'SQL92', expression: "TAGS = 'TagA'" });
    expect(await pollNow(consumer)).toEqual(numbered('a', 20));
  });

  it('can be given to assigned queues, and be changed', async () => {
    const consumer = await harness.create({ pullBatchSize: 10 });
    await consumer.assign([queue(0)], 'TagA');
    expect(await pollNow(consumer, 5)).toEqual(numbered('a', 5));
    await consumer.assign([queue(0)], 'TagB');
    expect(await pollNow(consumer)).toEqual(numbered('b', 15, 5));
  });

  it('can be changed by the only member of a group that subscribes', async () => {
    const consumer = await harness.create();
    await consumer.subscribe('log', 'TagA');
    expect(await pollNow(consumer, 5)).toEqual(numbered('a', 5));
    await consumer.subscribe('log', 'TagB');
    expect(await pollNow(consumer)).toEqual(numbered('b', 15, 5));
  });

  it('does not hold back what was found for what may be far away', async () => {
    await harness.send('log', 0, numbered('x', 2000), 'TagX');
    await harness.send('log', 0, ['last'], 'TagA');
    const consumer = await harness.create();
    await consumer.subscribe('log', 'TagA');
    expect(await pollNow(consumer)).toEqual(numbered('a', 20));
    expect(bodies(await consumer.poll())).toEqual(['last']);
  });

  it('that passes over a long backlog lets the app have its turns', async () => {
    await harness.close();
    let turns = 0;
    let isOver = false;
    const turnsAtReads: number[] = [];
    let readingMs = 0;
    harness = await PullHarness.open((store) => ({
      pull: (request) => {
        turnsAtReads.push(turns);
        readingMs += 5;
        return store.pull(request);
      },
    }));
    const { clock } = harness.store;
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => monotonicMs() + readingMs;
    await harness.createTopic('log', 1);
    await harness.send('log', 0, numbered('x', 6000), 'TagX');
    const consumer = await harness.create();
    await consumer.subscribe('log', 'Nothing');
    const count = (): void => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const poll = new Watched(consumer.poll({ timeoutMs: 1000 }));
    await harness.settle();
    isOver = true;
    expect(consumer.position(queue(0))).toBe(6000);
    expect(new Set(turnsAtReads).size).toBe(turnsAtReads.length);
    await harness.advance(1000);
    expect(poll.value).toEqual([]);
  });

  it('passes over messages for good: the offset moves past them', async () => {
    const consumer = await harness.create();
    await consumer.subscribe('log', 'Nothing');
    expect(await pollNow(consumer)).toEqual([]);
    await harness.advance(5000);
    expect(harness.committed()).toEqual([40, 0]);
  });
});

describe('iterating', () => {
  it('yields message after message, waiting where there is none, until the consumer is closed', async () => {
    const consumer = await harness.subscribed();
    const seen: string[] = [];
    const loop = (async () => {
      for await (const message of consumer) seen.push(message.body.toString());
    })();
    await harness.send('log', 0, numbered('m', 25));
    expect(seen).toEqual(numbered('m', 25));
    await harness.advance(100_000);
    await harness.send('log', 1, ['late']);
    expect(seen.at(-1)).toBe('late');
    await consumer.close();
    await loop;
    expect(seen).toHaveLength(26);
  });

  it('ends by itself when the body of the loop closes the consumer', async () => {
    await harness.send('log', 0, numbered('m', 5));
    const consumer = await harness.subscribed();
    const seen: MessageExt[] = [];
    for await (const message of consumer) {
      seen.push(message);
      if (seen.length === 3) await consumer.close();
    }
    expect(seen).toHaveLength(3);
  });
});
