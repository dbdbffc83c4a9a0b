import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import {
  filesIn,
  forkOf,
  makeStore,
  openOn,
  removeAll,
  sorted,
  STORE,
  tellAll,
  type Told,
} from '../../support/damaged-store.js';
import { openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

const QUEUES = `${STORE}/consumequeue`;

describe('a store with missing files', () => {
  let disk: FaultyFileSystem;
  let told: readonly Told[];

  beforeAll(async () => {
    ({ disk, told } = await makeStore());
  });

  /** Everything is there, each key is found, and numbers go on where they were. */
  const expectWhole = async (copy: FaultyFileSystem): Promise<void> => {
    for (let opening = 0; opening < 2; opening++) {
      const store = await openOn(copy);
      expect(sorted(await tellAll(store))).toEqual(sorted(told));
      const last = told.length - 1;
      const found = await store.keyIndex!.query({
        topic: told[last]!.topic,
        key: `key-${last}`,
        maxCount: 10,
        beginMs: 0,
        endMs: Number.MAX_SAFE_INTEGER,
      });
      expect(found.length).toBeGreaterThan(0);
      await store.close();
    }
    const store = await openOn(copy);
    for (const [topic, queueId] of [
      ['many', 0],
      ['many', 1],
      ['few', 0],
    ] as const) {
      const count = told.filter((one) => one.topic === topic && one.queueId === queueId).length;
      const { queueOffset } = await store.messages.append(testDraft('next', { topic, queueId }));
      expect(queueOffset).toBe(count);
    }
    await store.close();
  };

  it.each([
    ['all consume queues', QUEUES],
    ['the queues of one topic', `${QUEUES}/many`],
    ['one queue', `${QUEUES}/many/1`],
    ['the only queue of a topic', `${QUEUES}/few/0`],
    ['the index', `${STORE}/index`],
    ['config', `${STORE}/config`],
  ])('makes again what is missing: %s', async (_, directory) => {
    const copy = forkOf(disk);
    await removeAll(copy, directory);
    await expectWhole(copy);
  });

  it.each([
    ['the first file of a queue', 0],
    ['a file in the middle of a queue', 1],
    ['the last file of a queue', -1],
  ])('makes again what is missing: %s', async (_, index) => {
    const copy = forkOf(disk);
    const files = await filesIn(copy, `${QUEUES}/many/0`);
    expect(files.length).toBeGreaterThan(2);
    await copy.remove(files.at(index)!);
    await expectWhole(copy);
  });

  it.each([0, 1, -1])('makes again what is missing: file %i of the index', async (index) => {
    const copy = forkOf(disk);
    await copy.remove((await filesIn(copy, `${STORE}/index`)).at(index)!);
    await expectWhole(copy);
  });

  it('does without its checkpoint, and without the list of its queues', async () => {
    const copy = forkOf(disk);
    await copy.remove(`${STORE}/checkpoint`);
    await expectWhole(copy);
    const other = forkOf(disk);
    for (const end of ['', '.bak']) await other.remove(`${STORE}/config/consumeQueues.json${end}`);
    await expectWhole(other);
  });

  it('makes a missing queue again also when the store was not closed cleanly', async () => {
    const before = forkOf(disk);
    const store = await openOn(before);
    await store.clock.advance(10_000, () => store.activity.whenIdle());
    const copy = forkOf(before);
    await removeAll(copy, `${QUEUES}/many/1`);
    await expectWhole(copy);
    await store.close();
  });

  it('goes on with the numbers of a queue whose messages have all expired, also after a crash that followed the opening', async () => {
    const clock = new ManualClock();
    const copy = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    const open = (): Promise<TestStore> =>
      openTestStore({ path: STORE, fileSystem: copy, clock, fileReservedTimeHours: 1, deleteFileBatchMax: 100 });
    let store = await open();
    const append = async (topic: string, count: number, sizeBytes: number): Promise<void> => {
      await store.topics.ensure(topic, 1);
      for (let i = 0; i < count; i++) await store.messages.append(testDraft('x'.repeat(sizeBytes), { topic }));
    };
    await append('seldom', 5, 1);
    await append('often', 60, 1000);
    await clock.advance(2 * 3_600_000, () => store.activity.whenIdle());
    await append('often', 1, 1);
    await store.retention.clean();
    await store.close();

    await removeAll(copy, `${QUEUES}/often`);
    for (let opening = 0; opening < 2; opening++) {
      store = await open();
      expect(store.messages.queueRange('seldom', 0)).toEqual({ minOffset: 5, maxOffset: 5 });
      copy.crash('process');
    }
  });

  it('names a missing file of the commit log', async () => {
    const copy = forkOf(disk);
    const files = await filesIn(copy, `${STORE}/commitlog`);
    await copy.remove(files[1]!);
    await expect(openOn(copy)).rejects.toMatchObject({ code: 'STORE_CORRUPT', fields: { file: files[1], offset: 0 } });
  });
});
