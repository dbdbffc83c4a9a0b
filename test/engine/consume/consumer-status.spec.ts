import { InvalidOptionError, NonRetryableError } from '../../../lib/errors/index.js';
import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('orders', 1);
  await harness.createTopic('fees', 1);
});

afterEach(() => harness.close());

const fail = (): never => {
  throw new Error('no stock');
};

describe('the status of a consumer', () => {
  it('counts what becomes of messages, in each topic and in all', async () => {
    const orders = new Witness(({ body }) => {
      const text = body.toString();
      if (text === 'never') throw new NonRetryableError('never');
      return text === 'bad' ? fail() : undefined;
    });
    const consumer = await harness.subscribe('shop', [
      { topic: 'orders', handler: orders.handler, maxReconsumeTimes: 1 },
      { topic: 'fees' },
    ]);
    await harness.send('orders', ['good', 'bad', 'never']);
    await harness.send('fees', ['f1', 'f2']);
    await harness.advance(10_000);
    const ofOrders = { consumed: 1, failed: 3, retried: 1, deadLettered: 2, timedOut: 0, filtered: 0 };
    const ofFees = { consumed: 2, failed: 0, retried: 0, deadLettered: 0, timedOut: 0, filtered: 0 };
    const status = consumer.status();
    expect(status.subscriptions).toEqual([
      { topic: 'orders', paused: false, running: 0, ...ofOrders },
      { topic: 'fees', paused: false, running: 0, ...ofFees },
    ]);
    expect(status).toMatchObject({ ...ofOrders, consumed: 3, group: 'shop', messageModel: 'CLUSTERING' });
  });

  it('counts an orderly attempt that fails as one that is retried', async () => {
    const consumer = await harness.subscribe('shop', { handler: fail, consumeMode: 'ORDERLY', maxReconsumeTimes: 2 });
    await harness.send('orders', ['m']);
    await harness.advance(2000);
    expect(consumer.status()).toMatchObject({ failed: 3, retried: 2, deadLettered: 1, consumed: 0 });
  });

  it.each([
    ['by their tags', { type: 'TAG', expression: 'A' }],
    ['by a condition', { type: 'SQL92', expression: "TAGS = 'A'" }],
  ] as const)('counts what the selector passes over %s', async (_, selector) => {
    const consumer = await harness.subscribe('shop', { selector });
    for (const tags of ['A', 'B', 'A', 'C', 'B']) await harness.send('orders', [tags], { tags });
    expect(consumer.status()).toMatchObject({ consumed: 2, filtered: 3 });
  });

  it('shows handlers and messages in hand, and how far behind each queue is', async () => {
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { handler: gate.handler, concurrency: 2 });
    await harness.send('orders', numbered('m', 5));
    gate.end('m0');
    await harness.settle();
    expect(consumer.status()).toMatchObject({ state: 'running', running: 2, prefetched: 4 });
    expect(consumer.status().queues).toContainEqual({
      topic: 'orders',
      queueId: 0,
      committedOffset: 1,
      maxOffset: 5,
      lag: 4,
      prefetched: 4,
    });
    gate.endAll();
  });

  it('is closed from the call of close on, without queues', async () => {
    const consumer = await harness.subscribe('shop', {});
    await harness.send('orders', ['m']);
    const closing = consumer.close({ timeoutMs: 0 });
    expect(consumer.status()).toMatchObject({ state: 'closed', consumed: 1, queues: [] });
    await closing;
  });
});

describe('a pause', () => {
  it('of one topic leaves the others alone, its retries included', async () => {
    const orders = new Witness(({ reconsumeTimes }) => (reconsumeTimes === 0 ? fail() : undefined));
    const fees = new Witness();
    const consumer = await harness.subscribe('shop', [
      { topic: 'orders', handler: orders.handler },
      { topic: 'fees', handler: fees.handler },
    ]);
    await harness.send('orders', ['o1']);
    consumer.pause('orders');
    await harness.send('orders', ['o2']);
    await harness.send('fees', ['f1']);
    await harness.advance(10_000);
    expect(orders.attempts).toEqual(['o1#1']);
    expect(fees.bodies).toEqual(['f1']);
    expect(consumer.status()).toMatchObject({
      state: 'running',
      subscriptions: [
        { topic: 'orders', paused: true },
        { topic: 'fees', paused: false },
      ],
    });
    consumer.resume('orders');
    await harness.settle();
    expect(orders.attempts.slice(1).toSorted()).toEqual(['o1#2', 'o2#1']);
  });

  it('of every topic is a pause of the consumer, and ends with its resumption', async () => {
    const consumer = await harness.subscribe('shop', [{ topic: 'orders' }, { topic: 'fees' }]);
    consumer.pause('orders');
    consumer.pause('fees');
    expect(consumer.status().state).toBe('paused');
    consumer.resume();
    expect(consumer.status().state).toBe('running');
  });

  it('may be there from the beginning: no handler runs before the resumption', async () => {
    await harness.send('orders', ['o1']);
    const orders = new Witness();
    const consumer = await harness.subscribe('shop', { handler: orders.handler }, { paused: true });
    await harness.settle();
    expect([consumer.status().state, orders.bodies]).toEqual(['paused', []]);
    consumer.resume();
    await harness.settle();
    expect(orders.bodies).toEqual(['o1']);
  });

  it('of a topic that the member does not have is refused', async () => {
    const consumer = await harness.subscribe('shop', {});
    expect(() => consumer.pause('fees')).toThrow(InvalidOptionError);
    expect(() => consumer.resume('fees')).toThrow(InvalidOptionError);
  });
});
