import { NonRetryableError } from '../../../lib/errors/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { RECONSUME_LATER, type MessageExt, type StoredRecord } from '../../../lib/engine/types/index.js';
import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
  await harness.createTopic('orders', 1);
});

afterEach(() => harness.close());

const fail = (): never => {
  throw new Error('no stock');
};
const RETRY_DELAYS_S = [10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];

describe('a message whose concurrent handler fails', () => {
  it('comes again after 10 s, 30 s, 1 m … 2 h, and after the 16th retry is a dead letter', async () => {
    const atMs: number[] = [];
    const witness = new Witness(() => {
      atMs.push(harness.store.clock.now());
      return fail();
    });
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['m']);
    for (const delayS of RETRY_DELAYS_S) await harness.advance(delayS * 1000);
    expect(witness.attempts).toEqual(Array.from({ length: 17 }, (_, i) => `m#${i + 1}`));
    expect(atMs.slice(1).map((ms, i) => (ms - atMs[i]!) / 1000)).toEqual(RETRY_DELAYS_S);
    await harness.advance(24 * 3600 * 1000);
    expect(witness.seen).toHaveLength(17);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
  }, 30_000);

  it('keeps its topic and its id through retries', async () => {
    const witness = new Witness(fail);
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['m']);
    await harness.advance(10_000);
    expect(witness.seen.map(({ topic, msgId }) => [topic, msgId])).toEqual([
      ['orders', 'm'],
      ['orders', 'm'],
    ]);
  });

  it('is done for its queue when it is stored for the retry, and not before', async () => {
    let stored: (() => void) | undefined;
    const sendBack = (): Promise<'RETRY'> =>
      new Promise((resolve) => {
        stored = () => resolve('RETRY');
      });
    const own = await ConsumeHarness.open({}, { sendBack });
    await own.createTopic('orders', 1);
    await own.subscribe('shop', { handler: fail });
    await own.send('orders', ['m']);
    expect(own.offsets('orders', 'shop')).toEqual([0]);
    stored!();
    await own.settle();
    expect(own.offsets('orders', 'shop')).toEqual([1]);
    await own.close();
  });

  it('is tried at most maxReconsumeTimes times more', async () => {
    const witness = new Witness(fail);
    await harness.subscribe('shop', { handler: witness.handler, maxReconsumeTimes: 2 });
    await harness.send('orders', ['m']);
    await harness.advance(3600 * 1000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
  });

  it.each([
    ['after the last retry', { maxReconsumeTimes: 1 }, ['tried again later', 'not tried again']],
    ['where every failure is the last', { delayLevelWhenNextConsume: -1 }, ['not tried again']],
  ])('is not said to come again %s', async (_, options, endings) => {
    await harness.subscribe('shop', { handler: fail, ...options });
    await harness.send('orders', ['m']);
    await harness.advance(10_000);
    expect(harness.logger.errors).toEqual(endings.map((ending) => expect.stringContaining(`is ${ending}.`)));
  });

  it('waits for the level that the listener names', async () => {
    const witness = new Witness(fail);
    await harness.subscribe('shop', { handler: witness.handler, delayLevelWhenNextConsume: 1 });
    await harness.send('orders', ['m']);
    await harness.advance(3000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3', 'm#4']);
  });

  it.each([
    ['thrown', () => fail()],
    ['rejected', () => Promise.reject(new Error('no stock'))],
    // eslint-disable-next-line unicorn/no-thenable -- what other promise libraries return
    ['a foreign thenable', () => ({ then: (_: unknown, reject: (reason: unknown) => void) => reject('no stock') })],
  ])('fails the same way when its error is %s, and is logged once an attempt', async (_, answer) => {
    const witness = new Witness(answer);
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['m1']);
    await harness.advance(10_000);
    expect(witness.attempts).toEqual(['m1#1', 'm1#2']);
    expect(harness.logger.errors).toHaveLength(2);
    for (const part of ['Attempt 2', '"shop"', 'm1', '"orders"', 'no stock']) {
      expect(harness.logger.errors[1]).toContain(part);
    }
  });

  it('is a dead letter at once after a NonRetryableError, also one of another copy of the package', async () => {
    const foreign = Object.assign(new Error('never'), { code: 'NON_RETRYABLE' });
    const errors: Record<string, unknown> = { own: new NonRetryableError('never'), foreign };
    const witness = new Witness(({ body }: MessageExt) => Promise.reject(errors[body.toString()]));
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['own', 'foreign']);
    await harness.advance(3600 * 1000);
    expect(witness.attempts).toEqual(['own#1', 'foreign#1']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['own', 'foreign']);
  });

  it.each([
    ['returned', () => RECONSUME_LATER],
    ['resolved', () => Promise.resolve(RECONSUME_LATER)],
  ])('comes again without an error in the log when RECONSUME_LATER is %s', async (_, answer) => {
    const witness = new Witness(answer);
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['m']);
    await harness.advance(10_000);
    expect(witness.attempts).toEqual(['m#1', 'm#2']);
    expect(harness.logger.errors).toEqual([]);
  });

  it.each([
    ['message', new Error('x')],
    ['stack', new Error('x')],
    ['code', new Error('x')],
    ['properties', new NonRetryableError('x')],
  ])('is retried or a dead letter also when reading the %s of what was thrown throws', async (field, thrown) => {
    Object.defineProperty(thrown, field, {
      get: () => {
        throw new Error('this can not be read');
      },
    });
    const handlers = {
      sync: () => {
        throw thrown;
      },
      async: () => Promise.reject(thrown),
    };
    for (const [group, handler] of Object.entries(handlers)) {
      await harness.subscribe(group, { handler, maxReconsumeTimes: 0 });
    }
    await harness.send('orders', ['m']);
    await harness.settle();
    expect(await harness.bodiesIn('%DLQ%sync')).toEqual(['m']);
    expect(await harness.bodiesIn('%DLQ%async')).toEqual(['m']);
  });

  it('is a dead letter also when a revoked proxy was thrown', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    await harness.subscribe('shop', { handler: () => Promise.reject(proxy), maxReconsumeTimes: 0 });
    await harness.send('orders', ['m']);
    await harness.settle();
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
  });

  it('is kept and handled again after 5 s when it can not be stored for a retry', async () => {
    const attempts: [string, number][] = [];
    let isBroken = true;
    const sendBack = async (record: StoredRecord): Promise<'RETRY'> => {
      attempts.push([record.body.toString(), record.reconsumeTimes]);
      if (isBroken) throw new Error('disk full');
      return 'RETRY';
    };
    const own = await ConsumeHarness.open({}, { sendBack });
    await own.createTopic('orders', 1);
    const witness = new Witness(({ body }) => (body.toString().startsWith('bad') ? fail() : undefined));
    await own.subscribe('shop', { handler: witness.handler });
    await own.send('orders', ['bad1', 'good']);
    await own.advance(2000);
    await own.send('orders', ['bad2']);
    expect(own.offsets('orders', 'shop')).toEqual([0]);
    await own.advance(2999);
    expect(witness.attempts).toEqual(['bad1#1', 'good#1', 'bad2#1']);
    await own.advance(1);
    expect(witness.attempts.slice(3)).toEqual(['bad1#2']);
    isBroken = false;
    await own.advance(2000);
    expect(witness.attempts.slice(4)).toEqual(['bad2#2']);
    expect(own.offsets('orders', 'shop')).toEqual([0]);
    await own.advance(3000);
    expect(attempts).toEqual([
      ['bad1', 0],
      ['bad2', 0],
      ['bad1', 1],
      ['bad2', 1],
      ['bad1', 2],
    ]);
    expect(own.offsets('orders', 'shop')).toEqual([3]);
    expect(own.logger.errors.filter((line) => line.includes('disk full'))).toHaveLength(3);
    await own.close();
  });

  it('is tried as often as others, and then a dead letter, also when its properties leave no room for a retry', async () => {
    const witness = new Witness(fail);
    await harness.subscribe('shop', { handler: witness.handler, maxReconsumeTimes: 2 });
    const properties = formatProperties({ UNIQ_KEY: 'm', note: 'n'.repeat(32_700) });
    await harness.send('orders', ['m'], { properties });
    for (let attempt = 0; attempt < 5; attempt++) await harness.advance(5000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
    expect(harness.offsets('orders', 'shop')).toEqual([1]);
  });

  it('that is stored only after its group has ended does not set back the group that came after it', async () => {
    let stored: (() => void) | undefined;
    const sendBack = (): Promise<'RETRY'> =>
      new Promise((resolve) => {
        stored = () => resolve('RETRY');
      });
    const own = await ConsumeHarness.open({}, { sendBack });
    await own.createTopic('orders', 1);
    const first = await own.subscribe('shop', { handler: fail });
    await own.send('orders', ['m']);
    await first.close({ timeoutMs: 0 });
    const witness = new Witness();
    await own.subscribe('shop', { handler: witness.handler });
    await own.send('orders', ['n', 'o']);
    expect(witness.bodies).toEqual(['m', 'n', 'o']);
    stored!();
    await own.settle();
    expect(own.offsets('orders', 'shop')).toEqual([3]);
    await own.close();
  });

  it('does not take a handler away from others while it is being stored', async () => {
    const own = await ConsumeHarness.open({}, { sendBack: () => new Promise(() => undefined) });
    await own.createTopic('orders', 1);
    const witness = new Witness(fail);
    await own.subscribe('shop', { handler: witness.handler, concurrency: 1 });
    await own.send('orders', numbered('m', 3));
    expect(witness.bodies).toEqual(['m0', 'm1', 'm2']);
    await own.close();
  });
});

describe('a dead letter that another group listens to', () => {
  it('comes again to that listener when it fails, as often as other messages', async () => {
    await harness.subscribe('shop', { handler: fail, maxReconsumeTimes: 0 });
    const witness = new Witness(fail);
    await harness.subscribe('support', { topic: '%DLQ%shop', handler: witness.handler, maxReconsumeTimes: 1 });
    await harness.send('orders', ['m']);
    await harness.advance(10_000);
    expect(witness.attempts).toEqual(['m#1', 'm#2']);
    expect(witness.seen.map(({ topic }) => topic)).toEqual(['%DLQ%shop', '%DLQ%shop']);
    await harness.advance(3_600_000);
    expect(await harness.bodiesIn('%DLQ%support')).toEqual(['m']);
    expect(await harness.bodiesIn('%DLQ%shop')).toEqual(['m']);
  });

  it('comes again in its place when it is handled orderly', async () => {
    await harness.subscribe('shop', { handler: fail, delayLevelWhenNextConsume: -1 });
    const witness = new Witness(({ reconsumeTimes }) => (reconsumeTimes < 2 ? fail() : undefined));
    const orderly = { consumeMode: 'ORDERLY', maxReconsumeTimes: 5 } as const;
    await harness.subscribe('support', { topic: '%DLQ%shop', handler: witness.handler, ...orderly });
    await harness.send('orders', ['m']);
    await harness.advance(3000);
    expect(witness.attempts).toEqual(['m#1', 'm#2', 'm#3']);
  });
});

describe('retries of a group', () => {
  it('go to the listener of their own topic, within its concurrency', async () => {
    await harness.createTopic('fees', 1);
    const orders = new Witness((message) => (message.reconsumeTimes === 0 ? fail() : gate.handler(message)));
    const gate = new Gate();
    const fees = new Witness(({ reconsumeTimes }) => (reconsumeTimes === 0 ? fail() : undefined));
    await harness.subscribe('shop', [
      { topic: 'orders', handler: orders.handler, concurrency: 1 },
      { topic: 'fees', handler: fees.handler, concurrency: 1 },
    ]);
    await harness.send('orders', ['o1', 'o2']);
    await harness.send('fees', ['f1', 'f2']);
    await harness.advance(10_000);
    // The busy listener of one topic does not hold up the retries of the other.
    expect(gate.running).toEqual(['o1']);
    expect(fees.attempts).toEqual(['f1#1', 'f2#1', 'f1#2', 'f2#2']);
    gate.end('o1');
    await harness.settle();
    expect(gate.running).toEqual(['o2']);
    gate.endAll();
    await harness.settle();
    expect(harness.offsets('%RETRY%shop', 'shop')).toEqual([4]);
  });

  it('reach the handler whatever its selector says', async () => {
    const witness = new Witness(({ reconsumeTimes }) => (reconsumeTimes === 0 ? fail() : undefined));
    const selector = { type: 'TAG', expression: 'A' } as const;
    await harness.subscribe('shop', { handler: witness.handler, selector });
    await harness.send('orders', ['m'], { tags: 'A' });
    await harness.advance(10_000);
    expect(witness.attempts).toEqual(['m#1', 'm#2']);
  });

  it('wait on when nobody subscribes to their topic any more, and are handled when somebody does', async () => {
    const first = await harness.subscribe('shop', { handler: fail });
    await harness.send('orders', ['m']);
    await first.close({ timeoutMs: 0 });
    const other = await harness.subscribe('shop', { topic: 'fees' });
    await harness.advance(10_000);
    expect(harness.logger.warnings).toEqual([expect.stringContaining('does not subscribe to topic "orders"')]);
    await other.close({ timeoutMs: 0 });
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.advance(30_000);
    expect(witness.attempts).toEqual(['m#3']);
  });

  it('survive a restart', async () => {
    await harness.subscribe('shop', { handler: fail });
    await harness.send('orders', ['m']);
    harness = await harness.restart();
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.advance(9_999);
    expect(witness.attempts).toEqual([]);
    await harness.advance(1);
    expect(witness.attempts).toEqual(['m#2']);
  });
});
