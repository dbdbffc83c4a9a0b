import { NonRetryableError } from '../../../lib/errors/index.js';
import { RECONSUME_LATER, type MessageExt } from '../../../lib/engine/types/index.js';
import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('orders', 2);
});

afterEach(() => harness.close());

const ORDERLY = { consumeMode: 'ORDERLY' } as const;
const failOn =
  (body: string, lastFailure = Infinity) =>
  (message: MessageExt): void => {
    if (message.body.toString() === body && message.reconsumeTimes < lastFailure) throw new Error('not yet');
  };

describe('an orderly listener', () => {
  it.each([
    ['returns', () => undefined],
    ['resolves', () => Promise.resolve()],
  ])('gets the messages of each queue in order when it %s', async (_, answer) => {
    const witness = new Witness(answer);
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler });
    for (let i = 0; i < 50; i++) await harness.send('orders', [`q${i % 2}-${Math.floor(i / 2)}`], { queueId: i % 2 });
    for (const queue of ['q0', 'q1']) {
      expect(witness.bodies.filter((body) => body.startsWith(queue))).toEqual(numbered(`${queue}-`, 25));
    }
  });

  it('handles one message of a queue at a time, and several queues at once', async () => {
    await harness.send('orders', numbered('a', 3), { queueId: 0 });
    await harness.send('orders', numbered('b', 3), { queueId: 1 });
    const gate = new Gate();
    await harness.subscribe('shop', { ...ORDERLY, handler: gate.handler, concurrency: 20 });
    await harness.settle();
    expect(gate.running).toEqual(['a0', 'b0']);
    gate.end('a0');
    await harness.settle();
    expect(gate.running).toEqual(['b0', 'a1']);
    gate.endAll();
  });

  it('keeps to its concurrency over all queues', async () => {
    await harness.send('orders', numbered('a', 3), { queueId: 0 });
    await harness.send('orders', numbered('b', 3), { queueId: 1 });
    const gate = new Gate();
    await harness.subscribe('shop', { ...ORDERLY, handler: gate.handler, concurrency: 1 });
    await harness.settle();
    const order: string[] = [];
    while (gate.running.length > 0) {
      expect(gate.running).toHaveLength(1);
      order.push(...gate.running);
      gate.endAll();
      await harness.settle();
    }
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
  });

  it('tries a failed message again before those behind it, while other queues go on', async () => {
    const witness = new Witness(failOn('a1', 2));
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler });
    await harness.send('orders', numbered('a', 4), { queueId: 0 });
    await harness.send('orders', numbered('b', 2), { queueId: 1 });
    expect(witness.attempts).toEqual(['a0#1', 'a1#1', 'b0#1', 'b1#1']);
    expect(harness.offsets('orders', 'shop')).toEqual([1, 2]);
    await harness.advance(999);
    expect(witness.seen).toHaveLength(4);
    await harness.advance(1);
    expect(witness.attempts.slice(4)).toEqual(['a1#2']);
    await harness.advance(1000);
    expect(witness.attempts.slice(5)).toEqual(['a1#3', 'a2#1', 'a3#1']);
    expect(harness.offsets('orders', 'shop')).toEqual([4, 2]);
    expect(harness.logger.errors).toHaveLength(2);
  });

  it('does the same when it asks for a retry, without an error in the log', async () => {
    const witness = new Witness(({ reconsumeTimes }) => (reconsumeTimes === 0 ? RECONSUME_LATER : undefined));
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler });
    await harness.send('orders', ['a0', 'a1']);
    await harness.advance(2000);
    expect(witness.attempts).toEqual(['a0#1', 'a0#2', 'a1#1', 'a1#2']);
    expect(harness.logger.errors).toEqual([]);
  });

  it.each([
    [-1, 1000],
    [0, 10],
    [5, 10],
    [250, 250],
    [90_000, 30_000],
  ])('with a suspend time of %i ms waits %i ms', async (suspendCurrentQueueTimeMs, waitMs) => {
    const witness = new Witness(failOn('m'));
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler, suspendCurrentQueueTimeMs });
    await harness.send('orders', ['m']);
    await harness.advance(waitMs - 1);
    expect(witness.seen).toHaveLength(1);
    await harness.advance(1);
    expect(witness.seen).toHaveLength(2);
  });

  it('goes on trying for ever unless it is told otherwise', async () => {
    const witness = new Witness(failOn('m'));
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler });
    await harness.send('orders', ['m', 'n']);
    await harness.advance(100_000);
    expect(witness.attempts).toEqual(Array.from({ length: 101 }, (_, i) => `m#${i + 1}`));
  });

  it('makes a dead letter of a message after maxReconsumeTimes, and the queue goes on', async () => {
    const witness = new Witness(failOn('m'));
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler, maxReconsumeTimes: 3 });
    await harness.send('orders', ['m', 'n']);
    await harness.advance(3000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3', 'm#4', 'n#1']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
    expect(harness.offsets('orders', 'shop')).toEqual([2, 0]);
  });

  it('makes a dead letter at once of a message that can never be handled', async () => {
    const witness = new Witness(({ body }) => {
      if (body.toString() === 'm') throw new NonRetryableError();
    });
    await harness.subscribe('shop', { ...ORDERLY, handler: witness.handler });
    await harness.send('orders', ['m', 'n']);
    expect(witness.attempts).toEqual(['m#1', 'n#1']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
  });

  it('keeps the queue standing while a dead letter can not be stored', async () => {
    let isBroken = true;
    const sendBack = (): Promise<'DEAD_LETTER'> =>
      isBroken ? Promise.reject(new Error('disk full')) : Promise.resolve('DEAD_LETTER');
    const own = await ConsumeHarness.open({}, { sendBack });
    await own.createTopic('orders', 1);
    const witness = new Witness(failOn('m'));
    await own.subscribe('shop', { ...ORDERLY, handler: witness.handler, maxReconsumeTimes: 0 });
    await own.send('orders', ['m', 'n']);
    await own.advance(1000);
    expect(witness.attempts).toEqual(['m#1', 'm#2']);
    isBroken = false;
    await own.advance(1000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3', 'n#1']);
    await own.close();
  });

  it('keeps the order when its queue goes to another member while a handler is running', async () => {
    await harness.send('orders', numbered('a', 3), { queueId: 1 });
    const first = new Gate();
    await harness.subscribe('shop', { ...ORDERLY, handler: first.handler }, { clientId: 'a' });
    await harness.settle();
    expect(first.running).toEqual(['a0']);
    const second = new Witness();
    await harness.subscribe('shop', { ...ORDERLY, handler: second.handler }, { clientId: 'b' });
    await harness.settle();
    expect(second.bodies).toEqual([]);
    first.end('a0');
    await harness.settle();
    expect(second.bodies).toEqual(['a1', 'a2']);
    expect(harness.offsets('orders', 'shop')).toEqual([0, 3]);
  });

  it('counts the attempts on when its queue goes to another member between two of them', async () => {
    await harness.send('orders', ['m', 'n'], { queueId: 1 });
    const first = new Witness(failOn('m'));
    const consumer = await harness.subscribe('shop', { ...ORDERLY, handler: first.handler }, { clientId: 'a' });
    const second = new Witness();
    await harness.settle();
    await harness.subscribe('shop', { ...ORDERLY, handler: second.handler }, { clientId: 'b' });
    await consumer.close({ timeoutMs: 0 });
    expect(second.attempts).toEqual([]);
    await harness.advance(1000);
    expect(first.attempts).toEqual(['m#1']);
    expect(second.attempts).toEqual(['m#2', 'n#1']);
  });

  it('that was given up leaves the message first in its queue', async () => {
    await harness.send('orders', numbered('a', 3), { queueId: 0 });
    const stuck = new Gate();
    const first = await harness.subscribe('shop', { ...ORDERLY, handler: stuck.handler }, { clientId: 'a' });
    const second = new Witness();
    await harness.subscribe('shop', { ...ORDERLY, handler: second.handler }, { clientId: 'b' });
    await harness.settle();
    const closing = first.close({ timeoutMs: 500 });
    await harness.advance(500);
    expect(await closing).toBe(1);
    await harness.settle();
    expect(second.bodies).toEqual(['a0', 'a1', 'a2']);
    stuck.endAll();
  });
});
