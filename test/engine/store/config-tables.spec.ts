import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { openTestStore, type TestStore } from '../../support/test-store.js';

describe('a table of the config directory that could not be written', () => {
  let clock: ManualClock;
  let disk: FaultyFileSystem;
  let store: TestStore;
  const open = async (): Promise<void> => {
    store = await openTestStore({ path: '/store', fileSystem: disk, clock });
  };
  const names = (): readonly string[] =>
    store.topics
      .list()
      .map(({ topicName }) => topicName)
      .toSorted();
  const statusOf = async (topics: readonly string[]): Promise<readonly string[]> =>
    (await Promise.allSettled(topics.map(async (topic) => store.topics.ensure(topic, 2)))).map(({ status }) => status);

  beforeEach(async () => {
    clock = new ManualClock();
    disk = new FaultyFileSystem({ random: new SeededRandom(1), clock });
    await open();
  });

  it('does not show after a restart what was refused, also when the next change has taken it to the disk', async () => {
    disk.failNext({ operation: 'datasync', code: 'EIO', pathPart: '/topics.json' });
    expect(await statusOf(['refused', 'made'])).toEqual(['rejected', 'fulfilled']);
    expect(names()).toEqual(['made']);
    await store.close();
    await open();
    expect(names()).toEqual(['made']);
    await store.close();
  });

  it('counts as written in the next process only when its name is on the disk', async () => {
    await store.topics.ensure('first', 2);
    disk.failNext({ operation: 'syncDirectory', code: 'EIO', pathPart: '/config' });
    expect(await statusOf(['second'])).toEqual(['rejected']);
    disk.crash('process');
    await open();
    expect(await statusOf(['second'])).toEqual(['fulfilled']);
    disk.crash('power', 0);
    await open();
    expect(names()).toEqual(['first', 'second']);
    await store.close();
  });
});
