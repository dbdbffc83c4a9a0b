import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { numbered } from '../../support/numbered.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

describe('an opening that has failed writes nothing into the store of the next one:', () => {
  let clock: ManualClock;
  let disk: FaultyFileSystem;
  const open = (): Promise<TestStore> =>
    openTestStore({ path: '/store', fileSystem: disk, clock, fileReservedTimeHours: 1, messageIndexEnable: false });
  const fill = async (store: TestStore, topic: string, bodies: readonly string[]): Promise<void> => {
    for (const body of bodies) await store.messages.append(testDraft(body, { topic }));
  };

  beforeEach(() => {
    clock = new ManualClock();
    disk = new FaultyFileSystem({ random: new SeededRandom(1), clock });
  });

  it('no table of topics', async () => {
    let store = await open();
    await store.topics.ensure('orders', 1);
    await fill(store, 'orders', ['a']);
    await store.close();
    // Its topics are made again from the queues, and the disk refuses to write that down.
    await disk.remove('/store/config/topics.json');
    await disk.remove('/store/config/topics.json.bak');
    disk.failNext({ code: 'ENOSPC', operation: 'write', pathPart: 'topics.json' });
    await expect(open()).rejects.toMatchObject({ code: 'DISK_FULL' });

    store = await open();
    const config = await store.topics.ensure('payments', 8);
    await store.topics.put({ ...config, attributes: { 'message.type': 'FIFO' } });
    await clock.advance(2000, () => store.activity.whenIdle());
    disk.crash('process');

    store = await open();
    expect(store.topics.get('payments')).toMatchObject({ writeQueueNums: 8, attributes: { 'message.type': 'FIFO' } });
    await store.close();
  });

  it('no table of deleted topics, which would make two topics of one name', async () => {
    // A deletion of which the log has nothing any more.
    let store = await open();
    for (const topic of ['a', 'b', 'c']) await store.topics.ensure(topic, 1);
    await fill(store, 'a', ['x']);
    await store.deleteTopic('a', async () => undefined);
    await fill(
      store,
      'c',
      numbered('x ', 60).map((body) => body.padEnd(1000)),
    );
    await clock.advance(2 * 3_600_000, () => store.activity.whenIdle());
    await fill(store, 'c', ['x']);
    await store.retention.clean();
    await store.close();

    disk.failNext({ code: 'EIO', operation: 'stat', pathPart: '/index' });
    disk.failNext({ code: 'EIO', operation: 'readFile', pathPart: 'subscriptionGroup.json' });
    await expect(open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE' });
    disk.clearFaults();
    store = await open();
    await fill(store, 'b', numbered('old ', 5));
    await store.deleteTopic('b', async () => undefined);
    await clock.advance(1000, () => store.activity.whenIdle());
    await store.topics.ensure('b', 1);
    await fill(store, 'b', numbered('new ', 5));
    disk.crash('process');

    store = await open();
    expect(await bodiesOf(store, 'b')).toEqual(numbered('new ', 5));
    await store.close();
  });
});
