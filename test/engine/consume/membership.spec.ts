import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

describe('a member that joins', () => {
  let harness: ConsumeHarness;

  beforeEach(async () => {
    harness = await ConsumeHarness.open();
    await harness.createTopic('orders', 4);
  });

  afterEach(() => harness.close());

  const ownersOf = (): readonly (string | undefined)[] =>
    harness.consume
      .groups()[0]!
      .queues.filter(({ topic }) => topic === 'orders')
      .map(({ owner }) => owner);

  it('gets its share of the queues by the averaging rule, in the order of client ids', async () => {
    const b = await harness.subscribe('shop', {}, { clientId: 'b' });
    expect(ownersOf()).toEqual(['b', 'b', 'b', 'b']);
    await harness.subscribe('shop', {}, { clientId: 'a' });
    expect(ownersOf()).toEqual(['a', 'a', 'b', 'b']);
    await harness.subscribe('shop', {}, { clientId: 'c' });
    expect(ownersOf()).toEqual(['a', 'a', 'b', 'c']);
    await b.close({ timeoutMs: 0 });
    expect(ownersOf()).toEqual(['a', 'a', 'c', 'c']);
  });

  it('takes over what waits in its queues, without it being read again', async () => {
    await harness.send('orders', numbered('m', 20), { queueId: 3 });
    const slow = new Gate();
    await harness.subscribe('shop', { handler: slow.handler, concurrency: 2 }, { clientId: 'a' });
    await harness.settle();
    const joined = new Witness();
    await harness.subscribe('shop', { handler: joined.handler }, { clientId: 'b' });
    await harness.settle();
    expect(slow.running).toEqual(['m0', 'm1']);
    expect(joined.bodies).toEqual(numbered('m', 20).slice(2));
    expect(harness.offsets('orders', 'shop')).toEqual([0, 0, 0, 0]);
    slow.endAll();
    await harness.settle();
    expect(harness.offsets('orders', 'shop')).toEqual([0, 0, 0, 20]);
  });

  it('takes part while the last one is still leaving', async () => {
    await harness.send('orders', numbered('m', 3));
    const slow = new Gate();
    const first = await harness.subscribe('shop', { handler: slow.handler, concurrency: 1 });
    await harness.settle();
    const closing = first.close({ timeoutMs: 60_000 });
    const second = new Witness();
    await harness.subscribe('shop', { handler: second.handler });
    await harness.settle();
    expect(second.bodies).toEqual(['m1', 'm2']);
    slow.endAll();
    expect(await closing).toBe(0);
    await harness.send('orders', ['n']);
    expect(second.bodies).toEqual(['m1', 'm2', 'n']);
    expect(harness.offsets('orders', 'shop')).toEqual([4, 0, 0, 0]);
  });
});
