import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

const MINUTE_MS = 60_000;

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('orders', 1);
});

afterEach(() => harness.close());

const never = (): Promise<never> => new Promise(() => undefined);

describe('a concurrent handler that never ends', () => {
  it('is given up after consumeTimeoutMs: its message is stored for a retry and comes again after 10 s', async () => {
    const witness = new Witness(never);
    const consumer = await harness.subscribe('shop', { handler: witness.handler, consumeTimeoutMs: MINUTE_MS });
    await harness.send('orders', ['m']);
    await harness.advance(MINUTE_MS - 1);
    expect(harness.offsets('orders', 'shop')).toEqual([0]);
    await harness.advance(1);
    expect(harness.offsets('orders', 'shop')).toEqual([1]);
    expect(consumer.status()).toMatchObject({ running: 0, timedOut: 1, failed: 1, retried: 1, consumed: 0 });
    await harness.advance(9_999);
    expect(witness.attempts).toEqual(['m#1']);
    await harness.advance(1);
    expect(witness.attempts).toEqual(['m#1', 'm#2']);
  });

  it('is logged with group, message and time', async () => {
    await harness.subscribe('shop', { handler: never, consumeTimeoutMs: MINUTE_MS });
    await harness.send('orders', ['m']);
    await harness.advance(MINUTE_MS);
    expect(harness.logger.errors).toHaveLength(1);
    for (const part of ['"shop"', 'message m ', '"orders"', '60000 ms', 'tried again later']) {
      expect(harness.logger.errors[0]).toContain(part);
    }
  });

  it('has 15 minutes when nothing else is said', async () => {
    const consumer = await harness.subscribe('shop', { handler: never });
    await harness.send('orders', ['m']);
    await harness.advance(15 * MINUTE_MS - 1);
    expect(consumer.status().timedOut).toBe(0);
    await harness.advance(1);
    expect(consumer.status().timedOut).toBe(1);
  });

  it('makes room for the next message, each handler after its own time', async () => {
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler, concurrency: 2, consumeTimeoutMs: MINUTE_MS });
    await harness.send('orders', ['m0']);
    await harness.advance(MINUTE_MS / 2);
    await harness.send('orders', numbered('n', 3));
    expect(gate.running).toEqual(['m0', 'n0']);
    await harness.advance(MINUTE_MS / 2);
    expect(gate.running).toEqual(['m0', 'n0', 'n1']);
    await harness.advance(MINUTE_MS / 2);
    expect(gate.running.slice(3)).toContain('n2');
    gate.endAll();
  });

  it('changes nothing any more when it answers late, well or badly', async () => {
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { handler: gate.handler, consumeTimeoutMs: MINUTE_MS });
    await harness.send('orders', ['good', 'bad']);
    await harness.advance(MINUTE_MS);
    const before = consumer.status();
    gate.end('good');
    gate.end('bad', new Error('past caring'));
    await harness.settle();
    expect(consumer.status()).toEqual(before);
    expect(harness.logger.errors.filter((line) => line.includes('past caring'))).toEqual([]);
    // The retries are deliveries of their own.
    await harness.advance(10_000);
    expect(gate.running.toSorted()).toEqual(['bad', 'good']);
    gate.endAll();
    await harness.settle();
    expect(consumer.status()).toMatchObject({ consumed: 2, running: 0 });
  });

  it('makes a dead letter of its message after the last attempt', async () => {
    const options = { handler: never, consumeTimeoutMs: MINUTE_MS, maxReconsumeTimes: 1 };
    const consumer = await harness.subscribe('shop', options);
    await harness.send('orders', ['m']);
    await harness.advance(3 * MINUTE_MS);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
    expect(consumer.status()).toMatchObject({ timedOut: 2, retried: 1, deadLettered: 1 });
    expect(harness.logger.errors[1]).toContain('not tried again');
  });

  it('takes its whole batch with it', async () => {
    const options = { batchHandler: never, batchSize: 4, consumeTimeoutMs: MINUTE_MS };
    await harness.send('orders', numbered('m', 3));
    const consumer = await harness.subscribe('shop', options);
    await harness.advance(MINUTE_MS);
    expect(consumer.status()).toMatchObject({ timedOut: 3, retried: 3 });
    expect(harness.offsets('orders', 'shop')).toEqual([3]);
  });

  it('is not tried again when its message is a broadcast', async () => {
    const options = { handler: never, consumeTimeoutMs: MINUTE_MS };
    const consumer = await harness.subscribe('shop', options, { messageModel: 'BROADCASTING' });
    await harness.send('orders', ['m']);
    await harness.advance(3 * MINUTE_MS);
    expect(consumer.status()).toMatchObject({ timedOut: 1, retried: 0, running: 0 });
  });

  it('does not keep a closing consumer waiting', async () => {
    const options = { handler: never, consumeTimeoutMs: MINUTE_MS };
    const consumer = await harness.subscribe('shop', options);
    await harness.send('orders', ['m']);
    await harness.advance(MINUTE_MS);
    expect(await consumer.close({ timeoutMs: 5 })).toBe(0);
  });
});

describe('an orderly handler that takes too long', () => {
  const orderly = { consumeMode: 'ORDERLY', consumeTimeoutMs: MINUTE_MS } as const;

  it('is waited for, logged each time that the time has passed again, and counted once', async () => {
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { ...orderly, handler: gate.handler });
    await harness.send('orders', ['m0', 'm1']);
    await harness.advance(3 * MINUTE_MS);
    expect(gate.running).toEqual(['m0']);
    expect(consumer.status()).toMatchObject({ running: 1, timedOut: 1, failed: 0 });
    expect(harness.logger.errors).toEqual(
      [60_000, 120_000, 180_000].map((ms) =>
        expect.stringMatching(`message m0 .*has run for ${ms} ms. Queue 0 stands still`),
      ),
    );
    gate.end('m0');
    await harness.settle();
    expect(gate.running).toEqual(['m1']);
    expect(consumer.status()).toMatchObject({ consumed: 1 });
    gate.endAll();
  });
});
