import { TimerHarness } from './timer-harness.js';

describe('A timer message', () => {
  it('is delivered at its millisecond', async () => {
    const harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    const dueTimes = [1, 7, 999, 1000, 1001, 1500, 61_234, 3_600_000].map((delayMs) => startMs + delayMs);
    for (const dueMs of dueTimes.toReversed()) await harness.send('orders', String(dueMs), dueMs);
    await harness.settle();
    expect(harness.timers.pending).toEqual({ total: 8, byTopic: { orders: 8 } });
    await harness.advance(3_600_000);
    expect(await harness.delivered('orders')).toEqual(dueTimes.map((dueMs) => ({ body: String(dueMs), atMs: dueMs })));
    expect(harness.timers.pending).toEqual({ total: 0, byTopic: {} });
    expect(harness.timers.statistics).toMatchObject({ enqueued: 8, delivered: 8, maxLatenessMs: 0, failures: 0 });
    expect(harness.logger.errors).toEqual([]);
    await harness.close();
  });

  it('survives a restart', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    await harness.send('orders', 'a', startMs + 500);
    await harness.send('orders', 'b', startMs + 900);
    await harness.send('orders', 'c', startMs + 200_000);
    await harness.advance(600);
    harness = await harness.reopened();
    expect(harness.timers.pending.total).toBe(2);
    await harness.advance(300_000);
    expect(await harness.delivered('orders')).toEqual([
      { body: 'a', atMs: startMs + 500 },
      { body: 'b', atMs: startMs + 900 },
      { body: 'c', atMs: startMs + 200_000 },
    ]);
    await harness.close();
  });
});
