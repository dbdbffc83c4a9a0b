import { DelayLevelService, toScheduled } from '../../../lib/engine/delivery/index.js';
import { javaStringHash } from '../../../lib/engine/store/index.js';
import type { RecordDraft } from '../../../lib/engine/types/index.js';
import { bodiesOf, draftOf, StoreHarness, type HarnessOptions } from './store-harness.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Running {
  readonly harness: StoreHarness;
  readonly service: DelayLevelService;
  send(level: number, body: string): Promise<void>;
  delivered(): Promise<readonly string[]>;
}

async function run(harness: StoreHarness): Promise<Running> {
  const service = new DelayLevelService(harness.context, harness.levels);
  await service.start();
  return {
    harness,
    service,
    send: async (level, body) => {
      await harness.context.store.append(delayed(level, body));
    },
    delivered: async () => bodiesOf(await harness.read('orders', 0)),
  };
}

const open = async (options: HarnessOptions = {}): Promise<Running> => run(await StoreHarness.open(options));

async function stop({ service, harness }: Running): Promise<void> {
  await service.close();
  await harness.close();
}

async function restart(running: Running, options: Pick<HarnessOptions, 'messageDelayLevel'> = {}): Promise<Running> {
  await stop(running);
  return run(await running.harness.reopened(options));
}

const delayed = (level: number, body: string): RecordDraft => toScheduled(draftOf('orders', body), level);

describe('a delayed message', () => {
  it('of each of the 18 levels arrives when its delay is over, and not a millisecond before', async () => {
    const running = await open();
    const { harness } = running;
    for (let level = 1; level <= 18; level++) await running.send(level, `level ${level}`);
    const startMs = harness.clock.now();
    for (const [index, delayMs] of harness.levels.delaysMs.entries()) {
      await harness.advance(startMs + delayMs - harness.clock.now() - 1);
      expect(await running.delivered()).toHaveLength(index);
      await harness.advance(1);
      expect((await running.delivered()).at(-1)).toBe(`level ${index + 1}`);
      expect(await running.delivered()).toHaveLength(index + 1);
    }
    await stop(running);
  });

  it('arrives with the fields that it was sent with, under the hash of its tag', async () => {
    const running = await open();
    const { harness } = running;
    const draft = draftOf('orders', 'body', { KEYS: 'k1 k2', TAGS: 'TagA', UNIQ_KEY: 'U1', shop: 'a' });
    await harness.context.store.append(toScheduled({ ...draft, queueId: 2, flag: 7, reconsumeTimes: 1 }, 1));
    await harness.advance(SECOND);
    const [message, ...others] = await harness.read('orders', 2);
    expect(others).toHaveLength(0);
    expect(message).toMatchObject({
      topic: 'orders',
      queueId: 2,
      tags: 'TagA',
      keys: 'k1 k2',
      msgId: 'U1',
      flag: 7,
      reconsumeTimes: 1,
      bornTimestamp: draft.bornTimestampMs,
      bornHost: '10.0.0.7:54321',
      storeTimestamp: harness.clock.now(),
      body: Buffer.from('body'),
    });
    expect(message!.properties).toMatchObject({ shop: 'a', DELAY: '1', REAL_TOPIC: 'orders', REAL_QID: '2' });
    const [entry] = await harness.context.store.entries('orders', 2, 0, 1);
    expect(entry!.tagsCode).toBe(javaStringHash('TagA'));
    await stop(running);
  });

  it('keeps its place among a thousand others of its level, and each arrives once', async () => {
    const running = await open();
    const bodies = Array.from({ length: 1000 }, (_, i) => `m${i}`);
    await Promise.all(bodies.map((body) => running.send(2, body)));
    await running.harness.advance(5 * SECOND);
    expect(await running.delivered()).toEqual(bodies);
    await stop(running);
  });

  it('arrives in time when it was sent while its level was idle, waiting, and delivering', async () => {
    const running = await open();
    const { harness } = running;
    await running.send(1, 'first');
    await harness.advance(400);
    await running.send(1, 'second');
    await harness.advance(600);
    expect(await running.delivered()).toEqual(['first']);
    await running.send(1, 'third');
    await harness.advance(400);
    expect(await running.delivered()).toEqual(['first', 'second']);
    await harness.advance(600);
    expect(await running.delivered()).toEqual(['first', 'second', 'third']);
    await harness.advance(HOUR);
    await running.send(1, 'fourth');
    await harness.advance(999);
    expect(await running.delivered()).toHaveLength(3);
    await harness.advance(1);
    expect(await running.delivered()).toHaveLength(4);
    await stop(running);
  });

  it('does not bring along the next one, which is due a millisecond later', async () => {
    const running = await open();
    await running.send(1, 'first');
    await running.harness.advance(1);
    await running.send(1, 'second');
    await running.harness.advance(999);
    expect(await running.delivered()).toEqual(['first']);
    await running.harness.advance(1);
    expect(await running.delivered()).toEqual(['first', 'second']);
    await stop(running);
  });

  it('is not forgotten when it arrives while its idle level is being looked at', async () => {
    const harness = await StoreHarness.open();
    harness.slowDownEntries();
    const running = await run(harness);
    // The level has just been found empty, and knows it a turn of the event loop later.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    await running.send(1, 'x');
    await harness.advance(SECOND + 100);
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });

  it('leaves no timer behind when nothing waits', async () => {
    const running = await open();
    await running.send(1, 'x');
    await running.harness.advance(MINUTE);
    expect(running.harness.clock.pendingTimers).toBe(0);
    await stop(running);
  });
});

describe('after a restart', () => {
  it('a message waits for the rest of its delay, and not a millisecond less', async () => {
    let running = await open();
    await running.send(5, 'x');
    await running.harness.advance(20 * SECOND);
    running = await restart(running);
    await running.harness.advance(40 * SECOND - 1);
    expect(await running.delivered()).toEqual([]);
    await running.harness.advance(1);
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });

  it('what became due meanwhile arrives at once', async () => {
    let running = await open();
    await running.send(5, 'x');
    await stop(running);
    await running.harness.advance(DAY);
    running = await run(await running.harness.reopened());
    await running.harness.settle();
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });

  it('what was delivered before a clean stop does not come again', async () => {
    let running = await open();
    await running.send(1, 'x');
    await running.harness.advance(SECOND);
    running = await restart(running);
    await running.harness.advance(MINUTE);
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });

  it('what was delivered before the service was closed does not come again, though the store crashes then', async () => {
    const running = await open();
    await running.send(1, 'x');
    await running.harness.advance(SECOND);
    await running.service.close();
    const survivor = await run(await running.harness.crashed());
    await survivor.harness.advance(MINUTE);
    expect(await survivor.delivered()).toEqual(['x']);
    await stop(survivor);
  });

  it('a crash before the offset was written repeats messages and loses none', async () => {
    const running = await open();
    await running.send(1, 'a');
    await running.send(1, 'b');
    await running.send(2, 'c');
    // Delivered now; the offset is written ten seconds later.
    await running.harness.advance(SECOND);
    const survivor = await run(await running.harness.crashed());
    await survivor.harness.settle();
    expect(await survivor.delivered()).toEqual(['a', 'b', 'a', 'b']);
    await survivor.harness.advance(4 * SECOND - 1);
    expect(await survivor.delivered()).toHaveLength(4);
    await survivor.harness.advance(1);
    expect(await survivor.delivered()).toEqual(['a', 'b', 'a', 'b', 'c']);
    await stop(survivor);
  });

  it('a crash after the offset was written repeats nothing', async () => {
    const running = await open();
    await running.send(1, 'a');
    await running.harness.advance(SECOND + 10 * SECOND);
    const survivor = await run(await running.harness.crashed());
    await survivor.harness.advance(MINUTE);
    expect(await survivor.delivered()).toEqual(['a']);
    await stop(survivor);
  });

  it('a delay table that became shorter holds no message longer than its longest delay', async () => {
    let running = await open();
    await running.send(18, 'two hours');
    await running.harness.advance(MINUTE);
    running = await restart(running, { messageDelayLevel: '1s 5s' });
    await running.harness.advance(5 * SECOND - 1);
    expect(await running.delivered()).toEqual([]);
    await running.harness.advance(1);
    expect(await running.delivered()).toEqual(['two hours']);
    await stop(running);
  });
});

describe('delayOffset.json', () => {
  it("has RocketMQ's shape: offsets by level", async () => {
    const running = await open();
    await running.send(1, 'a');
    await running.send(3, 'b');
    await running.send(3, 'c');
    await running.harness.advance(20 * SECOND);
    expect(await running.harness.readConfig('delayOffset.json')).toEqual({
      dataVersion: { counter: expect.any(Number), stateVersion: 0, timestamp: expect.any(Number) },
      offsetTable: { '1': 1, '3': 2 },
    });
    await stop(running);
  });

  it.each([
    ['an offset beyond the queue', '{"offsetTable":{1:99}}', []],
    ['a negative offset', '{"offsetTable":{1:-5}}', ['a', 'b']],
    ['an offset that is no number', '{"offsetTable":{"1":"x"}}', ['a', 'b']],
    ['no table', '{}', ['a', 'b']],
    ['a good offset', '{"dataVersion":{"counter":3,"stateVersion":0,"timestamp":1},"offsetTable":{1:1}}', ['b']],
  ])('with %s is read as far as it makes sense', async (_, text, expected) => {
    const harness = await StoreHarness.open();
    for (const body of ['a', 'b']) await harness.context.store.append(delayed(1, body));
    await harness.close();
    const file = await harness.fileSystem.open('/store/config/delayOffset.json', 'create');
    await file.write(Buffer.from(text), 0);
    await file.close();
    const running = await run(await harness.reopened());
    await running.harness.advance(MINUTE);
    expect(await running.delivered()).toEqual(expected);
    // A level that was set back or forward goes on like any other.
    await running.send(1, 'next');
    await running.harness.advance(SECOND);
    expect(await running.delivered()).toEqual([...expected, 'next']);
    await stop(running);
  });
});

describe('when the time of day jumps', () => {
  it('back, a message is late by no more than its own delay', async () => {
    const running = await open();
    const { harness } = running;
    await running.send(3, 'before the jump');
    await harness.advance(2 * SECOND);
    harness.clock.stepWallClock(-HOUR);
    await running.send(3, 'after the jump');
    await harness.advance(8 * SECOND - 1);
    expect(await running.delivered()).toEqual([]);
    await harness.advance(2 * SECOND);
    expect(await running.delivered()).toEqual(['before the jump']);
    await harness.advance(10 * SECOND);
    expect(await running.delivered()).toEqual(['before the jump', 'after the jump']);
    await stop(running);
  });

  it('back by a little, no message is early by the clock', async () => {
    const running = await open();
    const { harness } = running;
    const sentMs = harness.clock.now();
    await running.send(3, 'x');
    await harness.advance(SECOND);
    harness.clock.stepWallClock(-500);
    await harness.advance(sentMs + 10 * SECOND - 1 - harness.clock.now());
    expect(await running.delivered()).toEqual([]);
    await harness.advance(1);
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });

  it('forward, as after a sleep of the machine, what is due is found within a minute', async () => {
    const running = await open();
    await running.send(18, 'x');
    await running.harness.advance(SECOND);
    running.harness.clock.stepWallClock(3 * HOUR);
    await running.harness.advance(MINUTE);
    expect(await running.delivered()).toEqual(['x']);
    await stop(running);
  });
});

describe('when a delivery fails', () => {
  it('because the disk is full, it is tried again until there is room, and said once', async () => {
    const running = await open({ diskBytes: 8 * 1024 * 1024 });
    const { harness } = running;
    const bodies = Array.from({ length: 3 }, (_, i) => `${i}`.repeat(100_000));
    for (const body of bodies) await running.send(1, body);
    const freeRoom = await harness.fillDisk();
    await harness.advance(30 * SECOND);
    expect(await running.delivered()).toEqual([]);
    expect(harness.logger.errors.filter((line) => line.includes('delayed messages of level 1'))).toHaveLength(1);

    await freeRoom();
    await harness.advance(10 * SECOND);
    expect(await running.delivered()).toEqual(bodies);

    await running.send(1, 'again');
    await harness.advance(SECOND);
    expect(await running.delivered()).toEqual([...bodies, 'again']);
    await stop(running);
  });

  it('for one message of several, that one is tried again, ever more seldom, and the others are not delivered twice', async () => {
    const harness = await StoreHarness.open();
    let refused = true;
    const attemptsMs: number[] = [];
    harness.refuseAppends((draft) => {
      if (!refused || draft.topic !== 'orders' || Buffer.from(draft.body).toString() !== 'b') return false;
      attemptsMs.push(harness.clock.monotonicMs());
      return true;
    });
    const running = await run(harness);
    for (const body of ['a', 'b', 'c']) await running.send(1, body);
    await harness.advance(SECOND + 30 * SECOND);
    expect(await running.delivered()).toEqual(['a', 'c']);
    const waitsMs = attemptsMs.slice(1).map((at, i) => at - attemptsMs[i]!);
    expect(waitsMs).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000]);

    refused = false;
    await harness.advance(10 * SECOND);
    expect(await running.delivered()).toEqual(['a', 'c', 'b']);
    expect(harness.logger.errors).toHaveLength(1);
    await stop(running);
  });

  it('for want of a destination, the message is left where it is, and the next one is delivered', async () => {
    const running = await open();
    const { harness } = running;
    const draft = delayed(1, 'lost');
    await harness.context.store.append({ ...draft, properties: 'DELAY\u00011\u0002' });
    await running.send(1, 'x');
    await harness.advance(SECOND);
    expect(await running.delivered()).toEqual(['x']);
    expect(harness.logger.errors).toHaveLength(1);
    expect(bodiesOf(await harness.read('SCHEDULE_TOPIC_XXXX', 0))).toEqual(['lost', 'x']);
    await stop(running);
  });
});

describe('closing', () => {
  it('leaves no timer behind, though messages wait', async () => {
    const running = await open();
    await running.send(5, 'x');
    await running.harness.settle();
    await stop(running);
    expect(running.harness.clock.pendingTimers).toBe(0);
  });

  it('waits for deliveries that are under way and starts no more', async () => {
    const running = await open();
    const bodies = Array.from({ length: 600 }, (_, i) => `m${i}`);
    await Promise.all(bodies.map((body) => running.send(1, body)));
    let closing: Promise<void> | undefined;
    await running.harness.clock.advance(SECOND, async () => {
      // In the middle of the work that the timer has started.
      await Promise.resolve();
      if (running.harness.clock.monotonicMs() >= SECOND) closing ??= running.service.close();
    });
    await closing;
    const before = await running.delivered();
    expect(before.length).toBeLessThan(600);
    await running.harness.advance(MINUTE);
    expect(await running.delivered()).toEqual(before);
    await running.harness.close();

    const next = await run(await running.harness.reopened());
    await next.harness.settle();
    expect(await next.delivered()).toEqual(bodies);
    await stop(next);
  });
});
