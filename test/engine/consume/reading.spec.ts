import type { MessageStore, PullBatch, PullRequest } from '../../../lib/engine/types/index.js';
import { StoreHarness } from '../delivery/store-harness.js';
import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

/** A real store whose pulls go through the test's hands. */
async function openWith(
  pull: (request: PullRequest, store: MessageStore) => ReturnType<MessageStore['pull']>,
): Promise<ConsumeHarness> {
  const harness = await StoreHarness.open();
  const { store } = harness.context;
  const watched: MessageStore = Object.create(store, {
    pull: { value: (request: PullRequest) => pull(request, store) },
    append: { value: store.append.bind(store) },
    submit: { value: store.submit.bind(store) },
    entries: { value: store.entries.bind(store) },
    queueRange: { value: store.queueRange.bind(store) },
    onArrival: { value: store.onArrival.bind(store) },
  });
  harness.context = { ...harness.context, store: watched };
  const consume = await ConsumeHarness.on(harness);
  await consume.createTopic('orders', 1);
  return consume;
}

describe('a message that arrives while its queue is being read', () => {
  it('is found, although the answer says that there is nothing more', async () => {
    const answers: (() => void)[] = [];
    const harness = await openWith((request, store) => {
      const answer = store.pull(request);
      return new Promise<PullBatch>((resolve) => answers.push(() => resolve(answer)));
    });
    await harness.send('orders', ['before']);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.settle();
    await harness.send('orders', ['meanwhile']);
    while (answers.length > 0) {
      answers.shift()!();
      await harness.settle();
    }
    expect(witness.bodies).toEqual(['before', 'meanwhile']);
    await harness.close();
  });

  it('is not read by a second pull beside the first', async () => {
    const answers: (() => void)[] = [];
    const harness = await openWith((request, store) => {
      return new Promise<PullBatch>((resolve) => answers.push(() => resolve(store.pull(request))));
    });
    await harness.send('orders', ['a', 'b', 'c']);
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler, pullThresholdForQueue: 2 });
    await harness.settle();
    answers.shift()!();
    await harness.settle();
    gate.end('a');
    await harness.settle();
    gate.end('b');
    await harness.settle();
    expect(answers).toHaveLength(1);
    answers.shift()!();
    await harness.settle();
    expect(gate.running).toEqual(['c']);
    gate.endAll();
    await harness.close();
  });
});

describe('a queue that can not be read', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('bad disk');
      },
    ],
    ['rejects', () => Promise.reject(new Error('bad disk'))],
    [
      'comes to nothing',
      ({ offset }: PullRequest): PullBatch => ({
        status: 'NO_MATCHED_MESSAGE',
        messages: [],
        nextOffset: offset,
        minOffset: 0,
        maxOffset: 9,
      }),
    ],
  ])('is tried again after 3 s when the pull %s', async (_, broken) => {
    let isBroken = true;
    let pulls = 0;
    const harness = await openWith((request, store) => {
      pulls++;
      return isBroken ? broken(request) : store.pull(request);
    });
    await harness.send('orders', ['m']);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.settle();
    expect(pulls).toBe(1);
    expect(harness.logger.errors).toEqual([expect.stringContaining('Queue 0 of topic "orders" could not be read')]);
    isBroken = false;
    await harness.advance(2999);
    expect(witness.bodies).toEqual([]);
    await harness.advance(1);
    expect(witness.bodies).toEqual(['m']);
    await harness.close();
  });
});

describe('closing the service', () => {
  it('closes all consumers, brings their offsets to the disk, and may be asked for twice', async () => {
    const harness = await ConsumeHarness.open();
    await harness.createTopic('orders', 1);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.subscribe('office', {});
    await harness.send('orders', numbered('m', 4));
    await Promise.all([harness.consume.close(), harness.consume.close()]);
    expect(harness.consume.groups()).toEqual([]);
    expect(await harness.store.readConfig('consumerOffset.json')).toMatchObject({
      offsetTable: { 'orders@office': { 0: 4 }, 'orders@shop': { 0: 4 } },
    });
    await harness.send('orders', ['late']);
    expect(witness.bodies).toEqual(numbered('m', 4));
    await harness.close();
  });

  it('waits for running handlers as long as it is told', async () => {
    const harness = await ConsumeHarness.open();
    await harness.createTopic('orders', 1);
    await harness.subscribe('shop', { handler: () => new Promise(() => undefined) });
    await harness.send('orders', ['m']);
    let isClosed = false;
    const closing = harness.consume.close({ timeoutMs: 700 }).then(() => {
      isClosed = true;
    });
    await harness.advance(699);
    expect(isClosed).toBe(false);
    await harness.advance(1);
    await closing;
    expect(harness.offsets('orders', 'shop')).toEqual([0]);
    await harness.close();
  });
});
