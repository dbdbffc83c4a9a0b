import { EmbeddedBroker, ManualClock, SilentLogger } from '../../../lib/engine/index.js';
import { Gate } from '../../support/gate.js';
import { HookedFileSystem } from '../../support/hooked-file-system.js';
import { numbered, pollNow, PullHarness, queue } from './pull-harness.js';

let harness: PullHarness;

beforeEach(async () => {
  harness = await PullHarness.open();
  await harness.createTopic('log', 1);
  await harness.send('log', 0, numbered('m', 10));
});

afterEach(() => harness.close());

describe('what a poll returned', () => {
  it('is consumed when the next poll is called, and not before', async () => {
    const consumer = await harness.subscribed();
    await pollNow(consumer, 3);
    await harness.advance(60_000);
    expect(harness.committed()).toEqual([0]);
    await pollNow(consumer, 3);
    await harness.advance(5000);
    expect(harness.committed()).toEqual([3]);
  });

  it('is committed every five seconds, or as told', async () => {
    const consumer = await harness.subscribed();
    await pollNow(consumer, 2);
    await pollNow(consumer, 2);
    await harness.advance(4999);
    expect(harness.committed()).toEqual([0]);
    await harness.advance(1);
    expect(harness.committed()).toEqual([2]);

    const quick = await harness.subscribed({ group: 'quick', autoCommitIntervalMs: 100 });
    await pollNow(quick, 2);
    await pollNow(quick, 2);
    await harness.advance(100);
    expect(harness.committed('log', 'quick')).toEqual([2]);
  });

  it('is committed also while the next poll waits', async () => {
    const consumer = await harness.subscribed();
    await pollNow(consumer);
    const waiting = consumer.poll({ timeoutMs: 60_000 });
    await harness.advance(5000);
    expect(harness.committed()).toEqual([10]);
    await consumer.close();
    expect(await waiting).toEqual([]);
  });

  it('comes again after a crash in its handling: the last poll, and what was not on disk', async () => {
    const consumer = await harness.subscribed();
    await pollNow(consumer, 3);
    await pollNow(consumer, 3);
    // Committed after five seconds, and on disk after five more.
    await harness.advance(10_000);
    const later = await harness.crash();
    expect(await pollNow(await later.subscribed())).toEqual(numbered('m', 7, 3));
    await later.close();
  });

  it('is not committed by close: what was polled last may not be done', async () => {
    const consumer = await harness.subscribed();
    await pollNow(consumer, 3);
    await pollNow(consumer, 3);
    await consumer.close();
    expect(harness.committed()).toEqual([3]);
    harness = await harness.restart();
    expect(await pollNow(await harness.subscribed(), 1)).toEqual(['m3']);
  });
});

describe('commit', () => {
  it('takes in what the last poll returned, and is on disk when it resolves', async () => {
    const consumer = await harness.subscribed({ autoCommit: false });
    await pollNow(consumer, 4);
    await consumer.commit();
    const later = await harness.crash();
    expect(await pollNow(await later.subscribed())).toEqual(numbered('m', 6, 4));
    await later.close();
  });

  it('does not take in what was read ahead', async () => {
    const consumer = await harness.subscribed({ pullBatchSize: 10 });
    await pollNow(consumer, 1);
    await consumer.commit();
    expect(harness.committed()).toEqual([1]);
  });

  it('is the only thing that commits when autoCommit is false', async () => {
    const consumer = await harness.subscribed({ autoCommit: false });
    await pollNow(consumer, 4);
    await pollNow(consumer, 4);
    await harness.advance(60_000);
    expect(harness.committed()).toEqual([0]);
    await consumer.close();
    expect(harness.committed()).toEqual([0]);
    expect(await pollNow(await harness.subscribed(), 1)).toEqual(['m0']);
  });

  it('is told by committed, to every consumer of the group', async () => {
    const consumer = await harness.create();
    expect(await consumer.committed(queue(0))).toBeUndefined();
    await consumer.subscribe('log');
    await pollNow(consumer, 4);
    await consumer.commit();
    const other = await harness.create();
    expect(await other.committed(queue(0))).toBe(4);
  });

  it('of assigned queues leaves no trace before it is called, with autoCommit false', async () => {
    const consumer = await harness.create({ autoCommit: false });
    await consumer.assign([queue(0)]);
    await pollNow(consumer, 4);
    await harness.advance(60_000);
    expect(harness.committed()).toEqual([undefined]);
    await consumer.commit();
    expect(harness.committed()).toEqual([4]);
  });
});

describe('a message that a loop over the consumer yields', () => {
  it('is consumed when the next one is asked for', async () => {
    const consumer = await harness.subscribed({ autoCommitIntervalMs: 1 });
    const committed: unknown[] = [];
    for await (const message of consumer) {
      await harness.advance(1);
      committed.push(harness.committed()[0]);
      if (message.queueOffset === 3) break;
    }
    expect(committed).toEqual([0, 1, 2, 3]);
    await consumer.close();
    expect(await pollNow(await harness.subscribed(), 1)).toEqual(['m3']);
  });

  it('can be committed before the loop is left', async () => {
    const consumer = await harness.subscribed();
    for await (const message of consumer) {
      if (message.queueOffset < 3) continue;
      await consumer.commit();
      break;
    }
    expect(harness.committed()).toEqual([4]);
  });

  it('comes again when the loop was left by an error', async () => {
    const consumer = await harness.subscribed();
    const loop = async (): Promise<void> => {
      for await (const message of consumer) if (message.queueOffset === 2) throw new Error('handling failed');
    };
    await expect(loop()).rejects.toThrow('handling failed');
    await consumer.close();
    expect(await pollNow(await harness.subscribed(), 1)).toEqual(['m2']);
  });
});

describe('where a new group begins', () => {
  it('is on disk when subscribe resolves, so that a crash does not move it', async () => {
    const { clock } = harness.store;
    await harness.advance(1000);
    const rule = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: clock.now() } as const;
    await harness.subscribed(rule);
    await harness.send('log', 0, ['before the crash']);
    const later = await harness.crash();
    await later.advance(1000);
    const again = await later.subscribed({ ...rule, consumeTimestampMs: clock.now() });
    expect(await pollNow(again)).toEqual(['before the crash']);
    await later.close();
  });

  it('is on disk when subscribe resolves, also after the disk has refused it once', async () => {
    await harness.advance(1000);
    const rule = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: harness.store.clock.now() } as const;
    const { fileSystem } = harness.store;
    const open = fileSystem.open.bind(fileSystem);
    fileSystem.open = (path, mode) =>
      path.includes('consumerOffset') ? Promise.reject(new Error('EIO')) : open(path, mode);
    await expect(harness.subscribed(rule)).rejects.toMatchObject({ code: 'STATE_WRITE_FAILED' });
    fileSystem.open = open;
    await harness.subscribed(rule);
    const later = await harness.crash();
    expect(later.committed()).toEqual([10]);
    await later.close();
  });

  it('gives way to an offset that somebody sets while it is being written for assign', async () => {
    const clock = new ManualClock();
    const files = new HookedFileSystem(clock);
    const broker = new EmbeddedBroker(
      { store: { path: '/store' } },
      { fileSystem: files, clock, logger: new SilentLogger() },
    );
    await broker.start();
    await broker.admin.topics.create('t', { queueNums: 1 });
    for (const body of numbered('m', 3)) await broker.send({ topic: 't', body: Buffer.from(body) });
    const consumer = await broker.createPullConsumer({ group: 'g', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
    const writing = new Gate();
    const held = new Gate();
    files.hook = async (operation, path) => {
      if (operation !== 'write' || !path.includes('consumerOffset')) return;
      writing.open();
      await held.opened;
    };
    const assigned = consumer.assign(await consumer.queues('t'));
    await writing.opened;
    const moved = broker.admin.groups.resetToOffset('g', { topic: 't', queueId: 0, offset: 2 });
    held.open();
    await Promise.all([assigned, moved]);
    expect(await pollNow(consumer)).toEqual(['m2']);
    await broker.close();
  });

  it('is on disk when assign resolves, with automatic commits', async () => {
    await harness.advance(1000);
    const rule = { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs: harness.store.clock.now() } as const;
    const consumer = await harness.create(rule);
    await consumer.assign([queue(0)]);
    const later = await harness.crash();
    expect(later.committed()).toEqual([10]);
    await later.close();
  });

  it.each([
    ['CONSUME_FROM_FIRST_OFFSET', 'CLUSTERING', numbered('m', 10)],
    ['CONSUME_FROM_LAST_OFFSET', 'CLUSTERING', numbered('m', 10)],
    ['CONSUME_FROM_FIRST_OFFSET', 'BROADCASTING', numbered('m', 10)],
    ['CONSUME_FROM_LAST_OFFSET', 'BROADCASTING', []],
  ] as const)(
    'by %s in %s follows the same rule as for listeners',
    async (consumeFromWhere, messageModel, expected) => {
      expect(await pollNow(await harness.subscribed({ consumeFromWhere, messageModel }))).toEqual(expected);
    },
  );

  it('by CONSUME_FROM_TIMESTAMP is half an hour ago unless a time is given', async () => {
    await harness.advance(10 * 60_000);
    await harness.send('log', 0, ['late']);
    await harness.advance(25 * 60_000);
    expect(await pollNow(await harness.subscribed({ consumeFromWhere: 'CONSUME_FROM_TIMESTAMP' }))).toEqual(['late']);
  });
});
