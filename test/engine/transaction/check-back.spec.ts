import type { TransactionState } from '../../../lib/engine/types/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { GROUP, TransactionHarness } from './transaction-harness.js';

const HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC';
const OP_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';
const SET_ASIDE_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC';
const SECOND = 1000;
const HOUR = 3_600_000;

/** An answer that the test gives when it wants to. */
class Later {
  readonly promise: Promise<TransactionState>;
  give!: (state: TransactionState) => void;

  constructor() {
    this.promise = new Promise((resolve) => {
      this.give = resolve;
    });
  }
}

describe('a transaction whose second phase is missing', () => {
  it.each([
    ['COMMIT', ['T1']],
    ['ROLLBACK', []],
  ] as const)('is asked about after 6 s, and not a millisecond before; %s decides it', async (state, visible) => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => state);
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND - 1);
    expect(asked).toHaveLength(0);
    await harness.advance(1);
    expect(asked).toHaveLength(1);
    expect(await harness.visible()).toEqual(visible);
    expect(harness.pendingIds()).toEqual([]);
    await harness.advance(HOUR);
    expect(asked).toHaveLength(1);
    expect(await harness.visible()).toEqual(visible);
    await harness.close();
  });

  it('is shown to the checker as it was sent', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => Promise.resolve('COMMIT'));
    await harness.prepareUnknown('T1', { queueId: 3, flag: 7 });
    await harness.advance(6 * SECOND);
    expect(asked[0]!.half).toMatchObject({
      topic: 'orders',
      queueId: 3,
      body: Buffer.from('T1'),
      tags: 'TagA',
      keys: 'key-T1',
      flag: 7,
      msgId: 'T1',
      transactionId: 'T1',
      bornTimestamp: 1_700_000_000_000,
      bornHost: '10.0.0.7:54321',
    });
    await harness.close();
  });

  it('is asked about, and set aside, also when its properties have no room for the number of check-backs', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    const properties = formatProperties({ UNIQ_KEY: 'T1', pad: '.' });
    await harness.prepareUnknown('T1', { properties });
    const [half] = await harness.store.read(HALF_TOPIC);
    const room = 32_767 - Buffer.byteLength(half!.propertiesText);
    await harness.service.end('T1', 'ROLLBACK');
    await harness.prepareUnknown('T2', { properties: formatProperties({ UNIQ_KEY: 'T2', pad: 'x'.repeat(room + 1) }) });
    await harness.advance(6 * SECOND + 14 * 30 * SECOND);
    expect(asked).toHaveLength(15);
    await harness.advance(30 * SECOND);
    expect(await harness.visible(SET_ASIDE_TOPIC)).toEqual(['T2']);
    expect(harness.pendingIds()).toEqual([]);
    await harness.close();
  });

  it('is asked about every 30 s, fifteen times in all, and is then set aside', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND + 14 * 30 * SECOND);
    expect(asked.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 15 }, (_, i) => 6 * SECOND + i * 30 * SECOND));
    expect(asked.map(({ half }) => half.properties['TRANSACTION_CHECK_TIMES'])).toEqual(
      Array.from({ length: 15 }, (_, i) => String(i + 1)),
    );
    await harness.advance(30 * SECOND - 1);
    expect(await harness.visible(SET_ASIDE_TOPIC)).toEqual([]);
    expect(harness.service.pending()).toMatchObject([{ transactionId: 'T1', checkTimes: 15 }]);
    await harness.advance(1);
    const [setAside, ...others] = await harness.store.read(SET_ASIDE_TOPIC);
    expect(others).toHaveLength(0);
    expect(setAside).toMatchObject({ body: Buffer.from('T1'), keys: 'key-T1', msgId: 'T1' });
    expect(setAside!.properties).toMatchObject({ REAL_TOPIC: 'orders', PGROUP: GROUP, TRANSACTION_CHECK_TIMES: '15' });
    expect(harness.store.logger.warnings).toEqual([expect.stringContaining('T1')]);
    expect(harness.store.context.topics.get(SET_ASIDE_TOPIC)).toMatchObject({ readQueueNums: 1, perm: 6 });

    await harness.advance(HOUR);
    expect(asked).toHaveLength(15);
    expect(await harness.visible()).toEqual([]);
    const next = await harness.restart();
    expect(next.pendingIds()).toEqual([]);
    await next.close();
  });

  it('follows the options', async () => {
    const harness = await TransactionHarness.open({ transactionTimeoutMs: 100, checkIntervalMs: 50, checkMax: 3 });
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(SECOND);
    expect(asked.map(({ atMs }) => atMs)).toEqual([100, 150, 200]);
    expect(await harness.visible(SET_ASIDE_TOPIC)).toEqual(['T1']);
    await harness.close();
  });

  it.each([
    ['60', 60 * SECOND],
    ['0', 0],
    ['-1', 6 * SECOND],
    ['soon', 6 * SECOND],
  ])('with CHECK_IMMUNITY_TIME_IN_SECONDS %j is asked about for the first time after %d ms', async (text, waitMs) => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    const properties = formatProperties({ UNIQ_KEY: 'T1', CHECK_IMMUNITY_TIME_IN_SECONDS: text });
    await harness.prepareUnknown('T1', { properties });
    await harness.advance(waitMs + 31 * SECOND);
    expect(asked.map(({ atMs }) => atMs)).toEqual([waitMs, waitMs + 30 * SECOND]);
    await harness.close();
  });

  it('is not asked about while its local transaction runs in this process', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepare('T1');
    await harness.advance(24 * HOUR);
    expect(asked).toHaveLength(0);
    await harness.service.end('T1', 'UNKNOWN');
    // Its age is over long since.
    await harness.advance(0);
    await harness.advance(1);
    expect(asked).toHaveLength(1);
    await harness.close();
  });

  it('is asked about no more once its producer has ended it', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    await harness.service.end('T1', 'COMMIT');
    await harness.advance(HOUR);
    expect(asked).toHaveLength(1);
    expect(await harness.visible()).toEqual(['T1']);
    expect(await harness.visible(HALF_TOPIC)).toHaveLength(2);
    await harness.close();
  });

  it('is asked about in time when the time of day is set back', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    harness.store.clock.stepWallClock(-HOUR);
    await harness.prepareUnknown('T2');
    await harness.advance(6 * SECOND);
    expect(asked.map(({ id }) => id)).toEqual(['T1', 'T2']);
    await harness.advance(30 * SECOND);
    expect(asked).toHaveLength(4);
    await harness.close();
  });
});

describe('after a restart', () => {
  it('a transaction is asked about whose process died before the second phase', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepare('T1');
    const survivor = await harness.crashed();
    const { asked } = survivor.answer(() => 'COMMIT');
    await survivor.advance(6 * SECOND - 1);
    expect(asked).toHaveLength(0);
    await survivor.advance(1);
    expect(await survivor.visible()).toEqual(['T1']);
    await survivor.close();
    await harness.close();
  });

  it('the check-backs are counted on, and keep their distance', async () => {
    let harness = await TransactionHarness.open();
    harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND + 13 * 30 * SECOND + 10 * SECOND);
    harness = await harness.restart();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.advance(20 * SECOND - 1);
    expect(asked).toHaveLength(0);
    await harness.advance(1);
    expect(asked.map(({ half }) => half.properties['TRANSACTION_CHECK_TIMES'])).toEqual(['15']);
    await harness.advance(30 * SECOND);
    expect(await harness.visible(SET_ASIDE_TOPIC)).toEqual(['T1']);
    await harness.close();
  });

  it('each transaction is asked about at the checker of its own group', async () => {
    let harness = await TransactionHarness.open();
    for (const group of ['orders', 'fees', 'refunds']) await harness.prepare(`T-${group}`, {}, group);
    harness = await harness.restart();
    const groups = ['orders', 'fees', 'refunds'].map((group) => harness.answer(() => 'COMMIT', group));
    await harness.advance(6 * SECOND);
    expect(groups.map(({ asked }) => asked.map(({ id }) => id))).toEqual([['T-orders'], ['T-fees'], ['T-refunds']]);
    await harness.close();
  });

  it('many transactions are found again, and each is asked about once', async () => {
    let harness = await TransactionHarness.open();
    const ids = Array.from({ length: 700 }, (_, i) => `T${i}`);
    await Promise.all(ids.map((id) => harness.prepare(id)));
    await Promise.all(ids.filter((_, i) => i % 7 === 0).map((id) => harness.service.end(id, 'COMMIT')));
    harness = await harness.restart();
    const { asked } = harness.answer(() => 'ROLLBACK');
    await harness.advance(6 * SECOND);
    expect(asked.map(({ id }) => id).toSorted()).toEqual(ids.filter((_, i) => i % 7 !== 0).toSorted());
    expect(harness.pendingIds()).toEqual([]);
    await harness.close();
  });

  it('of a check-back that was killed at any moment, a transaction is asked about again, at most once too often', async () => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    const survivors: { readonly harness: TransactionHarness; readonly askedBefore: number }[] = [];
    // A crash after each turn of the event loop in which the first check-back runs.
    await harness.store.clock.advance(6 * SECOND, async () => {
      for (let turn = 0; turn < 20; turn++) {
        if (harness.store.clock.monotonicMs() === 6 * SECOND) {
          survivors.push({ harness: await harness.crashed(), askedBefore: asked.length });
        }
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
    });
    expect(new Set(survivors.map(({ askedBefore }) => askedBefore))).toEqual(new Set([0, 1]));
    const copies = new Set<number>();
    for (const { harness: survivor, askedBefore } of survivors) {
      const again = survivor.answer(() => 'UNKNOWN');
      copies.add((await survivor.store.read(HALF_TOPIC)).length);
      expect(survivor.pendingIds()).toEqual(['T1']);
      await survivor.advance(20 * 30 * SECOND);
      const total = askedBefore + again.asked.length;
      expect(total).toBeGreaterThanOrEqual(14);
      expect(total).toBeLessThanOrEqual(16);
      expect(await survivor.visible(SET_ASIDE_TOPIC)).toEqual(['T1']);
      expect(await survivor.visible()).toEqual([]);
      expect(survivor.pendingIds()).toEqual([]);
      const reopened = await survivor.restart();
      expect(reopened.pendingIds()).toEqual([]);
      await reopened.close();
    }
    expect(copies).toEqual(new Set([1, 2]));
    await harness.close();
  });
});

describe('without a checker of its group', () => {
  it('a transaction waits, uncounted, until there is one', async () => {
    const harness = await TransactionHarness.open();
    harness.answer(() => 'COMMIT', 'others');
    await harness.prepareUnknown('T1');
    await harness.advance(24 * HOUR);
    expect(harness.service.pending()).toMatchObject([{ transactionId: 'T1', checkTimes: 0 }]);
    expect(await harness.visible(HALF_TOPIC)).toEqual(['T1']);
    const { asked } = harness.answer(() => 'UNKNOWN');
    await harness.store.settle();
    expect(asked.map(({ half }) => half.properties['TRANSACTION_CHECK_TIMES'])).toEqual(['1']);
    await harness.close();
  });

  it('a transaction can be ended by its producer, and is then not asked about', async () => {
    const harness = await TransactionHarness.open();
    await harness.prepareUnknown('T1');
    await harness.advance(HOUR);
    await harness.service.end('T1', 'COMMIT');
    const { asked } = harness.answer(() => 'ROLLBACK');
    await harness.advance(HOUR);
    expect(asked).toHaveLength(0);
    expect(await harness.visible()).toEqual(['T1']);
    expect(await harness.visible(HALF_TOPIC)).toHaveLength(1);
    await harness.close();
  });

  it('that was taken away, a transaction waits for the next one', async () => {
    const harness = await TransactionHarness.open();
    const first = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    first.remove();
    first.remove();
    await harness.advance(HOUR);
    expect(first.asked).toHaveLength(1);
    const second = harness.answer(() => 'COMMIT');
    await harness.store.settle();
    expect(second.asked).toHaveLength(1);
    expect(await harness.visible()).toEqual(['T1']);
    await harness.close();
  });

  it('that answers for its topic, a transaction waits, uncounted, until there is one', async () => {
    const harness = await TransactionHarness.open();
    const first = harness.answer(() => 'UNKNOWN', GROUP, ['refunds', 'fees']);
    await harness.prepareUnknown('T1');
    await harness.prepareUnknown('T2');
    await harness.advance(24 * HOUR);
    expect(harness.service.pending()).toMatchObject([{ checkTimes: 0 }, { checkTimes: 0 }]);
    expect(harness.store.logger.warnings).toEqual([
      expect.stringMatching(/"order-producers".*"orders": transaction T1/),
    ]);
    const second = harness.answer(() => 'COMMIT', GROUP, ['orders']);
    await harness.store.settle();
    expect([first.asked, second.asked.map(({ id }) => id)]).toEqual([[], ['T1', 'T2']]);
    await harness.close();
  });

  it('that names a topic is asked before one that answers for any, whoever came last', async () => {
    const harness = await TransactionHarness.open();
    const ofTopic = harness.answer(() => 'COMMIT', GROUP, ['orders']);
    const ofAny = harness.answer(() => 'COMMIT');
    await harness.prepareUnknown('T1');
    await harness.prepareUnknown('T2', { topic: 'fees' });
    await harness.advance(6 * SECOND);
    const ids = [ofTopic, ofAny].map(({ asked }) => asked.map(({ id }) => id));
    expect(ids).toEqual([['T1'], ['T2']]);
    await harness.close();
  });

  it('of several checkers of a group the last one answers', async () => {
    const harness = await TransactionHarness.open();
    const first = harness.answer(() => 'UNKNOWN');
    const second = harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    second.remove();
    await harness.advance(30 * SECOND);
    expect([first.asked.length, second.asked.length]).toEqual([1, 1]);
    await harness.close();
  });
});

describe('a checker', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('database is down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('database is down'))],
    ['returns nonsense', () => 'PERHAPS' as TransactionState],
    ['returns nothing', () => undefined as unknown as TransactionState],
  ])('that %s is taken for UNKNOWN, and named with the transaction in the log, once per check', async (_, answer) => {
    const harness = await TransactionHarness.open();
    const { asked } = harness.answer(answer);
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND + 30 * SECOND);
    expect(asked).toHaveLength(2);
    expect(harness.pendingIds()).toEqual(['T1']);
    expect(harness.store.logger.errors).toHaveLength(2);
    for (const line of harness.store.logger.errors) expect(line).toContain('T1');
    await harness.close();
  });

  it('is asked by at most sixteen check-backs at a time', async () => {
    const harness = await TransactionHarness.open();
    const answers: Later[] = [];
    let running = 0;
    let most = 0;
    const { asked } = harness.answer(() => {
      const later = new Later();
      answers.push(later);
      running += 1;
      most = Math.max(most, running);
      return later.promise.finally(() => {
        running -= 1;
      });
    });
    for (let i = 0; i < 40; i++) await harness.prepareUnknown(`T${i}`);
    await harness.advance(6 * SECOND);
    expect(asked).toHaveLength(16);
    while (harness.pendingIds().length > 0) {
      for (const later of answers.splice(0)) later.give('COMMIT');
      await harness.store.settle();
    }
    expect(asked).toHaveLength(40);
    expect(most).toBe(16);
    expect(await harness.visible()).toHaveLength(40);
    await harness.close();
  });

  it('that does not answer is asked again after the interval; its late answer counts', async () => {
    const harness = await TransactionHarness.open();
    const answers: Later[] = [];
    harness.answer(() => {
      answers.push(new Later());
      return answers.at(-1)!.promise;
    });
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    expect(answers).toHaveLength(1);
    await harness.advance(30 * SECOND);
    expect(answers).toHaveLength(2);
    expect(harness.store.logger.warnings).toEqual([expect.stringContaining('T1')]);
    answers[0]!.give('COMMIT');
    await harness.store.settle();
    expect(await harness.visible()).toEqual(['T1']);
    answers[1]!.give('ROLLBACK');
    await harness.advance(HOUR);
    expect(await harness.visible()).toEqual(['T1']);
    expect(answers).toHaveLength(2);
    await harness.close();
  });

  it('that does not answer holds up neither the others nor the closing', async () => {
    const harness = await TransactionHarness.open();
    harness.answer(() => new Later().promise, 'stuck');
    const { asked } = harness.answer(() => 'COMMIT');
    for (let i = 0; i < 20; i++) await harness.prepareUnknown(`S${i}`, {}, 'stuck');
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND + 31 * SECOND);
    expect(asked).toHaveLength(1);
    await harness.close();
  });

  it('whose answer is being carried out when the service is closed is not asked again', async () => {
    const harness = await TransactionHarness.open();
    const later = new Later();
    harness.answer(() => later.promise);
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    later.give('COMMIT');
    // Until the answer has been taken, and no longer: the commit is not on disk.
    while (harness.pendingIds().length > 0) await Promise.resolve();
    expect(await harness.visible()).toEqual([]);
    const next = await harness.restart();
    expect(next.pendingIds()).toEqual([]);
    expect(await next.visible()).toEqual(['T1']);
    await next.close();
  });

  it('that answers after the service was closed changes nothing, and is asked again after the restart', async () => {
    const harness = await TransactionHarness.open();
    const later = new Later();
    harness.answer(() => later.promise);
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    const restarting = harness.restart();
    later.give('COMMIT');
    const next = await restarting;
    expect(next.pendingIds()).toEqual(['T1']);
    next.answer(() => 'ROLLBACK');
    await next.advance(30 * SECOND);
    expect(next.pendingIds()).toEqual([]);
    expect(await next.visible()).toEqual([]);
    await next.close();
  });

  it('that answers after its transaction was ended by the producer changes nothing', async () => {
    const harness = await TransactionHarness.open();
    const later = new Later();
    const { asked } = harness.answer(() => later.promise);
    await harness.prepareUnknown('T1');
    await harness.advance(6 * SECOND);
    expect(asked).toHaveLength(1);
    await harness.service.end('T1', 'ROLLBACK');
    later.give('COMMIT');
    await harness.advance(HOUR);
    expect(await harness.visible()).toEqual([]);
    expect(asked).toHaveLength(1);
    const next = await harness.restart();
    expect(next.pendingIds()).toEqual([]);
    await next.close();
  });

  it.each([
    ['COMMIT', ['T1']],
    ['ROLLBACK', []],
  ] as const)(
    'is not asked when the producer ends the transaction by %s while the check-back is being stored',
    async (state, visible) => {
      const harness = await TransactionHarness.open();
      const { asked } = harness.answer(() => 'COMMIT');
      await harness.prepareUnknown('T1');
      let ending: Promise<void> | undefined;
      await harness.store.clock.advance(6 * SECOND, async () => {
        // In the middle of the check-back that the timer has started.
        if (harness.store.clock.monotonicMs() === 6 * SECOND) ending ??= harness.service.end('T1', state);
        await harness.store.settle();
      });
      await ending;
      expect(asked).toHaveLength(0);
      expect(await harness.visible()).toEqual(visible);
      expect(await harness.visible(HALF_TOPIC)).toEqual(['T1', 'T1']);
      const next = await harness.restart();
      expect(next.pendingIds()).toEqual([]);
      await next.close();
    },
  );

  it('is not asked about a transaction that was ended while it waited its turn', async () => {
    const harness = await TransactionHarness.open();
    const stuck: Later[] = [];
    const { asked } = harness.answer(() => {
      stuck.push(new Later());
      return stuck.at(-1)!.promise;
    });
    for (let i = 0; i < 17; i++) await harness.prepareUnknown(`T${i}`);
    await harness.advance(6 * SECOND);
    expect(asked).toHaveLength(16);
    await harness.service.end('T16', 'ROLLBACK');
    for (const later of stuck) later.give('ROLLBACK');
    await harness.store.settle();
    expect(asked).toHaveLength(16);
    expect(await harness.visible(HALF_TOPIC)).toHaveLength(17 + 16);
    const next = await harness.restart();
    expect(next.pendingIds()).toEqual([]);
    await next.close();
  });
});

describe('when the disk is full', () => {
  it('a check-back is not counted and is tried again after the interval', async () => {
    const harness = await TransactionHarness.open({ diskBytes: 8 * 1024 * 1024 });
    const { asked } = harness.answer(() => 'COMMIT');
    await harness.prepareUnknown('T1', { body: Buffer.alloc(100_000, 'x') });
    const freeRoom = await harness.store.fillDisk();
    await harness.advance(6 * SECOND + 29 * SECOND);
    expect(asked).toHaveLength(0);
    expect(harness.service.pending()).toMatchObject([{ transactionId: 'T1', checkTimes: 0 }]);
    await freeRoom();
    await harness.advance(SECOND);
    expect(asked.map(({ half }) => half.properties['TRANSACTION_CHECK_TIMES'])).toEqual(['1']);
    expect(await harness.visible()).toHaveLength(1);
    await harness.close();
  });

  it('a transaction that can not be set aside stays pending until it can', async () => {
    const harness = await TransactionHarness.open({ diskBytes: 8 * 1024 * 1024, checkMax: 1 });
    harness.answer(() => 'UNKNOWN');
    await harness.prepareUnknown('T1', { body: Buffer.alloc(100_000, 'x') });
    await harness.advance(7 * SECOND);
    const freeRoom = await harness.store.fillDisk();
    await harness.advance(31 * SECOND);
    expect(harness.pendingIds()).toEqual(['T1']);
    await freeRoom();
    await harness.advance(30 * SECOND);
    expect(harness.pendingIds()).toEqual([]);
    expect(await harness.visible(SET_ASIDE_TOPIC)).toHaveLength(1);
    expect(await harness.visible(OP_TOPIC)).toEqual(['0,', '1,']);
    await harness.close();
  });
});
