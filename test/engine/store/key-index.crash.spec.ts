import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
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
