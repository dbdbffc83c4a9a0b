import { cp, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { repairStore } from '../../lib/cli/repair.js';
import { verifyStore } from '../../lib/cli/verify.js';
import { formatProperties } from '../../lib/engine/store/index.js';
import { SCHEDULE_TOPIC } from '../../lib/engine/types/index.js';
import { numbered } from '../support/numbered.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { bodiesOf, crashImage, openTestStore, testDraft, type TestStore } from '../support/test-store.js';

const LOG_FILE = 'commitlog/00000000000000000000';

describe('a repair of a store', () => {
  let directory: TemporaryDirectory;
  let path: string;

  const openHere = (): Promise<TestStore> => openTestStore({ path, messageIndexEnable: true });
  const repair = () => repairStore(path, { yes: true, skipCorrupt: false, onProgress: () => undefined });
  const fill = async (store: TestStore, topic: string, bodies: readonly string[]): Promise<void> => {
    await store.topics.ensure(topic, 1);
    for (const body of bodies) {
      const properties = formatProperties({ UNIQ_KEY: body });
      await store.messages.append(testDraft(body, { topic, uniqKey: body, properties }));
    }
  };
  /** Two hours. */
  const appendDelayed = async (store: TestStore): Promise<void> => {
    await store.topics.ensure(SCHEDULE_TOPIC, 18);
    const properties = formatProperties({ DELAY: '18', REAL_TOPIC: 'orders', REAL_QID: '0' });
    await store.messages.append(testDraft('x', { topic: SCHEDULE_TOPIC, queueId: 17, delayLevel: 18, properties }));
  };

  beforeEach(async () => {
    directory = await temporaryDirectory();
    path = join(directory.path, 'store');
  });

  afterEach(() => directory.remove());

  it('leaves delayed messages the time at which they are due', async () => {
    let store = await openHere();
    await appendDelayed(store);
    await fill(store, 'test-topic', ['y']);
    const before = await store.messages.entries(SCHEDULE_TOPIC, 17, 0, 1);
    await store.close();
    await repair();
    store = await openHere();
    expect(await store.messages.entries(SCHEDULE_TOPIC, 17, 0, 1)).toEqual(before);
    expect(await bodiesOf(store)).toEqual(['y']);
    await store.close();
  });

  it('may leave the rest to the next opening: without a fault, as often as it is done', async () => {
    let store = await openHere();
    await appendDelayed(store);
    await fill(store, 'test-topic', numbered('m', 100));
    await store.close();
    for (let i = 0; i < 2; i++) {
      await repair();
      const { faults } = await verifyStore(path, { maxFaults: 9, onProgress: () => undefined });
      expect(faults).toEqual([]);
    }
    store = await openHere();
    expect(await bodiesOf(store)).toEqual(numbered('m', 100));
    const query = { topic: 'test-topic', key: 'm5', maxCount: 9, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
    expect(await store.keyIndex!.query(query)).toHaveLength(1);
    await store.close();
  });

  it.each([
    ['without consume queues', async () => rm(join(path, 'consumequeue'), { recursive: true })],
    [
      'of which a queue file was cut',
      async () => {
        const queue = join(path, 'consumequeue/test-topic/0');
        const [first, ...others] = (await readdir(queue)).toSorted();
        for (const name of others) await rm(join(queue, name));
        await truncate(join(queue, first!), 100);
      },
    ],
  ])('leaves a store %s one that opens, whatever the size of its queue files', async (_, damage) => {
    let store = await openHere();
    await fill(store, 'test-topic', numbered('m', 40));
    await fill(store, 'zz', numbered('n', 40));
    await store.close();
    await damage();
    await repair();
    store = await openHere();
    expect(await bodiesOf(store)).toEqual(numbered('m', 40));
    await store.close();
  });

  it('does not cut off what a newer version has written', async () => {
    const store = await openHere();
    const places: number[] = [];
    for (const body of numbered('m', 5)) places.push((await store.messages.append(testDraft(body))).physicalOffset);
    const image = join(directory.path, 'image');
    await cp(path, image, { recursive: true });
    await store.close();
    path = image;
    const file = await open(join(path, LOG_FILE), 'r+');
    const last = Buffer.alloc(1);
    for (const place of places.slice(3)) {
      await file.read(last, 0, 1, place + 7);
      await file.write(Buffer.from([last[0]! ^ 0x70]), 0, 1, place + 7);
    }
    await file.close();
    await expect(openHere()).rejects.toMatchObject({ code: 'STORE_VERSION' });
    await expect(repair()).rejects.toMatchObject({ code: 'REPAIR_REFUSED' });
    expect(await readdir(path)).not.toContain('broken');
    const { steps } = await repairStore(path, { yes: false, skipCorrupt: false, onProgress: () => undefined });
    expect(steps.join('\n')).toContain('needs --skip-corrupt');
  });

  it('which cuts the log behind the deletion of a topic takes nothing from a new one of its name', async () => {
    let store = await openHere();
    await fill(store, 'gone', ['old']);
    const last = await store.messages.append(testDraft('x'.repeat(2000)));
    await store.deleteTopic('gone', async () => undefined);
    await store.close();
    const file = await open(join(path, LOG_FILE), 'r+');
    await file.write(Buffer.from('damage'), 0, 6, last.physicalOffset + 500);
    await file.close();
    await repair();
    store = await openHere();
    expect(store.topics.get('gone')).toBeUndefined();
    await fill(store, 'gone', ['new']);
    const image = join(directory.path, 'image');
    await crashImage(store, image);
    await store.close();
    path = image;
    store = await openHere();
    expect(await bodiesOf(store, 'gone')).toEqual(['new']);
    await store.close();
  });
});
