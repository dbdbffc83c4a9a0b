import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { HookedFileSystem } from '../../support/hooked-file-system.js';
import { openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** Several pages each of slots and entries: a power cut takes some and leaves others. */
const SIZES = { maxHashSlotNum: 2500, maxIndexNum: 500, mappedFileSizeCommitLogBytes: 1024 * 1024 };

/** Its slot does not lie in the page of the header, so that a power cut can take the one and leave the other. */
const SHARED_KEY = 'common';

/** Tells of each call of a file system and of its open files, before it is made. */
function watched<T extends object>(target: T, onCall: () => void): T {
  return new Proxy(target, {
    get(object, name) {
      const member = Reflect.get(object, name, object) as unknown;
      if (typeof member !== 'function') return member;
      return (...given: unknown[]): unknown => {
        onCall();
        const result = Reflect.apply(member, object, given) as unknown;
        return name === 'open' ? (result as Promise<object>).then((file) => watched(file, onCall)) : result;
      };
    },
  });
}

async function append(store: TestStore, name: string): Promise<void> {
  const properties = formatProperties({ UNIQ_KEY: name, KEYS: SHARED_KEY });
  await store.messages.append(testDraft('x', { uniqKey: name, keys: SHARED_KEY, properties }));
}

async function appendMany(store: TestStore, first: number, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => append(store, `U${first + i}`)));
}

const checkpoint = (store: TestStore): Promise<void> => store.clock.advance(5000, () => store.activity.whenIdle());

async function indexBytes(disk: FaultyFileSystem): Promise<string[]> {
  const names = await disk.list('/store/index');
  return Promise.all(names.map(async (name) => (await disk.readFile(`/store/index/${name}`))!.toString('hex')));
}

/** Names of the records that are found by their unique key, and the number that the key of all of them finds. */
async function found(store: TestStore, count: number): Promise<{ unique: number; shared: number }> {
  const query = { topic: 'test-topic', beginMs: 0, endMs: Number.MAX_SAFE_INTEGER, maxCount: 10_000 };
  let unique = 0;
  for (let i = 0; i < count; i += 13) {
    const places = await store.keyIndex!.query({ ...query, key: `U${i}` });
    for (const place of places) if ((await store.messages.readRecord(place))?.msgId === `U${i}`) unique++;
  }
  return { unique, shared: (await store.keyIndex!.query({ ...query, key: SHARED_KEY })).length };
}

describe('a power cut at any call while the index is brought to the disk', () => {
  it.each([
    // Two entries a message; the slots are written with every 125th entry.
    ['the slots are written again', [70, 70]],
    ['the slots are left for later', [100, 40]],
    ['a file is filled', [200, 70]],
    ['a file is filled at once', [10, 300]],
  ])('leaves an index that finds everything, and that goes on as if nothing had been: while %s', async (_, groups) => {
    const random = new SeededRandom(7);
    const clock = new ManualClock();
    const disk = new FaultyFileSystem({ random, clock });
    const states: FaultyFileSystem[] = [];
    let isWatching = false;
    const fileSystem = watched(disk, () => {
      if (isWatching) states.push(disk.fork(random));
    });
    const store = await openTestStore({ path: '/store', fileSystem, clock, ...SIZES });
    let count = 0;
    for (const [index, group] of groups.entries()) {
      await appendMany(store, count, group);
      count += group;
      isWatching = index === groups.length - 1;
      await checkpoint(store);
    }
    await store.close();
    const whole = await indexBytes(disk);
    expect(states.length).toBeGreaterThan(10);
    const unique = Math.ceil(count / 13);

    for (const state of states) {
      for (const survivalPercent of [0, 50, 50, 50, 100] as const) {
        const after = state.fork(random);
        after.crash('power', survivalPercent);
        const opened = await openTestStore({ path: '/store', fileSystem: after, clock, ...SIZES });
        expect(await found(opened, count)).toEqual({ unique, shared: count });
        await opened.close();
        expect(await indexBytes(after)).toEqual(whole);
      }
    }
  });
});

describe('a sync of the index that fails', () => {
  const sizes = { maxHashSlotNum: 20_000, maxIndexNum: 4000, mappedFileSizeCommitLogBytes: 1024 * 1024 };

  it.each([1, 2, 3, 4, 5, 6])(
    'costs nothing that is found by key, also after a power cut (sync %i)',
    async (failing) => {
      const clock = new ManualClock();
      const disk = new HookedFileSystem(clock);
      let syncs = 0;
      disk.hook = (operation, path) => {
        if (operation !== 'datasync' || !path.includes('/index/')) return;
        if (++syncs === failing) disk.failNext({ operation: 'datasync', pathPart: '/index/', code: 'EIO' });
      };
      const store = await openTestStore({ path: '/store', fileSystem: disk, clock, ...sizes });
      await appendMany(store, 0, 1500);
      for (let i = 0; i < 4; i++) {
        await checkpoint(store);
        await append(store, `V${i}`);
      }
      await checkpoint(store);
      expect(syncs).toBeGreaterThan(6);
      disk.clearFaults();
      await store.close();
      disk.crash('power', 0);
      const again = await openTestStore({ path: '/store', fileSystem: disk, clock, ...sizes });
      expect((await found(again, 1500)).unique).toBe(Math.ceil(1500 / 13));
      await again.close();
    },
  );
});

describe('a file of the index that is missing', () => {
  const sizes = { maxHashSlotNum: 61, maxIndexNum: 100 };
  const MESSAGES = 170;
  let clock: ManualClock;
  let disk: FaultyFileSystem;
  let files: readonly string[];

  const expectAllFound = async (): Promise<void> => {
    const store = await openTestStore({ path: '/store', fileSystem: disk, clock, ...sizes });
    expect((await found(store, MESSAGES)).unique).toBe(Math.ceil(MESSAGES / 13));
    await store.close();
  };

  beforeEach(async () => {
    clock = new ManualClock();
    disk = new FaultyFileSystem({ random: new SeededRandom(3), clock });
    const store = await openTestStore({ path: '/store', fileSystem: disk, clock, ...sizes });
    for (let i = 0; i < MESSAGES; i++) await append(store, `U${i}`);
    await store.close();
    files = (await disk.list('/store/index')).toSorted();
    expect(files).toHaveLength(4);
  });

  it.each([0, 1, 2, 3])('is made again: number %i', async (number) => {
    await disk.remove(`/store/index/${files[number]!}`);
    await expectAllFound();
  });

  it('is made again also when an opening ended while it removed those that can not be relied on', async () => {
    const file = await disk.open(`/store/index/${files[1]!}`, 'write');
    await file.write(Buffer.alloc(8, 1), 24);
    await file.datasync();
    await file.close();
    disk.failNext({ operation: 'remove', pathPart: files[2]!, code: 'EMFILE' });
    await expect(openTestStore({ path: '/store', fileSystem: disk, clock, ...sizes })).rejects.toMatchObject({
      code: 'STORE_UNUSABLE',
    });
    disk.crash('process');
    await expectAllFound();
  });
});
