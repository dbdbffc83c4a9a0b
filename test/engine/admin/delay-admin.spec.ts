import fc from 'fast-check';

import { AdminHarness } from './admin-harness.js';

const DAY_MS = 86_400_000;

describe('The delays of the admin API', () => {
  let harness: AdminHarness;
  let startMs: number;

  const open = async (timerMaxDelayMs = 3 * DAY_MS): Promise<void> => {
    harness = await AdminHarness.open({ timerMaxDelayMs });
    startMs = harness.clock.now();
  };
  const listed = async (maxCount?: number): Promise<number[]> =>
    (await harness.admin.delays.nextTimers(maxCount)).map(({ deliverAtMs }) => deliverAtMs - startMs);

  afterEach(() => harness.close());

  it('count what waits for each level, and say when the first of it is due', async () => {
    await open();
    await harness.send('orders', 'a', { delayLevel: 2 });
    await harness.advance(1000);
    await harness.send('orders', 'b', { delayLevel: 2 });
    const waiting = async () => (await harness.admin.delays.levels()).filter(({ pending }) => pending > 0);
    expect(await waiting()).toEqual([{ level: 2, delayMs: 5000, pending: 2, nextDeliveryMs: startMs + 5000 }]);
    await harness.advance(4000);
    expect(await waiting()).toEqual([{ level: 2, delayMs: 5000, pending: 1, nextDeliveryMs: startMs + 6000 }]);
  });

  it('count the timers of each topic until they are delivered or recalled, through restarts', async () => {
    await open();
    await harness.send('orders', 'a', { delayMs: 5000 });
    const b = await harness.send('orders', 'b', { delayMs: 10_000 });
    await harness.send('mails', 'c', { deliverAtMs: startMs + 20_000 });
    await harness.settle();
    expect(harness.admin.delays.timers()).toEqual({ total: 3, byTopic: { orders: 2, mails: 1 } });
    await harness.restart();
    await harness.advance(5000);
    expect(harness.admin.delays.timers()).toEqual({ total: 2, byTopic: { orders: 1, mails: 1 } });
    await harness.broker.recall('orders', b.recallHandle!);
    expect(harness.admin.delays.timers()).toEqual({ total: 1, byTopic: { mails: 1 } });
    await harness.advance(20_000);
    expect(harness.admin.delays.timers()).toEqual({ total: 0, byTopic: {} });
  });

  it('list the timers that are due next, with what is needed to recall them', async () => {
    await open();
    await harness.send('orders', 'late', { delayMs: 90_000 });
    const sent = await harness.send('orders', 'soon', { delayMs: 1500, tags: 't', keys: 'k' });
    await harness.settle();
    const [first, second] = await harness.admin.delays.nextTimers();
    expect(first).toEqual({
      topic: 'orders',
      msgId: sent.msgId,
      deliverAtMs: startMs + 1500,
      tags: 't',
      keys: 'k',
      bornTimestamp: startMs,
      recallHandle: sent.recallHandle,
    });
    expect(second).toMatchObject({ deliverAtMs: startMs + 90_000 });
    await harness.broker.recall('orders', first!.recallHandle!);
    expect(await listed()).toEqual([90_000]);
  });

  it('list exactly those that a sorted list has first, whatever was delivered and recalled before', async () => {
    const timer = fc.record({ delayMs: fc.integer({ min: 1, max: 6000 }), isRecalled: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(timer, { maxLength: 20 }),
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 0, max: 6000 }),
        fc.boolean(),
        async (timers, maxCount, passedMs, isRestarted) => {
          await open();
          const sent = await Promise.all(timers.map(({ delayMs }) => harness.send('orders', 'x', { delayMs })));
          for (const [i, { isRecalled }] of timers.entries()) {
            if (isRecalled) await harness.broker.recall('orders', sent[i]!.recallHandle!);
          }
          await harness.advance(passedMs);
          if (isRestarted) await harness.restart();
          await harness.settle();
          const expected = timers.filter(({ delayMs, isRecalled }) => !isRecalled && delayMs > passedMs);
          const sorted = expected.map(({ delayMs }) => delayMs).toSorted((a, b) => a - b);
          expect(await listed(maxCount)).toEqual(sorted.slice(0, maxCount));
          await harness.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('list also what is due in weeks, after the rest', async () => {
    await open(40 * DAY_MS);
    for (const delayMs of [30 * DAY_MS, 5000, 10 * DAY_MS, 3 * DAY_MS, 1]) {
      await harness.send('orders', 'x', { delayMs });
    }
    await harness.settle();
    expect(await listed()).toEqual([1, 5000, 3 * DAY_MS, 10 * DAY_MS, 30 * DAY_MS]);
    expect(await listed(2)).toEqual([1, 5000]);
  });

  it.each([0, 1025, 1.5, Number.NaN, '5' as unknown as number])('do not list %p timers', async (maxCount) => {
    await open();
    await expect(harness.admin.delays.nextTimers(maxCount)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      fields: { option: 'maxCount' },
    });
  });
});
