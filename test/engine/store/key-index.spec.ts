import { FaultyFileSystem, ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import { IndexKeys } from '../../../lib/engine/store/index-keys.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { SysFlag } from '../../../lib/engine/types/index.js';
import { openTestStore, testDraft, type TestStore, type TestStoreParts } from '../../support/test-store.js';

const ALL_TIME = { beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };

async function append(store: TestStore, uniqKey: string, keys?: string, changes = {}): Promise<number> {
  const properties = formatProperties({ UNIQ_KEY: uniqKey, ...(keys !== undefined && { KEYS: keys }) });
  const draft = testDraft(`body of ${uniqKey}`, { uniqKey, keys, properties, ...changes });
  return (await store.messages.append(draft)).physicalOffset;
}

function find(store: TestStore, key: string, range = ALL_TIME, maxCount = 100): Promise<readonly number[]> {
  return store.keyIndex!.query({ topic: 'test-topic', key, maxCount, ...range });
}

const checkpoint = (store: TestStore): Promise<void> => store.clock.advance(5000, () => store.activity.whenIdle());

describe('the hash of a key', () => {
  // Computed by Java's String.hashCode.
  it.each([
    ['TopicTest', 'K1', 2_745_032],
    ['AaTopic', 'Aa', 10_606_476],
    ['BBTopic', 'BB', 10_606_476],
  ])('of %s and %s is that of RocketMQ', (topic, key, hash) => {
    const keys = new IndexKeys();
    expect(keys.hash(topic, key)).toBe(hash);
    expect(keys.hash(topic, key)).toBe(hash);
    expect(keys.hashPart(topic, `x ${key} y`, 2, 2 + key.length)).toBe(hash);
  });
});

describe('the key index', () => {
  let fileSystem: MemoryFileSystem;
  let store: TestStore;

  const open = (parts: Partial<TestStoreParts> = {}): Promise<TestStore> =>
    openTestStore({ path: '/store', fileSystem, clock: store?.clock ?? new ManualClock(), ...parts });

  const indexNames = (): Promise<readonly string[]> => fileSystem.list('/store/index');

  beforeEach(async () => {
    fileSystem = new MemoryFileSystem();
    store = undefined as never;
    store = await open();
  });

  afterEach(async () => {
    await store.close();
  });

  it('finds a message by its unique key and by each of its keys, youngest first', async () => {
    const first = await append(store, 'U1', 'order-1 customer-7');
    const second = await append(store, 'U2', ' customer-7   order-2 ');
    expect(await find(store, 'U1')).toEqual([first]);
    expect(await find(store, 'order-1')).toEqual([first]);
    expect(await find(store, 'customer-7')).toEqual([second, first]);
    expect(await find(store, '')).toEqual([]);
    expect(await find(store, 'customer-7 order-2')).toEqual([]);
  });

  it('names a message once that has a key twice', async () => {
    const place = await append(store, 'same', 'same same');
    expect(await find(store, 'same')).toEqual([place]);
  });

  it('names the youngest when more are there than were asked for', async () => {
    const places: number[] = [];
    for (let i = 0; i < 300; i++) places.push(await append(store, `U${i}`, 'hot'));
    expect(await find(store, 'hot', ALL_TIME, 5)).toEqual(places.toReversed().slice(0, 5));
    await checkpoint(store);
    expect(await find(store, 'hot', ALL_TIME, 250)).toEqual(places.toReversed().slice(0, 250));
  });

  it('counts only what its caller accepts', async () => {
    const places: number[] = [];
    for (let i = 0; i < 20; i++) places.push(await append(store, `U${i}`, 'hot'));
    const isEven = (offset: number): boolean => places.indexOf(offset) % 2 === 0;
    const query = { topic: 'test-topic', key: 'hot', maxCount: 3, ...ALL_TIME };
    expect(await store.keyIndex!.query(query, isEven)).toEqual([places[18], places[16], places[14]]);
  });

  it('leaves out what was surely stored before or after the asked time', async () => {
    const times: number[] = [];
    const places: number[] = [];
    for (let i = 0; i < 10; i++) {
      times.push(store.clock.now());
      places.push(await append(store, `U${i}`, 'k'));
      await store.clock.advance(10_000, () => store.activity.whenIdle());
    }
    expect(await find(store, 'k', { beginMs: times[3]!, endMs: times[5]! })).toEqual([places[5], places[4], places[3]]);
    expect(await find(store, 'k', { beginMs: times[3]! + 1000, endMs: times[5]! - 1 })).toEqual([places[4]]);
    expect(await find(store, 'k', { beginMs: 0, endMs: times[0]! })).toEqual([places[0]]);
    expect(await find(store, 'k', { beginMs: times[9]! + 1, endMs: times[9]! + 1e9 })).toEqual([]);
  });

  it('knows the time of the first entry of a file, also long after the file before ended', async () => {
    // 99 entries fill a file.
    for (let i = 0; i < 99; i++) await append(store, `U${i}`);
    await store.clock.advance(3_600_000, () => store.activity.whenIdle());
    const storedMs = store.clock.now();
    const place = await append(store, 'late');
    expect(await find(store, 'late', { beginMs: storedMs, endMs: storedMs })).toEqual([place]);
    await store.close();
    store = await open();
    expect(await indexNames()).toHaveLength(2);
    expect(await find(store, 'late', { beginMs: storedMs, endMs: storedMs })).toEqual([place]);
  });

  it('holds one entry less in a file than there is room for, and goes on in the next', async () => {
    for (let i = 0; i < 99; i++) await append(store, `U${i}`);
    await checkpoint(store);
    expect(await indexNames()).toHaveLength(1);
    await append(store, 'U99');
    await checkpoint(store);
    const names = await indexNames();
    expect(names).toHaveLength(2);
    expect(names.every((name) => /^\d{17}$/.test(name))).toBe(true);
    for (let i = 0; i < 100; i++) expect(await find(store, `U${i}`)).toHaveLength(1);
  });

  it('orders its files also when the local time goes back', async () => {
    for (let i = 0; i < 99; i++) await append(store, `U${i}`);
    store.clock.stepWallClock(-7_200_000);
    for (let i = 99; i < 250; i++) await append(store, `U${i}`);
    await store.close();
    store = await open();
    expect(await indexNames()).toHaveLength(3);
    for (let i = 0; i < 250; i++) expect(await find(store, `U${i}`)).toHaveLength(1);
  });

  it('has half messages and committed ones, and no rolled-back ones', async () => {
    const half = await append(store, 'half', undefined, { sysFlag: SysFlag.TRANSACTION_PREPARED });
    const committed = await append(store, 'committed', undefined, { sysFlag: SysFlag.TRANSACTION_COMMIT });
    await append(store, 'rolled-back', undefined, { sysFlag: SysFlag.TRANSACTION_ROLLBACK });
    const expectAll = async (): Promise<void> => {
      expect(await find(store, 'half')).toEqual([half]);
      expect(await find(store, 'committed')).toEqual([committed]);
      expect(await find(store, 'rolled-back')).toEqual([]);
    };
    await expectAll();
    await store.close();
    for (const name of await indexNames()) await fileSystem.remove(`/store/index/${name}`);
    store = await open();
    await expectAll();
  });

  it('takes up after it was switched off what was stored meanwhile', async () => {
    const before = await append(store, 'before');
    await store.close();
    store = await open({ messageIndexEnable: false });
    expect(store.keyIndex).toBeUndefined();
    const meanwhile = await append(store, 'meanwhile');
    await store.close();
    store = await open();
    const after = await append(store, 'after');
    expect([await find(store, 'before'), await find(store, 'meanwhile'), await find(store, 'after')]).toEqual([
      [before],
      [meanwhile],
      [after],
    ]);
  });

  it('is made for a store that was begun without it', async () => {
    await store.close();
    fileSystem = new MemoryFileSystem();
    store = await open({ messageIndexEnable: false });
    const places: number[] = [];
    for (let i = 0; i < 200; i++) places.push(await append(store, `U${i}`));
    await store.close();
    store = await open();
    for (let i = 0; i < 200; i++) expect(await find(store, `U${i}`)).toEqual([places[i]]);
  });

  it('refuses files that were written with other sizes, and leaves them alone', async () => {
    await append(store, 'U1');
    await store.close();
    const [name] = await indexNames();
    const bytes = await fileSystem.readFile(`/store/index/${name}`);
    await expect(open({ maxIndexNum: 101 })).rejects.toMatchObject({
      code: 'STORE_FORMAT',
      message: expect.stringContaining('maxIndexNum 101'),
    });
    expect(await fileSystem.readFile(`/store/index/${name}`)).toEqual(bytes);
    store = await open();
  });

  it('leaves files alone whose name is no number', async () => {
    await append(store, 'U1');
    await store.close();
    const file = await fileSystem.open('/store/index/notes.txt', 'create');
    await file.write(Buffer.from('hello'), 0);
    await file.close();
    store = await open();
    expect(await find(store, 'U1')).toHaveLength(1);
    expect(await indexNames()).toContain('notes.txt');
  });

  it('lets go of files that speak only of what the log has lost, but for the last', async () => {
    const places: number[] = [];
    for (let i = 0; i < 350; i++) places.push(await append(store, `U${i}`));
    await checkpoint(store);
    expect(await indexNames()).toHaveLength(4);
    await store.keyIndex!.trim(places[200]!);
    expect(await indexNames()).toHaveLength(2);
    expect(await find(store, 'U100')).toEqual([]);
    expect(await find(store, 'U198')).toEqual([places[198]]);
    expect(await find(store, 'U349')).toEqual([places[349]]);
    await store.keyIndex!.trim(Number.MAX_SAFE_INTEGER);
    expect(await indexNames()).toHaveLength(1);
    const next = await append(store, 'next');
    expect(await find(store, 'next')).toEqual([next]);
  });

  it('ends a query that runs before it removes the files', async () => {
    const places: number[] = [];
    for (let i = 0; i < 350; i++) places.push(await append(store, `U${i}`, 'hot'));
    await checkpoint(store);
    const running = find(store, 'hot', ALL_TIME, 1000);
    await store.keyIndex!.trim(Number.MAX_SAFE_INTEGER);
    expect(await running).toEqual(places.toReversed());
  });
});

describe('the key index on a damaged disk', () => {
  let disk: FaultyFileSystem;
  let store: TestStore;

  const open = (): Promise<TestStore> =>
    openTestStore({ path: '/store', fileSystem: disk, clock: store?.clock ?? new ManualClock(), maxIndexNum: 50 });

  beforeEach(async () => {
    disk = new FaultyFileSystem({ random: new SeededRandom(1), clock: new ManualClock() });
    store = undefined as never;
    store = await open();
    for (let i = 0; i < 120; i++) await append(store, `U${i}`);
    await store.close();
  });

  it('finds no wrong record and ends every query, whichever byte is flipped', async () => {
    const clock = store.clock;
    const [, middle] = await disk.list('/store/index');
    const path = `/store/index/${middle}`;
    const whole = (await disk.readFile(path))!;
    const random = new SeededRandom(2);
    for (let at = 0; at < whole.length; at += 1 + random.nextInt(20)) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << random.nextInt(8);
      const copy = disk.fork(random);
      const file = await copy.open(path, 'write');
      await file.write(damaged, 0);
      await file.close();
      const opened = await openTestStore({ path: '/store', fileSystem: copy, clock, maxIndexNum: 50 });
      let found = 0;
      for (let i = 0; i < 120; i += 7) {
        const places = await find(opened, `U${i}`);
        for (const place of places) {
          const record = await Promise.resolve(opened.messages.readRecord(place)).catch(() => undefined);
          found += record?.msgId === `U${i}` ? 1 : 0;
        }
      }
      // A damaged header has the file made again; a damaged entry or slot loses those behind it in their chain.
      expect(found).toBeGreaterThanOrEqual(at < 40 ? 17 : 8);
      const next = await append(opened, 'next');
      expect(await find(opened, 'next')).toEqual([next]);
      await opened.close();
    }
  });

  it('makes a file again whose header does not fit its entries', async () => {
    const names = await disk.list('/store/index');
    const file = await disk.open(`/store/index/${names[1]}`, 'write');
    // indexCount.
    await file.write(Buffer.from([0, 0, 0, 7]), 36);
    await file.close();
    store = await open();
    for (let i = 0; i < 120; i++) expect(await find(store, `U${i}`)).toHaveLength(1);
    await store.close();
  });

  it('goes on after the disk has failed, and forgets nothing', async () => {
    store = await open();
    disk.failNext({ code: 'EIO', operation: 'write', pathPart: '/index/', times: 3 });
    const place = await append(store, 'during');
    await checkpoint(store);
    expect(await find(store, 'during')).toEqual([place]);
    await append(store, 'later');
    await checkpoint(store);
    await checkpoint(store);
    await checkpoint(store);
    disk.clearFaults();
    await store.close();
    store = await open();
    expect(await find(store, 'during')).toEqual([place]);
    expect(await find(store, 'later')).toHaveLength(1);
    await store.close();
  });
});
