import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { eventually } from './eventually.js';
import { RunningShop } from './running-shop.js';

// What the sample shop does beyond orders and fees, over real HTTP, on a real directory and in real time.

const SOON_MS = 10_000;

interface Event {
  readonly seq: number;
  readonly id: string;
  readonly topic: string;
  readonly group: string;
  readonly attempt: number;
  readonly note: string;
}

let directory: TemporaryDirectory;
let shop: RunningShop;

beforeAll(async () => {
  directory = await temporaryDirectory();
  shop = await RunningShop.start({ DATA_DIR: directory.path, CHECK_TIMEOUT_MS: '1000', CHECK_INTERVAL_MS: '500' });
});

afterAll(async () => {
  await shop.stop();
  await directory.remove();
});

async function events(query: string): Promise<Event[]> {
  return (await shop.get(`/events?${query}`)).body as Event[];
}

describe('the steps of orders', () => {
  it('are taken in order for each order, also when one fails and is tried again, while the other orders go on', async () => {
    const request = { orderNos: ['1100', '2200', '3300'], step: 'payment', failTimes: 2 };
    expect(await shop.post('/steps', request)).toEqual({ status: 201, body: { sent: 12 } });
    const notes = async (orderNo: string): Promise<string[]> => (await events(`id=${orderNo}`)).map(({ note }) => note);
    await eventually(SOON_MS, async () => {
      expect(await notes('1100')).toEqual(['create', 'payment threw', 'payment threw', 'payment', 'push', 'done']);
      expect(await notes('2200')).toEqual(['create', 'payment', 'push', 'done']);
      expect(await notes('3300')).toEqual(['create', 'payment', 'push', 'done']);
    });
  });

  it.each([
    [{}, /^orderNos must be an array/],
    [{ orderNos: [] }, /^orderNos must be an array/],
    [{ orderNos: ['a b'] }, /^orderNos must be an array/],
    [{ orderNos: ['a'], step: 'fly' }, /^step must be one of/],
    [{ orderNos: ['a'], failTimes: -1 }, /^failTimes must be/],
  ])('%j is answered with 400 and a sentence', async (body, sentence) => {
    const message = expect.stringMatching(sentence) as unknown;
    expect(await shop.post('/steps', body)).toMatchObject({ status: 400, body: { message } });
  });
});

describe('a transfer by another bank', () => {
  interface Entry {
    readonly kind: string;
    readonly reference: string;
    readonly amount: number;
  }

  async function bookings(reference: string): Promise<Omit<Entry, 'reference'>[]> {
    const { entries } = (await shop.get('/ledger')).body as { entries: Entry[] };
    return entries.filter((entry) => entry.reference === reference).map(({ kind, amount }) => ({ kind, amount }));
  }

  it('leaves the ledger with one booking when the other bank takes it', async () => {
    const { body } = await shop.post('/transfers', { transferId: 'T1', amount: 30 });
    expect(body).toMatchObject({ localTransactionState: 'COMMIT' });
    await eventually(SOON_MS, async () => {
      expect((await shop.get('/transfers/T1')).body).toEqual({ transferId: 'T1', amount: 30, state: 'BOOKED' });
    });
    expect(await bookings('T1')).toEqual([{ kind: 'TRANSFER', amount: -30 }]);
  });

  it('is compensated when the other bank refuses it: two bookings, and the balance as before', async () => {
    const before = ((await shop.get('/ledger')).body as { balance: number }).balance;
    await shop.post('/transfers', { transferId: 'T2', amount: 99.5, refused: true });
    await eventually(SOON_MS, async () => {
      expect((await shop.get('/transfers/T2')).body).toMatchObject({ state: 'COMPENSATED' });
    });
    expect(await bookings('T2')).toEqual([
      { kind: 'TRANSFER', amount: -99.5 },
      { kind: 'COMPENSATION', amount: 99.5 },
    ]);
    expect(((await shop.get('/ledger')).body as { balance: number }).balance).toBe(before);
  });

  it('is compensated once although the refusal comes twice', async () => {
    const payload = { transferId: 'T2', amount: 99.5, refused: true };
    await shop.post('/messages', { topic: 'transfer-refused', keys: 'T2', payload });
    await eventually(SOON_MS, async () => {
      expect((await events('id=T2')).map(({ note }) => note)).toContain('was compensated before');
    });
    expect(await bookings('T2')).toHaveLength(2);
  });

  it('is not seen by the other bank when our half is rolled back, and is when the answer was lost', async () => {
    await shop.post('/transfers', { transferId: 'T3', amount: 1, outcome: 'rollback' });
    await shop.post('/transfers', { transferId: 'T4', amount: 1, outcome: 'unknown' });
    await eventually(SOON_MS, async () => {
      expect((await shop.get('/transfers/T4')).body).toMatchObject({ state: 'BOOKED' });
    });
    expect((await shop.get('/transfers/T3')).status).toBe(404);
    expect(await events('id=T3')).toEqual([]);
  });

  it('is refused when there is one of that name', async () => {
    expect((await shop.post('/transfers', { transferId: 'T1', amount: 1 })).status).toBe(409);
  });
});

describe('the search for messages', () => {
  it('finds them by their key, whoever has consumed them', async () => {
    await shop.post('/messages', { topic: 'nobody-listens', tag: 'TagA', keys: ['k1', 'k2'], payload: { n: 1 } });
    await shop.post('/messages', { topic: 'nobody-listens', keys: 'k2', payload: 'text' });
    const found = async (key: string): Promise<unknown> =>
      (await shop.get(`/messages?topic=nobody-listens&key=${key}`)).body;
    const first = { topic: 'nobody-listens', tag: 'TagA', keys: 'k1 k2', payload: { n: 1 } };
    await eventually(SOON_MS, async () => {
      expect(await found('k1')).toMatchObject([first]);
      expect(await found('k2')).toMatchObject([first, { keys: 'k2', payload: 'text' }]);
    });
    expect(await found('k3')).toEqual([]);
  });

  it.each([
    ['/messages', /^topic must be given once/],
    ['/messages?topic=nobody-listens', /^key must be given once/],
    ['/messages?topic=nobody-listens&key=a%20b', /key/],
    ['/messages?topic=no-such-topic&key=a', /no-such-topic/],
    ['/messages?topic=a%20b&key=a', /a b/],
  ])('GET %s is answered with 400 and a sentence', async (path, sentence) => {
    expect(await shop.get(path)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(sentence) as unknown },
    });
  });
});

describe('the quotes', () => {
  it('are replies to the one who asked, however many ask at once', async () => {
    const counts = Array.from({ length: 50 }, (_unused, index) => index + 1);
    const answers = await Promise.all(counts.map((count) => shop.post('/quotes', { count })));
    expect(answers).toEqual(counts.map((count) => ({ status: 200, body: { count, amount: count * 2.5 } })));
  });

  it('are refused with 400 and a sentence', async () => {
    const message = expect.stringMatching(/^count must be a whole number/) as unknown;
    expect(await shop.post('/quotes', { count: 0 })).toMatchObject({ status: 400, body: { message } });
  });
});

describe('the chat', () => {
  it('brings each line to every visitor, from the beginning of the visit to its end', async () => {
    const [first, second] = [await shop.listen('/chat'), await shop.listen('/chat')];
    const members = async (): Promise<number> =>
      ((await shop.get('/overview')).body as { groups: { group: string; members: number }[] }).groups.find(
        ({ group }) => group === 'chat',
      )?.members ?? 0;
    await eventually(SOON_MS, async () => expect(await members()).toBe(2));
    const line = { from: 'madoka', text: 'hello' };
    expect(await shop.post('/chat', line)).toEqual({ status: 201, body: line });
    expect([await first.next(), await second.next()]).toEqual([line, line]);
    first.close();
    await eventually(SOON_MS, async () => expect(await members()).toBe(1));
    await shop.post('/chat', { from: 'homura', text: 'still here?' });
    expect(await second.next()).toEqual({ from: 'homura', text: 'still here?' });
    second.close();
  });
});

describe('the log', () => {
  const read = async (query = ''): Promise<string[]> =>
    ((await shop.post(`/log/read${query}`, {})).body as { text: string }[]).map(({ text }) => text);

  it('is read by pulling: each line once, and all again after going back', async () => {
    for (const orderNo of ['L1', 'L2', 'L3']) await shop.post('/orders', { orderNo, amount: 1 });
    const lines: string[] = [];
    await eventually(SOON_MS, async () => {
      lines.push(...(await read('?max=2')));
      expect(lines.toSorted()).toEqual(['order L1 placed', 'order L2 placed', 'order L3 placed']);
    });
    expect(await read()).toEqual([]);
    expect((await shop.post('/log/rewind', {})).status).toBe(204);
    const again = [...(await read()), ...(await read())];
    expect(again.toSorted()).toEqual(lines.toSorted());
  });

  it('is read by several at once, each line by one of them', async () => {
    await shop.post('/log/rewind', {});
    const parts = await Promise.all([read('?max=1'), read('?max=1'), read('?max=1')]);
    expect(parts.flat().toSorted()).toEqual(['order L1 placed', 'order L2 placed', 'order L3 placed']);
  });

  it.each(['0', '1001', 'x', '1.5'])('does not take %s for a number of lines', async (max) => {
    const message = expect.stringMatching(/^max must be a whole number/) as unknown;
    expect(await shop.post(`/log/read?max=${max}`, {})).toMatchObject({ status: 400, body: { message } });
  });
});
