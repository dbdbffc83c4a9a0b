import fc from 'fast-check';

import {
  DEFAULT_MESSAGE_DELAY_LEVEL,
  DelayLevelTable,
  fromScheduled,
  toScheduled,
} from '../../../lib/engine/delivery/index.js';
import { parseProperties } from '../../../lib/engine/store/index.js';
import { InvalidOptionError } from '../../../lib/errors/index.js';
import { draftOf, StoreHarness } from './store-harness.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe('the table of delay levels', () => {
  it("has RocketMQ's 18 levels", () => {
    const minutes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30].map((count) => count * MINUTE);
    const expected = [SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, ...minutes, HOUR, 2 * HOUR];
    expect(DelayLevelTable.parse(DEFAULT_MESSAGE_DELAY_LEVEL).delaysMs).toEqual(expected);
  });

  it('reads any list of whole numbers with a unit', () => {
    const unitMs = { s: SECOND, m: MINUTE, h: HOUR, d: 24 * HOUR };
    const delay = fc.tuple(fc.integer({ min: 1, max: 36_500 }), fc.constantFrom('s', 'm', 'h', 'd'));
    fc.assert(
      fc.property(fc.array(delay, { minLength: 1, maxLength: 40 }), (delays) => {
        const table = DelayLevelTable.parse(delays.map(([count, unit]) => `${count}${unit}`).join(' '));
        expect(table.maxLevel).toBe(delays.length);
        for (const [index, [count, unit]] of delays.entries()) {
          expect(table.delayMs(index + 1)).toBe(count * unitMs[unit]);
        }
      }),
    );
  });

  it.each(['', '  ', '1', 's', '1s 5x', '1.5s', '-1s', '0s', '1s,5s', '36501d', '99999999999999999999d'])(
    'refuses %j, naming the option',
    (text) => {
      expect(() => DelayLevelTable.parse(text)).toThrow(InvalidOptionError);
      expect(() => DelayLevelTable.parse(text)).toThrow('messageDelayLevel');
    },
  );

  it('takes a level beyond the table as its highest', () => {
    const table = DelayLevelTable.parse('1s 5s');
    expect([table.cap(1), table.cap(2), table.cap(3), table.cap(99)]).toEqual([1, 2, 2, 2]);
  });
});

describe('a delayed record', () => {
  it('keeps its destination and its level in properties', () => {
    const scheduled = toScheduled({ ...draftOf('orders', 'x', { KEYS: 'k', TAGS: 't' }), queueId: 3 }, 5);
    expect(scheduled).toMatchObject({ topic: 'SCHEDULE_TOPIC_XXXX', queueId: 4, delayLevel: 5, tags: 't', keys: 'k' });
    expect(scheduled.properties).toBe(
      'KEYS\u0001k\u0002TAGS\u0001t\u0002REAL_TOPIC\u0001orders\u0002REAL_QID\u00013\u0002DELAY\u00015\u0002',
    );
  });

  it('is the same when it is scheduled twice', () => {
    const once = toScheduled(draftOf('orders', 'x'), 5);
    expect(toScheduled(once, 5)).toEqual(once);
  });

  it('goes to its new destination when it waited before for another', () => {
    const before = toScheduled({ ...draftOf('orders', 'x'), queueId: 3 }, 5);
    const again = toScheduled({ ...before, topic: '%RETRY%billing', queueId: 0, delayLevel: 0 }, 7);
    expect(parseProperties(again.properties)).toEqual({ REAL_TOPIC: '%RETRY%billing', REAL_QID: '0', DELAY: '7' });
    expect(again.queueId).toBe(6);
  });

  it('comes back as it was sent', async () => {
    const harness = await StoreHarness.open();
    const sent = {
      ...draftOf('orders', 'x', { KEYS: 'k', TAGS: 't', UNIQ_KEY: 'u' }),
      queueId: 3,
      flag: 9,
      reconsumeTimes: 2,
    };
    const scheduled = toScheduled(sent, 5);
    const delivered = fromScheduled(await harness.append(scheduled));
    // DELAY, REAL_TOPIC and REAL_QID stay in the text, as in RocketMQ.
    expect(delivered).toEqual({ ...sent, properties: scheduled.properties });
    await harness.close();
  });

  it.each([
    ['no topic', { REAL_QID: '0' }],
    ['no queue', { REAL_TOPIC: 'orders' }],
    ['a queue that is no number', { REAL_TOPIC: 'orders', REAL_QID: '-1' }],
    ['a queue that no topic has', { REAL_TOPIC: 'orders', REAL_QID: '99999999' }],
    ['a topic that leads out of the store', { REAL_TOPIC: '../orders', REAL_QID: '0' }],
    ['the half topic', { REAL_TOPIC: 'RMQ_SYS_TRANS_HALF_TOPIC', REAL_QID: '0' }],
    ['the schedule topic', { REAL_TOPIC: 'SCHEDULE_TOPIC_XXXX', REAL_QID: '0' }],
  ])('goes nowhere with %s', async (_, properties) => {
    const harness = await StoreHarness.open();
    expect(fromScheduled(await harness.append(draftOf('SCHEDULE_TOPIC_XXXX', 'x', properties)))).toBeUndefined();
    await harness.close();
  });
});
