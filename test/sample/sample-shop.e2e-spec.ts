import { jest } from '@jest/globals';
import fc from 'fast-check';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from './eventually.js';
import { RunningShop } from './running-shop.js';

// The sample shop over real HTTP, on a real directory and in real time. All that has to wait is sent at the beginning, so that the waiting
// times run side by side: the longest of them is the 10 s of delay level 3.

const QUICK_CHECKS = { CHECK_TIMEOUT_MS: '1000', CHECK_INTERVAL_MS: '500' };
const SOON_MS = 5000;
const TEN_SECONDS_MS = 10_000;
/** For what is due 10 s after the beginning. */
const LATER_MS = 20_000;

jest.setTimeout(LATER_MS + 5000);

interface Event {
  readonly time: string;
  readonly topic: string;
  readonly tag: string | null;
  readonly group: string;
  readonly attempt: number;
  readonly msgId: string;
  readonly note: string;
}

interface Transaction {
  readonly sendStatus: string;
  readonly localTransactionState: string;
  readonly transactionId: string;
  readonly error?: string;
}

interface LedgerView {
  readonly balance: number;
  readonly entries: readonly { readonly kind: string; readonly reference: string; readonly amount: number }[];
}

let shop: RunningShop;
let restarted: RunningShop;
let directories: TemporaryDirectory[];
let beganMs: number;
let sentMessage: unknown;
const transactions = new Map<string, unknown>();

async function eventsOf(of: RunningShop, id: string): Promise<Event[]> {
  const { body } = await of.get(`/events?id=${encodeURIComponent(id)}`);
  return body as Event[];
}

async function ledgerOf(of: RunningShop): Promise<LedgerView> {
  return (await of.get('/ledger')).body as LedgerView;
}

async function bookingsOf(of: RunningShop, reference: string): Promise<number[]> {
  const { entries } = await ledgerOf(of);
  return entries.filter((entry) => entry.reference === reference).map((entry) => entry.amount);
}

async function payFee(of: RunningShop, feeId: string, outcome?: string): Promise<void> {
  transactions.set(feeId, (await of.post('/fees', { feeId, amount: 100.5, outcome })).body);
}

async function sendWhatWaits(): Promise<void> {
  await shop.post('/love', { text: '2333' });
  const message = { topic: 'messages', tag: 'TagA', keys: ['k1', 'k2'], payload: { n: [1, null] }, delayLevel: 1 };
  sentMessage = (await shop.post('/messages', message)).body;
  await shop.post('/orders', { orderNo: 'unpaid', amount: 12.5 });
  await shop.post('/orders', { orderNo: 'paid', amount: 12.5 });
  await shop.post('/orders/paid/pay', {});
  await shop.post('/flaky', { id: 'fails-once', failTimes: 1 });
  await shop.post('/flaky', { id: 'fails-always', failTimes: 1000, impatient: true });
  await payFee(shop, 'committed');
  await payFee(shop, 'rolled-back', 'rollback');
  await payFee(shop, 'unknown', 'unknown');
  await payFee(shop, 'threw', 'throw');
  await payFee(shop, 'to-refund');
  await payFee(shop, 'to-refund-later');
  transactions.set('refund', (await shop.post('/refunds', { refundId: 'refund', feeId: 'to-refund' })).body);
  const unknownRefund = { refundId: 'unknown-refund', feeId: 'to-refund-later', outcome: 'unknown' };
  transactions.set('unknown-refund', (await shop.post('/refunds', unknownRefund)).body);
}

/** Leaves behind what the next start has to take up. */
async function sendBeforeRestart(settings: Readonly<Record<string, string>>): Promise<void> {
  const first = await RunningShop.start(settings);
  await first.post('/orders', { orderNo: 'across', amount: 1 });
  await first.post('/flaky', { id: 'fails-across', failTimes: 1 });
  await payFee(first, 'unknown-across', 'unknown');
  await payFee(first, 'threw-across', 'throw');
  await eventually(SOON_MS, async () => expect(await eventsOf(first, 'fails-across')).toHaveLength(1));
  await first.stop();
}

beforeAll(async () => {
  directories = await Promise.all([temporaryDirectory(), temporaryDirectory()]);
  const [settings, settingsOfRestarted] = directories.map(({ path }) => ({ DATA_DIR: path, ...QUICK_CHECKS }));
  shop = await RunningShop.start(settings!);
  beganMs = Date.now();
  await sendWhatWaits();
  await sendBeforeRestart(settingsOfRestarted!);
  restarted = await RunningShop.start(settingsOfRestarted!);
});

afterAll(async () => {
  await Promise.all([shop.stop(), restarted.stop()]);
  await Promise.all(directories.map((directory) => directory.remove()));
});

describe('the sample shop', () => {
  it('hands a text to its listener', async () => {
    expect(await shop.post('/love', { text: 'again' })).toEqual({
      status: 201,
      body: { topic: 'love', text: 'again' },
    });
    await eventually(SOON_MS, async () => {
      const seen = [{ topic: 'love', group: 'madoka', attempt: 1, note: 'done' }];
      expect(await eventsOf(shop, '2333')).toMatchObject(seen);
      expect(await eventsOf(shop, 'again')).toMatchObject(seen);
    });
  });

  it('sends anything and answers the SendResult', async () => {
    expect(sentMessage).toEqual({
      sendStatus: 'SEND_OK',
      msgId: expect.stringMatching(/^[0-9A-F]{32}$/) as unknown,
      offsetMsgId: expect.stringMatching(/^[0-9A-F]{32}$/) as unknown,
      messageQueue: {
        topic: 'messages',
        brokerName: expect.any(String) as unknown,
        queueId: expect.any(Number) as unknown,
      },
      queueOffset: expect.any(Number) as unknown,
    });
    const { msgId } = sentMessage as { msgId: string };
    await eventually(SOON_MS, async () => {
      const seen = [{ topic: 'messages', tag: 'TagA', group: 'messages', attempt: 1, msgId, id: 'k1 k2' }];
      expect(await eventsOf(shop, msgId)).toMatchObject(seen);
      expect(await eventsOf(shop, 'k1 k2')).toMatchObject(seen);
    });
  });

  it('counts deliveries by topic', async () => {
    const summary = { deliveries: 1, messages: 1, repeats: 0 };
    await eventually(SOON_MS, async () => {
      expect(await shop.get('/events/summary?topic=messages')).toEqual({ status: 200, body: summary });
    });
  });

  it('answers a transaction with what came of it', () => {
    const stored = { sendStatus: 'SEND_OK', transactionId: expect.any(String) as unknown };
    expect(transactions.get('committed')).toEqual({ ...stored, localTransactionState: 'COMMIT' });
    expect(transactions.get('rolled-back')).toEqual({ ...stored, localTransactionState: 'ROLLBACK' });
    expect(transactions.get('unknown')).toEqual({ ...stored, localTransactionState: 'UNKNOWN' });
    const error = 'the local transaction failed in the middle, as asked';
    expect(transactions.get('threw')).toEqual({ ...stored, localTransactionState: 'UNKNOWN', error });
    expect(transactions.get('refund')).toEqual({ ...stored, localTransactionState: 'COMMIT' });
    expect(transactions.get('unknown-refund')).toEqual({ ...stored, localTransactionState: 'UNKNOWN' });
  });

  it('books a paid fee once and a refund against it, each through its own transaction listener', async () => {
    const { transactionId } = transactions.get('committed') as Transaction;
    expect(await shop.get('/fees/committed')).toMatchObject({
      status: 200,
      body: { feeId: 'committed', amount: 100.5, state: 'PAID', transactionId },
    });
    expect((await shop.get('/fees/to-refund')).body).toMatchObject({ state: 'REFUNDED' });
    expect((await shop.get('/refunds/refund')).body).toMatchObject({ feeId: 'to-refund', amount: 100.5 });
    await eventually(SOON_MS, async () => {
      expect(await bookingsOf(shop, 'committed')).toEqual([100.5]);
      expect(await bookingsOf(shop, 'to-refund')).toEqual([100.5]);
      expect(await bookingsOf(shop, 'refund')).toEqual([-100.5]);
    });
    expect(await eventsOf(shop, 'committed')).toMatchObject([{ topic: 'fee-paid', group: 'ledger', note: 'booked' }]);
  });

  it('lets the check-back decide an unknown transaction by the row that it left, or did not', async () => {
    await eventually(SOON_MS, async () => {
      expect(await bookingsOf(shop, 'unknown')).toEqual([100.5]);
      expect(await bookingsOf(shop, 'unknown-refund')).toEqual([-100.5]);
    });
    expect((await shop.get('/fees/unknown')).body).toMatchObject({ state: 'PAID' });
    expect((await shop.get('/fees/threw')).status).toBe(404);
    expect((await shop.get('/fees/rolled-back')).status).toBe(404);
  });

  it('refuses to pay a fee twice, and to refund it twice', async () => {
    expect((await shop.post('/fees', { feeId: 'committed', amount: 1 })).status).toBe(409);
    expect((await shop.post('/refunds', { refundId: 'other', feeId: 'to-refund' })).status).toBe(409);
    expect((await shop.post('/refunds', { refundId: 'other', feeId: 'no-such-fee' })).status).toBe(404);
  });

  it('books a fee once although its message comes twice', async () => {
    const payload = { feeId: 'twice', amount: 7, paidAt: new Date() };
    await shop.post('/messages', { topic: 'fee-paid', keys: 'twice', payload });
    await shop.post('/messages', { topic: 'fee-paid', keys: 'twice', payload });
    await eventually(SOON_MS, async () => {
      const notes = (await eventsOf(shop, 'twice')).map((event) => event.note);
      expect(notes.toSorted()).toEqual(['booked', 'was booked before']);
    });
    expect(await bookingsOf(shop, 'twice')).toEqual([7]);
  });

  it('makes a dead letter of a message whose retries are used up', async () => {
    await eventually(SOON_MS, async () => {
      expect(await eventsOf(shop, 'fails-always')).toMatchObject([
        { topic: 'flaky', tag: 'impatient', group: 'impatient', attempt: 1, note: 'threw' },
        { topic: 'flaky', tag: 'impatient', group: 'impatient', attempt: 2, note: 'threw' },
        { topic: 'flaky', tag: 'impatient', group: 'impatient', attempt: 3, note: 'threw' },
        { topic: '%DLQ%impatient', group: 'undertaker', note: 'is a dead letter' },
      ]);
    });
  });

  it('makes a dead letter at once of a message that can never be handled', async () => {
    const payload = { id: 'x y', failTimes: true };
    const { body } = await shop.post('/messages', { topic: 'flaky', tag: 'impatient', payload });
    await eventually(SOON_MS, async () => {
      expect(await eventsOf(shop, (body as { msgId: string }).msgId)).toMatchObject([{ group: 'undertaker' }]);
    });
  });

  it('keeps an order open until its time to pay is over', async () => {
    expect(Date.now() - beganMs).toBeLessThan(TEN_SECONDS_MS);
    expect(await shop.get('/orders/unpaid')).toMatchObject({ status: 200, body: { amount: 12.5, state: 'CREATED' } });
    expect(await shop.get('/orders/paid')).toMatchObject({ status: 200, body: { amount: 12.5, state: 'PAID' } });
    expect((await shop.post('/orders', { orderNo: 'unpaid', amount: 1 })).status).toBe(409);
    expect((await shop.get('/orders/no-such-order')).status).toBe(404);
    expect((await shop.post('/orders/no-such-order/pay', {})).status).toBe(404);
  });

  it('closes an order that is unpaid after 10 s, and leaves a paid one alone', async () => {
    await eventually(LATER_MS, async () => {
      expect((await shop.get('/orders/unpaid')).body).toMatchObject({ state: 'CLOSED' });
      expect(await eventsOf(shop, 'paid')).toMatchObject([{ topic: 'close-order', group: 'order-closer', attempt: 1 }]);
    });
    expect((await shop.get('/orders/paid')).body).toMatchObject({ state: 'PAID' });
    expect((await shop.post('/orders/unpaid/pay', {})).status).toBe(409);
    const [closed] = await eventsOf(shop, 'unpaid');
    expect(Date.parse(closed!.time) - beganMs).toBeGreaterThanOrEqual(TEN_SECONDS_MS);
  });

  it('retries a failed message 10 s later', async () => {
    await eventually(LATER_MS, async () => {
      expect(await eventsOf(shop, 'fails-once')).toMatchObject([
        { group: 'patient', tag: 'patient', attempt: 1, note: 'threw' },
        { group: 'patient', tag: 'patient', attempt: 2, note: 'done' },
      ]);
    });
    const [first, second] = (await eventsOf(shop, 'fails-once')).map((event) => Date.parse(event.time));
    expect(second! - first!).toBeGreaterThanOrEqual(TEN_SECONDS_MS);
  });

  it('never delivers what was rolled back', async () => {
    const { entries, balance } = await ledgerOf(shop);
    const booked = entries.map((entry) => entry.reference);
    expect(booked).toEqual(expect.arrayContaining(['committed', 'unknown', 'unknown-refund']));
    expect(booked).not.toContain('rolled-back');
    expect(booked).not.toContain('threw');
    expect(balance).toBe(entries.reduce((sum, entry) => sum + entry.amount, 0));
  });
});

describe('the sample shop after a restart', () => {
  it('remembers what its listeners saw', async () => {
    expect(await eventsOf(restarted, 'fails-across')).toMatchObject([{ attempt: 1, note: 'threw' }]);
  });

  it('asks the transaction listener about what was left undecided', async () => {
    await eventually(LATER_MS, async () => {
      expect(await bookingsOf(restarted, 'unknown-across')).toEqual([100.5]);
    });
    expect((await ledgerOf(restarted)).balance).toBe(100.5);
  });

  it('delivers what was delayed, and retries what had failed', async () => {
    await eventually(LATER_MS, async () => {
      expect((await restarted.get('/orders/across')).body).toMatchObject({ state: 'CLOSED' });
      expect(await eventsOf(restarted, 'fails-across')).toMatchObject([{ attempt: 1 }, { attempt: 2, note: 'done' }]);
    });
  });
});

describe('bad input', () => {
  const deep = '['.repeat(50_000) + ']'.repeat(50_000);

  it.each<[path: string, body: unknown, sentence: RegExp]>([
    ['/love', {}, /^text must be a string of 1 to 1000 characters\.$/],
    ['/love', { text: '' }, /^text must be a string of 1 to 1000 characters\.$/],
    ['/love', { text: 'a', tag: 'b' }, /tag should not exist/],
    ['/love', [], /^Send a JSON object/],
    ['/messages', { topic: 'a' }, /^payload must be given/],
    ['/messages', { topic: 'a:b', payload: 1 }, /^topic must be a string without ":"/],
    ['/messages', { topic: 'a b', payload: 1 }, /topic "a b" is not allowed/],
    ['/messages', { topic: 'SCHEDULE_TOPIC_XXXX', payload: 1 }, /only the broker itself writes to it/],
    ['/messages', { topic: 'a', payload: 1, delayLevel: 19 }, /delayLevel is 19/],
    ['/messages', { topic: 'a', payload: 1, delayLevel: 'soon' }, /^delayLevel must be a whole number/],
    ['/messages', { topic: 'a', payload: 1, keys: [1] }, /^keys must be a string or an array of strings/],
    ['/messages', { topic: 'a', payload: 1, keys: ['a b'] }, /must not be empty or contain spaces/],
    ['/messages', { topic: 'a', payload: 1, tag: 'a||b' }, /a message has one tag/],
    ['/orders', { orderNo: 'a b', amount: 1 }, /^orderNo must be 1 to 64 letters, digits/],
    ['/orders', { orderNo: 'a', amount: 0 }, /^amount must be a number over 0/],
    ['/orders', { orderNo: 'a', amount: 0.001 }, /^amount must be a number over 0/],
    ['/orders', { orderNo: 'a', amount: '1' }, /^amount must be a number over 0/],
    ['/fees', { feeId: 'a', amount: 1, outcome: 'maybe' }, /^outcome must be one of commit, rollback, unknown, throw/],
    ['/refunds', { refundId: 'a' }, /^feeId must be 1 to 64 letters/],
    ['/flaky', { id: 'a', failTimes: -1 }, /^failTimes must be a whole number from 0 to 1000\.$/],
  ])('%s %j is answered with 400 and a sentence', async (path, body, sentence) => {
    expect(await shop.post(path, body)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(sentence) as unknown },
    });
  });

  it.each([
    ['broken JSON', '{"text":', 'application/json', 400],
    ['a form', 'text=a', 'application/x-www-form-urlencoded', 400],
    ['an unknown charset', '{"text":"a"}', 'application/json; charset=x', 415],
    ['a payload nested too deep', `{"topic":"a","payload":${deep}}`, 'application/json', 400],
    ['a message over 4 MiB', `{"topic":"a","payload":"${'x'.repeat(4 * 1024 * 1024 + 1)}"}`, 'application/json', 400],
    ['a body over 5 MiB', `{"text":"${'x'.repeat(6 * 1024 * 1024)}"}`, 'application/json', 413],
  ])('%s is refused', async (_kind, text, contentType, status) => {
    const path = text.includes('topic') ? '/messages' : '/love';
    expect(await shop.postText(path, text, contentType)).toMatchObject({
      status,
      body: { message: expect.any(String) as unknown },
    });
  });

  it.each([
    '/events?limit=0',
    '/events?limit=x',
    '/events?after=-1',
    '/events?id=a&id=b',
    '/events?nonsense=1',
    '/orders/%E0',
  ])('GET %s is refused', async (path) => {
    expect((await shop.get(path)).status).toBe(400);
  });

  it('never makes the shop fail, whatever it is', async () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('a', 1, 0.5, 'unknown', 'flaky', 'fee-paid'));
    const fields = [
      'text',
      'topic',
      'tag',
      'keys',
      'payload',
      'delayLevel',
      'orderNo',
      'amount',
      'feeId',
      'refundId',
      'id',
    ];
    const body = fc.dictionary(fc.constantFrom(...fields, 'outcome', 'failTimes', 'impatient'), value);
    const path = fc.constantFrom('/love', '/messages', '/orders', '/fees', '/refunds', '/flaky');
    await fc.assert(
      fc.asyncProperty(path, body, async (to, what) => {
        expect((await shop.post(to, what)).status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });
});
