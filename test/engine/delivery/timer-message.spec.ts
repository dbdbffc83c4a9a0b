import { RecallHandleIllegalError } from '../../../lib/errors/index.js';
import {
  checkDeliverTime,
  DEFAULT_TIMER_OPTIONS,
  formatRecallHandle,
  fromTimer,
  parseRecallHandle,
  recallHandleOf,
  timerFacts,
  toTimer,
} from '../../../lib/engine/delivery/timer/index.js';
import { formatProperties, parseProperties } from '../../../lib/engine/store/index.js';
import type { RecordDraft } from '../../../lib/engine/types/index.js';
import { testDraft } from '../../support/test-store.js';
import { TimerHarness } from './timer-harness.js';

const DAY_MS = 86_400_000;

const draft = testDraft('hello', {
  topic: 'orders',
  queueId: 3,
  properties: formatProperties({ KEYS: 'k', UNIQ_KEY: 'U1' }),
  keys: 'k',
  uniqKey: 'U1',
});

const stored = async (record: RecordDraft, storedMs = 0): Promise<ReturnType<typeof timerFacts>> => {
  const harness = await TimerHarness.open();
  await harness.advance(storedMs);
  const { physicalOffset } = await harness.append(record);
  const facts = timerFacts((await harness.context.store.readRecord(physicalOffset))!);
  await harness.close();
  return facts;
};

describe('A message that waits in the timer topic', () => {
  it.each([
    [1_700_000_000_123, '1700000000000'],
    [1_700_000_000_999, '1700000000000'],
    // RocketMQ empties a slot one second after its time, so a full second goes into the slot before.
    [1_700_000_001_000, '1700000000000'],
    [1_700_000_001_001, '1700000001000'],
  ])('due at %d is in the slot in which a broker of RocketMQ puts it', (deliverAtMs, outMs) => {
    const timer = toTimer(draft, deliverAtMs);
    expect(timer).toMatchObject({
      topic: 'rmq_sys_wheel_timer',
      queueId: 0,
      body: draft.body,
      keys: 'k',
      uniqKey: 'U1',
    });
    expect(parseProperties(timer.properties)).toEqual({
      KEYS: 'k',
      UNIQ_KEY: 'U1',
      REAL_TOPIC: 'orders',
      REAL_QID: '3',
      TIMER_DELIVER_MS: String(deliverAtMs),
      TIMER_OUT_MS: outMs,
    });
  });

  it('is due to the millisecond', async () => {
    expect(await stored(toTimer(draft, 1_700_000_000_123))).toEqual({
      dueMs: 1_700_000_000_123,
      realTopic: 'orders',
      key: 'orders+U1',
      deleteKey: undefined,
      rollTimes: 0,
    });
  });

  it.each([
    ['from a delay in seconds', { TIMER_DELAY_SEC: '5', TIMER_OUT_MS: '1700000005000' }],
    ['at another precision', { TIMER_DELIVER_MS: '1700000005250', TIMER_OUT_MS: '1700000005000' }, 1_700_000_005_250],
    ['at a finer precision', { TIMER_DELIVER_MS: '1700000005250', TIMER_OUT_MS: '1700000005200' }, 1_700_000_006_200],
  ])(
    'by a broker of RocketMQ, %s, is not due before that broker would deliver it',
    async (_, times, dueMs = 1_700_000_006_000) => {
      const properties = formatProperties({ REAL_TOPIC: 'orders', REAL_QID: '0', ...times });
      expect(await stored({ ...draft, topic: 'rmq_sys_wheel_timer', queueId: 0, properties })).toMatchObject({ dueMs });
    },
  );

  it('is no timer without a time or without a topic to go to', async () => {
    for (const properties of [
      { REAL_TOPIC: 'orders' },
      { TIMER_OUT_MS: '1700000005000' },
      { REAL_TOPIC: 'a', TIMER_OUT_MS: 'x' },
    ]) {
      expect(await stored({ ...draft, properties: formatProperties(properties) })).toBeUndefined();
    }
  });

  it('is delivered as it was sent, with the times at which it entered and left the timer', async () => {
    const harness = await TimerHarness.open();
    const storedMs = harness.clock.now();
    const { physicalOffset } = await harness.append({ ...toTimer(draft, storedMs + 50), sysFlag: 0, flag: 7 });
    const record = (await harness.context.store.readRecord(physicalOffset))!;
    const delivered = fromTimer(record, storedMs + 51)!;
    expect(delivered).toMatchObject({
      topic: 'orders',
      queueId: 3,
      body: draft.body,
      keys: 'k',
      uniqKey: 'U1',
      flag: 7,
      delayLevel: 0,
      waitStoreMsgOK: true,
    });
    expect(parseProperties(delivered.properties)).toEqual({
      ...record.properties,
      TIMER_ENQUEUE_MS: String(storedMs),
      TIMER_DEQUEUE_MS: String(storedMs + 51),
    });
    await harness.close();
  });

  it('is delivered without these times when its properties have no room for them', async () => {
    const harness = await TimerHarness.open();
    const dueMs = harness.clock.now() + 50;
    const room = 32_767 - Buffer.byteLength(toTimer(draft, dueMs).properties) - 'pad..'.length;
    const padded = { ...draft, properties: `${draft.properties}pad\u0001${'x'.repeat(room)}\u0002` };
    await harness.append(harness.timers.schedule(padded, dueMs));
    await harness.advance(50);
    const { store } = harness.context;
    const { messages } = await store.pull({ topic: 'orders', queueId: 3, offset: 0, maxCount: 1, maxBytes: 1e6 });
    expect(messages.map(({ propertiesText }) => propertiesText)).toEqual([toTimer(padded, dueMs).properties]);
    await harness.close();
  });

  it.each(['rmq_sys_wheel_timer', 'SCHEDULE_TOPIC_XXXX', 'RMQ_SYS_TRANS_HALF_TOPIC'])(
    'never goes to %s',
    async (topic) => {
      const harness = await TimerHarness.open();
      const dueMs = harness.clock.now() + 5;
      await harness.append(toTimer({ ...draft, topic }, dueMs));
      await harness.advance(1000);
      expect(harness.timers.statistics).toMatchObject({ delivered: 0, lost: 1 });
      expect(harness.timers.pending.total).toBe(0);
      expect(harness.logger.errors).toEqual([expect.stringContaining('no topic to go to')]);
      await harness.close();
    },
  );
});

describe('The time of delivery', () => {
  const nowMs = 1_700_000_000_000;
  const { timerMaxDelayMs } = DEFAULT_TIMER_OPTIONS;

  it('may be past, and up to three days ahead', () => {
    for (const timeMs of [0, nowMs - 1, nowMs, nowMs + 3 * DAY_MS]) {
      expect(() => checkDeliverTime(timeMs, nowMs, timerMaxDelayMs)).not.toThrow();
    }
  });

  it('must not be later', () => {
    const check = (): void => checkDeliverTime(nowMs + 3 * DAY_MS + 1, nowMs, timerMaxDelayMs);
    expect(check).toThrow(expect.objectContaining({ code: 'TIMER_DELAY_TOO_LONG' }));
  });

  it.each([NaN, Infinity, -1, 1.5, '1700000000000' as unknown as number])('must not be %p', (timeMs) => {
    const check = (): void => checkDeliverTime(timeMs, nowMs, timerMaxDelayMs);
    expect(check).toThrow(expect.objectContaining({ code: 'MESSAGE_ILLEGAL' }));
  });

  it('decides whether the message waits at all', async () => {
    const harness = await TimerHarness.open({ timers: { timerMaxDelayMs: 40 * DAY_MS } });
    const now = harness.clock.now();
    expect(harness.timers.schedule(draft, now)).toBe(draft);
    expect(harness.timers.schedule(draft, 0)).toBe(draft);
    expect(harness.timers.schedule(draft, now + 40 * DAY_MS).topic).toBe('rmq_sys_wheel_timer');
    expect(() => harness.timers.schedule(draft, now + 40 * DAY_MS + 1)).toThrow('limit is');
    await harness.close();
  });

  it.each([0, 1.5, 41 * DAY_MS, NaN])('can not be limited to %p ms', async (limitMs) => {
    await expect(TimerHarness.open({ timers: { timerMaxDelayMs: limitMs } })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
    });
  });
});

describe('A recall handle', () => {
  const handle = { topic: 'orders', brokerName: 'broker-a', timestampMs: 1_700_000_000_123, uniqKey: 'U1' };

  it('is what RocketMQ makes: base64url of version, topic, broker, time and id', () => {
    const text = 'djEgb3JkZXJzIGJyb2tlci1hIDE3MDAwMDAwMDAxMjMgVTE=';
    expect(Buffer.from(text, 'base64').toString()).toBe('v1 orders broker-a 1700000000123 U1');
    expect(formatRecallHandle(handle)).toBe(text);
    expect(parseRecallHandle(text)).toEqual(handle);
  });

  it('survives any name that a topic or a broker may have', () => {
    for (const topic of ['a', '%DLQ%g', 'x|y-z_0', 'T'.repeat(127)]) {
      expect(parseRecallHandle(formatRecallHandle({ ...handle, topic }))).toEqual({ ...handle, topic });
    }
    const brokerName = 'a broker with spaces';
    expect(parseRecallHandle(formatRecallHandle({ ...handle, brokerName }))).toEqual({ ...handle, brokerName });
  });

  it.each([
    undefined,
    17,
    '',
    '!!!!',
    'djEgb3JkZXJz',
    Buffer.from('v2 orders broker-a 1700000000123 U1').toString('base64url'),
    Buffer.from('v1 orders broker-a soon U1').toString('base64url'),
    Buffer.from('v1 orders  1700000000123 U1').toString('base64url'),
  ])('is refused when it is %p', (text) => {
    expect(() => parseRecallHandle(text)).toThrow(RecallHandleIllegalError);
  });

  it('belongs to a message that waits, and is not on its way to a retry topic', () => {
    const deliverAtMs = handle.timestampMs;
    expect(recallHandleOf(toTimer(draft, deliverAtMs), 'broker-a')).toBe(formatRecallHandle(handle));
    expect(recallHandleOf(draft, 'broker-a')).toBeUndefined();
    expect(recallHandleOf(toTimer({ ...draft, topic: '%RETRY%g' }, deliverAtMs), 'broker-a')).toBeUndefined();
  });
});
