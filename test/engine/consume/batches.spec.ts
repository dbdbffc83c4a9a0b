import { BatchResultError, InvalidOptionError, NonRetryableError } from '../../../lib/errors/index.js';
import { RECONSUME_LATER, type MessageExt } from '../../../lib/engine/types/index.js';
import { BatchWitness, ConsumeHarness, numbered } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('orders', 1);
});

afterEach(() => harness.close());

const fail = (): never => {
  throw new Error('no stock');
};

describe('a concurrent handler of batches', () => {
  it('gets what is there, in the order of the queue, at most batchSize at once, and each message once', async () => {
    await harness.send('orders', numbered('m', 10));
    const witness = new BatchWitness();
    await harness.subscribe('shop', { batchHandler: witness.handler, batchSize: 4 });
    await harness.settle();
    expect(witness.bodies).toEqual([
      ['m0', 'm1', 'm2', 'm3'],
      ['m4', 'm5', 'm6', 'm7'],
      ['m8', 'm9'],
    ]);
    await harness.send('orders', ['n']);
    expect(witness.bodies[3]).toEqual(['n']);
    expect(harness.offsets('orders', 'shop')).toEqual([11]);
  });

  it('gets messages of one queue and topic at a time', async () => {
    await harness.createTopic('fees', 3);
    for (const queueId of [0, 1, 2]) await harness.send('fees', numbered(`q${queueId}-`, 5), { queueId });
    const witness = new BatchWitness();
    await harness.subscribe('shop', { topic: 'fees', batchHandler: witness.handler, batchSize: 8 });
    await harness.settle();
    expect(witness.seen.map((batch) => new Set(batch.map(({ queueId }) => queueId)).size)).toEqual([1, 1, 1]);
  });

  it('runs at most `concurrency` times at once', async () => {
    await harness.send('orders', numbered('m', 100));
    const running: (() => void)[] = [];
    const witness = new BatchWitness(() => new Promise<void>((resolve) => running.push(resolve)));
    await harness.subscribe('shop', { batchHandler: witness.handler, batchSize: 10, concurrency: 3 });
    await harness.settle();
    expect(witness.seen).toHaveLength(3);
    running[1]!();
    await harness.settle();
    expect(witness.seen).toHaveLength(4);
    // The first ten are not done, and the offset waits for the first of them.
    expect(harness.offsets('orders', 'shop')).toEqual([0]);
    for (const end of running) end();
    await harness.settle();
    for (const end of running) end();
  });

  it('never gets a message that the selector does not want', async () => {
    const selector = { type: 'TAG', expression: 'A' } as const;
    const witness = new BatchWitness();
    await harness.subscribe('shop', { batchHandler: witness.handler, selector });
    for (const tags of ['A', 'B', 'A']) await harness.send('orders', [`m${tags}`], { tags });
    expect(witness.bodies.flat()).toEqual(['mA', 'mA']);
    expect(harness.offsets('orders', 'shop')).toEqual([3]);
  });

  it.each<[string, () => unknown, number]>([
    ['throws', fail, 1],
    ['rejects', () => Promise.reject(new Error('no stock')), 1],
    ['returns RECONSUME_LATER', () => RECONSUME_LATER, 0],
    ['returns 0', () => 0, 0],
  ])('that %s has all messages again, and at most one line in the log', async (_, answer, lines) => {
    const witness = new BatchWitness(answer);
    await harness.send('orders', ['a', 'b', 'c']);
    await harness.subscribe('shop', { batchHandler: witness.handler, maxReconsumeTimes: 1 });
    await harness.settle();
    expect(harness.offsets('orders', 'shop')).toEqual([3]);
    expect(harness.logger.errors).toHaveLength(lines);
    await harness.advance(10_000);
    expect(witness.attempts[0]).toEqual(['a#1', 'b#1', 'c#1']);
    expect(witness.attempts.slice(1).flat().toSorted()).toEqual(['a#2', 'b#2', 'c#2']);
    expect((await harness.bodiesIn('%DLQ%shop')).toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('that fails names its messages in the log', async () => {
    const witness = new BatchWitness(fail);
    await harness.send('orders', numbered('m', 10));
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.settle();
    const line =
      /Attempt 1 of consumer group "shop" at 10 messages of topic "orders" \(m0, m1, .*m7 and 2 more\) failed: no stock/;
    expect(harness.logger.errors).toEqual([expect.stringMatching(line)]);
  });

  it.each<[string, () => unknown]>([
    ['returns how many it has done', () => 2],
    ['resolves with it', () => Promise.resolve(2)],
  ])('that %s has only the others again', async (_, answer) => {
    const witness = new BatchWitness((bodies) => (bodies.length === 3 ? answer() : undefined));
    await harness.send('orders', ['a', 'b', 'c']);
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.advance(10_000);
    expect(witness.attempts).toEqual([['a#1', 'b#1', 'c#1'], ['c#2']]);
    expect(harness.logger.errors).toEqual([]);
  });

  it.each([3, 1, undefined, 'done', { failures: [0] }])('that returns %j is done with one message', async (answer) => {
    const isDone = answer !== 3;
    const witness = new BatchWitness(() => answer);
    await harness.send('orders', ['a']);
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.settle();
    expect(harness.logger.errors).toHaveLength(isDone ? 0 : 1);
  });

  it.each([-1, 4, 1.5, Number.NaN, Infinity])('that returns the impossible number %d fails', async (answer) => {
    const witness = new BatchWitness(() => answer);
    await harness.send('orders', ['a', 'b', 'c']);
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.advance(10_000);
    expect(witness.attempts.flat().slice(3).toSorted()).toEqual(['a#2', 'b#2', 'c#2']);
    expect(harness.logger.errors[0]).toContain('from 0 to 3');
  });

  it('that throws NonRetryableError makes dead letters of all', async () => {
    const witness = new BatchWitness(() => Promise.reject(new NonRetryableError('never')));
    await harness.send('orders', ['a', 'b']);
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.advance(60_000);
    expect(witness.attempts).toEqual([['a#1', 'b#1']]);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['a', 'b']);
  });

  it('may let single messages fail, each for its own reason; its answer is about the others', async () => {
    const witness = new BatchWitness((bodies, messages, context) => {
      if (bodies.length < 4) return undefined;
      context.fail(messages[0]!, new NonRetryableError('broken'));
      context.fail(messages[2]!);
      return 1;
    });
    await harness.send('orders', ['a', 'b', 'c', 'd']);
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.advance(10_000);
    // Of b and d, the first is done.
    expect(witness.attempts.slice(1).flat().toSorted()).toEqual(['c#2', 'd#2']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['a']);
    expect(harness.logger.errors).toEqual([expect.stringContaining('broken')]);
  });

  it('can not let a message fail that it was not given', async () => {
    const before: MessageExt[] = [];
    const errors: unknown[] = [];
    const witness = new BatchWitness((_, messages, context) => {
      try {
        for (const message of before) context.fail(message);
      } catch (error) {
        errors.push(error);
      }
      before.push(...messages);
    });
    await harness.subscribe('shop', { batchHandler: witness.handler });
    await harness.send('orders', ['a']);
    await harness.send('orders', ['b']);
    expect(errors).toEqual([expect.any(BatchResultError)]);
    expect(harness.offsets('orders', 'shop')).toEqual([2]);
  });

  it('that is given up at close has its messages again in their order', async () => {
    await harness.send('orders', numbered('m', 6));
    const never = new BatchWitness(() => new Promise(() => undefined));
    const consumer = await harness.subscribe('shop', { batchHandler: never.handler, batchSize: 2, concurrency: 2 });
    await harness.settle();
    expect(await consumer.close({ timeoutMs: 0 })).toBe(2);
    const witness = new BatchWitness();
    await harness.subscribe('shop', { batchHandler: witness.handler, batchSize: 2 });
    await harness.settle();
    expect(witness.bodies.flat()).toEqual(numbered('m', 6));
  });
});

describe('an orderly handler of batches', () => {
  const orderly = { consumeMode: 'ORDERLY' } as const;

  it('that throws has the same messages again after the pause, before all others', async () => {
    let isOpen = false;
    const witness = new BatchWitness(() => (isOpen ? undefined : fail()));
    await harness.send('orders', numbered('m', 4));
    await harness.subscribe('shop', { ...orderly, batchHandler: witness.handler, batchSize: 3 });
    await harness.advance(999);
    expect(witness.attempts).toEqual([['m0#1', 'm1#1', 'm2#1']]);
    isOpen = true;
    await harness.advance(1);
    expect(witness.attempts.slice(1)).toEqual([['m0#2', 'm1#2', 'm2#2'], ['m3#1']]);
    expect(harness.offsets('orders', 'shop')).toEqual([4]);
  });

  it('that returns how many it has done goes on with the next one, and only that has been tried', async () => {
    const witness = new BatchWitness((bodies) => (bodies[0] === 'm0' ? 1 : undefined));
    await harness.send('orders', numbered('m', 3));
    await harness.subscribe('shop', { ...orderly, batchHandler: witness.handler });
    await harness.settle();
    expect(harness.offsets('orders', 'shop')).toEqual([1]);
    await harness.advance(1000);
    expect(witness.attempts).toEqual([
      ['m0#1', 'm1#1', 'm2#1'],
      ['m1#2', 'm2#1'],
    ]);
  });

  it('that lets one message fail has those behind it again, too', async () => {
    const witness = new BatchWitness((bodies, messages, context) => {
      if (bodies.length === 3) context.fail(messages[1]!, new Error('not yet'));
    });
    await harness.send('orders', numbered('m', 3));
    await harness.subscribe('shop', { ...orderly, batchHandler: witness.handler });
    await harness.advance(1000);
    expect(witness.attempts).toEqual([
      ['m0#1', 'm1#1', 'm2#1'],
      ['m1#2', 'm2#1'],
    ]);
  });

  it('goes on without a pause when the one that fails is a dead letter', async () => {
    const witness = new BatchWitness((bodies, messages, context) => {
      if (bodies[0] === 'm0') context.fail(messages[0]!, new NonRetryableError('broken'));
    });
    await harness.send('orders', numbered('m', 3));
    await harness.subscribe('shop', { ...orderly, batchHandler: witness.handler });
    await harness.settle();
    expect(witness.attempts[1]).toEqual(['m1#1', 'm2#1']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m0']);
  });

  it('makes dead letters of those that have no attempt left, and keeps the order of the others', async () => {
    const witness = new BatchWitness(fail);
    await harness.send('orders', ['m0']);
    await harness.subscribe('shop', { ...orderly, batchHandler: witness.handler, maxReconsumeTimes: 1 });
    await harness.settle();
    await harness.send('orders', ['m1']);
    await harness.advance(2000);
    expect(witness.attempts).toEqual([['m0#1'], ['m0#2', 'm1#1'], ['m1#2']]);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m0', 'm1']);
    expect(harness.offsets('orders', 'shop')).toEqual([2]);
    expect(harness.logger.errors[1]).toContain('Of these, 1 are not tried again.');
  });

  it('runs once at a time per queue, and leaves the other queues alone', async () => {
    await harness.createTopic('steps', 2);
    const witness = new BatchWitness((bodies) => (bodies[0]!.startsWith('bad') ? fail() : undefined));
    await harness.subscribe('shop', { ...orderly, topic: 'steps', batchHandler: witness.handler, batchSize: 2 });
    await harness.send('steps', numbered('bad', 3), { queueId: 0 });
    await harness.send('steps', numbered('good', 4), { queueId: 1 });
    expect(harness.offsets('steps', 'shop')).toEqual([0, 4]);
    expect(witness.bodies.filter(([first]) => first!.startsWith('bad'))).toEqual([['bad0', 'bad1']]);
  });
});

describe('a broadcast batch', () => {
  it('is done although it failed', async () => {
    const witness = new BatchWitness(fail);
    await harness.send('orders', ['a', 'b']);
    await harness.subscribe('shop', { batchHandler: witness.handler }, { messageModel: 'BROADCASTING' });
    await harness.advance(60_000);
    expect(witness.attempts).toEqual([['a#1', 'b#1']]);
  });
});

describe('the options of batches', () => {
  const handler = (): undefined => undefined;

  it.each([
    ['a size of 0', { batchHandler: handler, batchSize: 0 }],
    ['a size over 1024', { batchHandler: handler, batchSize: 1025 }],
    ['a size that is no whole number', { batchHandler: handler, batchSize: 1.5 }],
    ['a size without a batch handler', { handler, batchSize: 2 }],
    ['both handlers', { handler, batchHandler: handler }],
    ['no handler', { handler: undefined }],
    ['a batch handler that is no function', { batchHandler: 'store' as never }],
  ])('are refused: %s', async (_, subscription) => {
    await expect(harness.subscribe('shop', subscription)).rejects.toThrow(InvalidOptionError);
  });
});
