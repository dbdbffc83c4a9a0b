import { ManualClock } from '../../../lib/engine/io/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import { CountingFileSystem } from '../../support/counting-file-system.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** Files of the sizes that an app has that sets none: a log file of 1 GiB, an index file of 400 MB. */
const DEFAULT_FILES = {
  mappedFileSizeCommitLogBytes: 1024 ** 3,
  consumeQueueFileEntries: 300_000,
  maxHashSlotNum: 5_000_000,
  maxIndexNum: 20_000_000,
} as const;

describe('a store in which there is little', () => {
  let fileSystem: CountingFileSystem;
  let store: TestStore;

  const open = (): Promise<TestStore> =>
    openTestStore({ path: '/store', fileSystem, clock: store?.clock ?? new ManualClock(), ...DEFAULT_FILES });

  beforeEach(async () => {
    fileSystem = new CountingFileSystem();
    store = undefined as never;
    store = await open();
    for (let i = 0; i < 40; i++) {
      const properties = formatProperties({ UNIQ_KEY: `U${i}` });
      await store.messages.append(testDraft(`message ${i}`, { uniqKey: `U${i}`, properties }));
    }
    await store.close();
    fileSystem.readBytes = 0;
    fileSystem.syncedDirectories.length = 0;
  });

  afterEach(async () => {
    await store.close();
  });

  it('is opened without reading much', async () => {
    store = await open();
    // Behind the end of the log, 1 MiB is looked at for what a crash may have torn.
    expect(fileSystem.readBytes).toBeLessThan(1.5 * 1024 * 1024);
    expect(await bodiesOf(store)).toHaveLength(40);
    const query = { topic: 'test-topic', maxCount: 10, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
    for (let i = 0; i < 40; i++) expect(await store.keyIndex!.query({ ...query, key: `U${i}` })).toHaveLength(1);
  });

  it('makes the name of its config directory durable once', async () => {
    store = await open();
    // Once for the file that says that the store is open, and once for the config directory.
    expect(fileSystem.syncedDirectories.filter((path) => path === '/store')).toHaveLength(2);
  });
});
