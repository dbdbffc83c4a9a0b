import { OffsetStore } from '../../../lib/engine/consume/index.js';
import { StoreHarness } from '../delivery/store-harness.js';

let store: StoreHarness;

beforeEach(async () => {
  store = await StoreHarness.open();
});

afterEach(() => store.close());

async function openOffsets(on: StoreHarness = store): Promise<OffsetStore> {
  const offsets = new OffsetStore(on.context);
  await offsets.open();
  return offsets;
}

async function writeConfig(name: string, text: string): Promise<void> {
  await store.fileSystem.makeDirectory('/store/config');
  const file = await store.fileSystem.open(`/store/config/${name}`, 'create');
  await file.write(Buffer.from(text), 0);
  await file.close();
}

describe('consumerOffset.json', () => {
  it('has RocketMQ’s shape', async () => {
    const offsets = await openOffsets();
    offsets.set('orders', 'shop', 1, 7);
    offsets.set('orders', 'shop', 0, 12);
    offsets.set('%RETRY%shop', 'shop', 0, 0);
    await offsets.flush();
    expect(await store.readConfig('consumerOffset.json')).toEqual({
      dataVersion: { counter: 1, stateVersion: 0, timestamp: store.clock.now() },
      offsetTable: { '%RETRY%shop@shop': { 0: 0 }, 'orders@shop': { 0: 12, 1: 7 } },
    });
  });

  it('of a real broker is understood, and what is not ours is kept', async () => {
    await writeConfig(
      'consumerOffset.json',
      '{"dataVersion":{"counter":41,"stateVersion":0,"timestamp":5},"groupTopicMap":{"other":["x"]},"later":{"a":1},' +
        '"offsetTable":{"orders@shop":{0:12,3:7},"x@other":{0:5}}}',
    );
    const offsets = await openOffsets();
    expect(offsets.get('orders', 'shop', 3)).toBe(7);
    offsets.set('orders', 'shop', 0, 13);
    await offsets.flush();
    expect(await store.readConfig('consumerOffset.json')).toEqual({
      dataVersion: { counter: 42, stateVersion: 0, timestamp: store.clock.now() },
      later: { a: 1 },
      offsetTable: { 'orders@shop': { 0: 13, 3: 7 }, 'x@other': { 0: 5 } },
    });
  });

  it('loses entries that make no sense, with a warning, and nothing else', async () => {
    const table = '{"orders@shop":{"0":-4,"1":"x","two":3,"2":9},"no-group":{"0":1},"a@b":7}';
    await writeConfig('consumerOffset.json', `{"offsetTable":${table}}`);
    const offsets = await openOffsets();
    expect(offsets.list()).toEqual([{ topic: 'orders', group: 'shop', offsets: new Map([[2, 9]]) }]);
    expect(store.logger.warnings).toHaveLength(4);
  });

  it('is on disk 5 s after the first change, and not written while nothing changes', async () => {
    const offsets = await openOffsets();
    offsets.set('orders', 'shop', 0, 1);
    await store.advance(3000);
    offsets.set('orders', 'shop', 0, 2);
    await store.advance(1999);
    expect(await store.readConfig('consumerOffset.json')).toBeUndefined();
    await store.advance(1);
    expect(await store.readConfig('consumerOffset.json')).toMatchObject({ offsetTable: { 'orders@shop': { 0: 2 } } });
    offsets.set('orders', 'shop', 0, 2);
    await store.advance(10_000);
    expect(await store.readConfig('consumerOffset.json')).toMatchObject({ dataVersion: { counter: 1 } });
  });

  it('is read back after a restart', async () => {
    const offsets = await openOffsets();
    offsets.set('orders', 'shop', 2, 2 ** 40);
    await store.close();
    store = await store.reopened();
    const again = await openOffsets();
    expect(again.get('orders', 'shop', 2)).toBe(2 ** 40);
    expect(again.get('orders', 'shop', 0)).toBeUndefined();
    expect(again.get('orders', 'other', 2)).toBeUndefined();
  });

  it('lists offsets by topic and group', async () => {
    const offsets = await openOffsets();
    offsets.set('b', 'g', 0, 1);
    offsets.set('a', 'h', 1, 2);
    offsets.set('a', 'g', 1, 3);
    // Asked for and never set: no offset.
    offsets.cell('c', 'g', 0);
    expect(offsets.list().map(({ topic, group }) => `${topic} ${group}`)).toEqual(['a g', 'a h', 'b g']);
  });
});
