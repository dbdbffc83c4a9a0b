import { toTimer } from '../../../lib/engine/delivery/timer/index.js';
import type { ManualClock } from '../../../lib/engine/io/index.js';
import { Property, type StoredRecord } from '../../../lib/engine/types/index.js';
import { timerDraft, TimerHarness } from './timer-harness.js';

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const at = (...times: number[]): { body: string; atMs: number }[] =>
  times.map((atMs) => ({ body: String(atMs), atMs }));

/** Sends one message for each time, with the time as its body. */
async function sendAll(harness: TimerHarness, times: readonly number[]): Promise<void> {
  await Promise.all(times.map((timeMs) => harness.send('orders', String(timeMs), timeMs)));
  await harness.settle();
}

const rolledTimes = ({ properties }: StoredRecord): string | undefined => properties['TIMER_ROLL_TIMES'];

describe('A timer message', () => {
  it('is delivered at its millisecond', async () => {
    const harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    const times = [1, 7, 999, 1000, 1001, 1500, 61_234, HOUR_MS].map((delayMs) => startMs + delayMs);
    await sendAll(harness, times.toReversed());
    expect(harness.timers.pending).toEqual({ total: 8, byTopic: { orders: 8 } });
    await harness.advance(HOUR_MS);
    expect(await harness.delivered('orders')).toEqual(at(...times));
    expect(harness.timers.pending).toEqual({ total: 0, byTopic: {} });
    expect(harness.timers.statistics).toMatchObject({ enqueued: 8, delivered: 8, maxLatenessMs: 0, failures: 0 });
    expect(harness.logger.errors).toEqual([]);
    await harness.close();
  });

  it('comes after those of the same millisecond that were sent before it', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 1234;
    for (let i = 0; i < 700; i++) await harness.send('orders', String(i), dueMs);
    await harness.advance(1234);
    const delivered = await harness.delivered('orders');
    expect(delivered).toEqual(Array.from({ length: 700 }, (_, i) => ({ body: String(i), atMs: dueMs })));
    await harness.close();
  });

  it('waits through restarts, whatever part of its second is over', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    const times = [500, 500, 501, 900, 200_000].map((delayMs) => startMs + delayMs);
    await sendAll(harness, times);
    for (const stepMs of [499, 1, 0, 1, 300, 98]) {
      await harness.advance(stepMs);
      harness = await harness.reopened();
    }
    expect(harness.timers.pending).toEqual({ total: 2, byTopic: { orders: 2 } });
    await harness.advance(HOUR_MS);
    expect(await harness.delivered('orders')).toEqual(at(...times));
    expect(harness.logger.warnings).toEqual([]);
    await harness.close();
  });

  it('is delivered at the next start when the broker was down at its time', async () => {
    let harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    const times = Array.from({ length: 500 }, (_, i) => startMs + 1 + i * 777);
    await sendAll(harness, times);
    await harness.close();
    await harness.clock.advance(200_000);
    harness = await TimerHarness.open(reuse(harness));
    const reopenedMs = harness.clock.now();
    expect(await harness.delivered('orders')).toEqual(
      times.filter((timeMs) => timeMs <= reopenedMs).map((timeMs) => ({ body: String(timeMs), atMs: reopenedMs })),
    );
    await harness.advance(HOUR_MS);
    expect((await harness.delivered('orders')).slice(-5)).toEqual(at(...times.slice(-5)));
    await harness.close();
  });

  it('is neither early nor lost after the broker was down longer than the wheel turns', async () => {
    let harness = await TimerHarness.open({ timers: { timerMaxDelayMs: 40 * DAY_MS } });
    const startMs = harness.clock.now();
    await sendAll(harness, [startMs + 1000, startMs + DAY_MS, startMs + 39 * DAY_MS]);
    await harness.close();
    await harness.clock.advance(13 * DAY_MS + 23 * HOUR_MS);
    harness = await TimerHarness.open(reuse(harness));
    const reopenedMs = harness.clock.now();
    await sendAll(harness, [reopenedMs + 1500, reopenedMs + 3 * DAY_MS]);
    await harness.advance(30 * DAY_MS);
    expect(await harness.delivered('orders')).toEqual([
      { body: String(startMs + 1000), atMs: reopenedMs },
      { body: String(startMs + DAY_MS), atMs: reopenedMs },
      ...at(reopenedMs + 1500, reopenedMs + 3 * DAY_MS, startMs + 39 * DAY_MS),
    ]);
    await harness.close();
  });

  it('is delivered at once when its broker did not serve timers for longer than the wheel turns', async () => {
    const harness = new TimerHarness({});
    await harness.openStore();
    const times: number[] = [];
    for (let day = 0; day < 40; day += 4) {
      times.push(harness.clock.now() + 1000);
      await harness.append(toTimer(timerDraft('orders', String(times.at(-1)), `ID${day}`), times.at(-1)!));
      await harness.clock.advance(4 * DAY_MS);
    }
    await harness.openTimers();
    const delivered = await harness.delivered('orders');
    expect(delivered.map(({ body }) => Number(body)).toSorted((a, b) => a - b)).toEqual(times);
    expect(new Set(delivered.map(({ atMs }) => atMs))).toEqual(new Set([harness.clock.now()]));
    await harness.close();
  });

  it('waits outside of the wheel as long as that has no room, because deliveries are more than a week behind', async () => {
    let isFull = true;
    let harness = await TimerHarness.open({
      timers: { timerMaxDelayMs: 40 * DAY_MS, timerRollWindowMs: 6 * DAY_MS },
      beforeAppend: async ({ topic }) => {
        if (isFull && topic === 'orders') throw new Error('no room');
      },
    });
    const startMs = harness.clock.now();
    await sendAll(harness, [startMs + 1000]);
    await harness.close();
    await harness.clock.advance(9 * DAY_MS);
    harness = await TimerHarness.open(reuse(harness));
    const times = [startMs + 9 * DAY_MS + 5000, startMs + 15 * DAY_MS, startMs + 30 * DAY_MS];
    await sendAll(harness, times.toReversed());
    expect(harness.timers.indexLag).toBe(3);
    isFull = false;
    await harness.advance(30_000);
    expect(harness.timers.indexLag).toBe(0);
    await harness.advance(22 * DAY_MS);
    expect((await due(harness.clock, harness)).slice(1)).toEqual(times);
    expect((await harness.delivered('orders')).slice(2)).toEqual(at(...times.slice(1)));
    await harness.close();
  });

  it('goes back into the timer topic until it is due, so that its record is never old', async () => {
    const harness = await TimerHarness.open({ timers: { timerMaxDelayMs: 40 * DAY_MS } });
    const dueMs = harness.clock.now() + 40 * DAY_MS - 1;
    await sendAll(harness, [dueMs]);
    await harness.advance(40 * DAY_MS);
    expect(await harness.delivered('orders')).toEqual(at(dueMs));
    const records = await harness.messages('rmq_sys_wheel_timer');
    expect(records.map(rolledTimes)).toEqual([undefined, ...records.slice(1).map((_, i) => String(i + 1))]);
    const storedTimes = [...records.map(({ storeTimestamp }) => storeTimestamp), dueMs];
    const waits = storedTimes.slice(1).map((timeMs, i) => timeMs - storedTimes[i]!);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2 * DAY_MS);
    expect(records.length).toBeLessThanOrEqual(41);
    expect(harness.timers.statistics).toMatchObject({ delivered: 1, rolled: records.length - 1 });
    await harness.close();
  });

  it('is delivered late rather than lost when the log takes no more for a while', async () => {
    let isFull = false;
    const harness = await TimerHarness.open({
      beforeAppend: async ({ topic }) => {
        if (isFull && topic === 'orders') throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
      },
    });
    const startMs = harness.clock.now();
    await sendAll(harness, [startMs + 1000, startMs + 1001, startMs + 5000, startMs + 60_000]);
    isFull = true;
    await harness.advance(30_000);
    expect(await harness.delivered('orders')).toEqual([]);
    expect(harness.logger.errors).toEqual([expect.stringContaining('tried again until it succeeds')]);
    isFull = false;
    await harness.advance(HOUR_MS);
    const delivered = await harness.delivered('orders');
    expect(delivered.map(({ body }) => Number(body) - startMs)).toEqual([1000, 1001, 5000, 60_000]);
    expect(delivered[0]!.atMs).toBeLessThanOrEqual(startMs + 40_000);
    expect(delivered[3]!.atMs).toBe(startMs + 60_000);
    await harness.close();
  });

  it('is delivered once when others that are due with it fail', async () => {
    let failing = new Set(['1', '3']);
    const harness = await TimerHarness.open({
      beforeAppend: async ({ topic, body }) => {
        if (topic === 'orders' && failing.has(Buffer.from(body).toString())) throw new Error('not now');
      },
    });
    const dueMs = harness.clock.now() + 10;
    for (let i = 0; i < 5; i++) await harness.send('orders', String(i), dueMs);
    await harness.advance(10);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['0', '2', '4']);
    failing = new Set(['3']);
    await harness.advance(100);
    failing = new Set();
    await harness.advance(SECOND_MS);
    expect((await harness.delivered('orders')).map(({ body }) => body)).toEqual(['0', '2', '4', '1', '3']);
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });

  it('is not passed over when it came to the index after its time, and the broker stops before it is delivered', async () => {
    let release!: () => void;
    let pulling: Promise<void> = Promise.resolve();
    let isFull = false;
    const options = {
      beforePull: () => pulling,
      beforeAppend: async ({ topic }: { topic: string }) => {
        if (isFull && topic === 'orders') throw new Error('no room');
      },
    };
    let harness = await TimerHarness.open(options);
    const startMs = harness.clock.now();
    await sendAll(harness, [startMs + 100]);
    pulling = new Promise((resolve) => {
      release = resolve;
    });
    await harness.send('orders', String(startMs + 50), startMs + 50);
    await harness.clock.advance(200);
    expect(await due(harness.clock, harness)).toEqual([startMs + 100]);
    isFull = true;
    release();
    pulling = Promise.resolve();
    await harness.settle();
    isFull = false;
    harness = await harness.reopened();
    expect(await due(harness.clock, harness)).toEqual([startMs + 100, startMs + 50]);
    await harness.close();
  });

  it('keeps the log from its record on, whether the index knows it already or not', async () => {
    let pulling: Promise<void> = Promise.resolve();
    let harness = await TimerHarness.open({ beforePull: () => pulling });
    expect(await harness.timers.oldestPending()).toBeUndefined();
    const startMs = harness.clock.now();
    await harness.send('orders', 'x', startMs);
    await sendAll(harness, [startMs + 5000, startMs + 10_000, startMs + 9000]);
    const records = await harness.messages('rmq_sys_wheel_timer');
    const offsets = records.map(({ commitLogOffset }) => commitLogOffset);
    expect(await harness.timers.oldestPending()).toBe(offsets[0]);
    await harness.advance(6000);
    expect(await harness.timers.oldestPending()).toBe(offsets[1]);
    harness = await TimerHarness.open(reuse(await harness.close().then(() => harness)));
    expect(await harness.timers.oldestPending()).toBe(offsets[1]);
    await harness.advance(4000);
    expect(await harness.timers.oldestPending()).toBeUndefined();
    let release!: () => void;
    pulling = new Promise((resolve) => {
      release = resolve;
    });
    await harness.send('orders', 'y', harness.clock.now() + 1000);
    const [last] = (await harness.messages('rmq_sys_wheel_timer')).slice(-1);
    expect(await harness.timers.oldestPending()).toBe(last!.commitLogOffset);
    release();
    await harness.close();
  });

  it('keeps its time when the wall clock goes back or forward', async () => {
    const harness = await TimerHarness.open();
    const startMs = harness.clock.now();
    await sendAll(harness, [startMs + 500, startMs + 2500, startMs + 2 * HOUR_MS]);
    await harness.advance(1500);
    harness.clock.stepWallClock(-HOUR_MS);
    await sendAll(harness, [startMs - HOUR_MS + 5000, startMs + 600]);
    await harness.advance(10_000);
    expect(await due(harness.clock, harness)).toEqual([startMs + 500, startMs - HOUR_MS + 5000]);
    harness.clock.stepWallClock(2 * HOUR_MS);
    await harness.advance(61_000);
    expect(await due(harness.clock, harness)).toEqual([
      startMs + 500,
      startMs - HOUR_MS + 5000,
      startMs + 600,
      startMs + 2500,
    ]);
    await harness.advance(HOUR_MS);
    expect((await due(harness.clock, harness)).at(-1)).toBe(startMs + 2 * HOUR_MS);
    await harness.close();
  });

  it('costs nothing as long as there is none', async () => {
    const harness = await TimerHarness.open();
    await harness.advance(DAY_MS);
    await harness.close();
    expect(await harness.fileSystem.list('/store')).not.toContain('timerwheel');
    expect(await harness.fileSystem.list('/store')).not.toContain('timerlog');
    expect(await harness.fileSystem.list('/store/config')).not.toContain('timercheck');
  });

  it('is not held up by records of the timer topic that are no timers', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 5;
    await harness.append({ ...harness.timers.schedule(draftTo('orders'), dueMs), properties: '' });
    await sendAll(harness, [dueMs]);
    await harness.advance(1000);
    expect(await harness.delivered('orders')).toEqual(at(dueMs));
    expect(harness.timers.statistics).toMatchObject({ delivered: 1, lost: 1 });
    expect(harness.logger.errors).toEqual([expect.stringContaining('no time or no topic')]);
    await harness.close();
  });

  it('is one of very many of the same millisecond, of which only a part is in memory', async () => {
    const harness = await TimerHarness.open({ timers: { maxLoadedTimersPerSecond: 100 } });
    const count = 2000;
    const dueMs = harness.clock.now() + 100_000;
    for (let i = 0; i < count; i++) await harness.send('orders', String(i), dueMs);
    await harness.advance(100_000);
    const bodies = (await harness.messages('orders')).map(({ body }) => Number(body.toString()));
    expect(bodies).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(harness.timers.pending.total).toBe(0);
    await harness.close();
  });
});

const reuse = ({ clock, fileSystem, options }: TimerHarness) => ({ ...options, clock, fileSystem });

const draftTo = (topic: string) => ({ ...timerDraft(topic, 'x', 'X'), tags: undefined });

/** Times for which messages were delivered so far. None is in the future. */
async function due(clock: ManualClock, harness: TimerHarness): Promise<number[]> {
  const messages = await harness.messages('orders');
  for (const { properties } of messages) {
    expect(Number(properties['TIMER_DEQUEUE_MS'])).toBeGreaterThanOrEqual(Number(properties['TIMER_DELIVER_MS']));
    expect(properties[Property.REAL_TOPIC]).toBe('orders');
  }
  expect(clock.now()).toBeGreaterThan(0);
  return messages.map(({ body }) => Number(body.toString()));
}
