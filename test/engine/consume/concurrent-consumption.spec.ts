import { ConsumeHarness, Gate, numbered, Witness } from './consume-harness.js';

let harness: ConsumeHarness;

beforeEach(async () => {
  harness = await ConsumeHarness.open();
});

afterEach(() => harness.close());

const heldOf = (group: string): readonly number[] =>
  harness.consume.groups().flatMap((status) => (status.group === group ? status.queues.map(({ held }) => held) : []));

const isBusy = (body: string): boolean => body.startsWith('busy');

describe('a concurrent listener', () => {
  it('gets the backlog and what comes after, each message once', async () => {
    await harness.createTopic('orders', 4);
    for (const queueId of [0, 1, 2, 3]) await harness.send('orders', numbered(`old${queueId}-`, 30), { queueId });
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.settle();
    expect(witness.seen).toHaveLength(120);
    await harness.send('orders', numbered('new', 5), { queueId: 2 });
    expect(witness.bodies.slice(120)).toEqual(numbered('new', 5));
    expect(new Set(witness.bodies).size).toBe(125);
    expect(harness.offsets('orders', 'shop')).toEqual([30, 30, 35, 30]);
  });

  it('runs at most `concurrency` handlers at once over all its queues', async () => {
    await harness.createTopic('orders', 4);
    for (const queueId of [0, 1, 2, 3]) await harness.send('orders', numbered(`q${queueId}-`, 10), { queueId });
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler, concurrency: 6 });
    await harness.settle();
    expect(gate.running).toHaveLength(6);
    gate.end(gate.running[0]!);
    await harness.settle();
    expect(gate.running).toHaveLength(6);
    gate.endAll();
  });

  it('takes one message of each queue in turn', async () => {
    await harness.createTopic('orders', 3);
    await harness.send('orders', numbered('a', 500), { queueId: 0 });
    await harness.send('orders', numbered('b', 2), { queueId: 1 });
    await harness.send('orders', numbered('c', 2), { queueId: 2 });
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler, concurrency: 6 });
    await harness.settle();
    expect(gate.running.toSorted()).toEqual(['a0', 'a1', 'b0', 'b1', 'c0', 'c1']);
    gate.endAll();
  });

  it('keeps a slow consumer of a large backlog from holding more than the threshold, in messages and in bytes', async () => {
    await harness.createTopic('orders', 2);
    await harness.send('orders', numbered('a', 3000), { queueId: 0 });
    await harness.send('orders', numbered('b', 3000), { queueId: 1 });
    const slow = new Gate();
    await harness.subscribe('few', { handler: slow.handler, concurrency: 3, pullThresholdForQueue: 40 });
    const small = new Gate();
    await harness.subscribe('small', { handler: small.handler, pullThresholdSizeForQueueBytes: 2000 });
    await harness.settle();
    const most = { few: 0, small: 0 };
    for (let round = 0; round < 60; round++) {
      slow.end(slow.running[0]!);
      small.end(small.running[0]!);
      await harness.settle();
      most.few = Math.max(most.few, ...heldOf('few').slice(0, 2));
      const bytes = harness.consume
        .groups()
        .find(({ group }) => group === 'small')!
        .queues.map((queue) => queue.heldBytes);
      most.small = Math.max(most.small, ...bytes);
    }
    expect(most.few).toBe(40);
    // The message that goes over the limit is the last that is fetched.
    expect(most.small).toBeLessThan(2000 + 200);
    expect(most.small).toBeGreaterThan(1800);
    slow.endAll();
    small.endAll();
  });

  it('holds no more over all its queues than the limit for the consumer, and still serves each queue', async () => {
    await harness.createTopic('orders', 8);
    for (let queueId = 0; queueId < 8; queueId++)
      await harness.send('orders', numbered(`q${queueId}-`, 80), { queueId });
    const gate = new Gate();
    const limits = { pullThresholdForConsumer: 100 };
    const spec = { handler: gate.handler, concurrency: 8, pullThresholdForQueue: 50 };
    await harness.subscribe('shop', spec, limits);
    await harness.settle();
    const sum = (): number => heldOf('shop').reduce((a, b) => a + b, 0);
    let most = 0;
    let handled = 0;
    const early: string[] = [];
    let mostLater = 0;
    while (gate.running.length > 0) {
      most = Math.max(most, sum());
      handled += gate.running.length;
      if (handled > 400) mostLater = Math.max(mostLater, sum());
      if (handled <= 160) early.push(...gate.running.map((body) => body.slice(0, 2)));
      gate.endAll();
      await harness.settle();
    }
    expect(handled).toBe(640);
    for (let queueId = 0; queueId < 8; queueId++) {
      expect(early.filter((queue) => queue === `q${queueId}`).length).toBeGreaterThanOrEqual(8);
    }
    expect(most).toBeGreaterThan(50);
    expect(most).toBeLessThanOrEqual(100 + 8);
    // What is done makes room again.
    expect(mostLater).toBeGreaterThan(50);
  });

  it('fetches again when other queues have made room, although its own messages are stuck', async () => {
    await harness.createTopic('orders', 2);
    await harness.send('orders', numbered('busy', 30), { queueId: 0 });
    await harness.send('orders', numbered('stuck', 5), { queueId: 1 });
    const gate = new Gate();
    const spec = { handler: gate.handler, pullThresholdForQueue: 10 };
    await harness.subscribe('shop', spec, { pullThresholdForConsumer: 10 });
    await harness.settle();
    expect(gate.running).toEqual(expect.arrayContaining(['stuck0', 'busy9']));
    expect(gate.running).toHaveLength(11);
    for (let body = gate.running.find(isBusy); body !== undefined; body = gate.running.find(isBusy)) {
      gate.end(body);
      await harness.settle();
    }
    expect(gate.running).toEqual(numbered('stuck', 5));
    gate.endAll();
  });

  it('goes on beside one that is stuck, also where the limit for the consumer is less than a pull', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 400));
    const gate = new Gate();
    const witness = new Witness((message) => (message.body.toString() === 'm0' ? gate.handler(message) : undefined));
    await harness.subscribe('shop', { handler: witness.handler }, { pullThresholdForConsumer: 100 });
    await harness.settle();
    expect(witness.seen).toHaveLength(400);
    gate.endAll();
  });

  it('does not run more than 2000 messages ahead of one that is stuck', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 5000));
    const gate = new Gate();
    const witness = new Witness((message) => (message.body.toString() === 'm0' ? gate.handler(message) : undefined));
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.settle();
    expect(witness.seen.length).toBeGreaterThan(1000);
    expect(witness.seen.length).toBeLessThanOrEqual(2000);
    expect(harness.offsets('orders', 'shop')).toEqual([0]);
    gate.endAll();
    await harness.settle();
    expect(witness.seen).toHaveLength(5000);
    expect(harness.offsets('orders', 'shop')).toEqual([5000]);
  });

  it('commits the lowest offset that is not done', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 5));
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler });
    await harness.settle();
    const committed: (number | undefined)[] = [];
    for (const body of ['m1', 'm4', 'm0', 'm3', 'm2']) {
      gate.end(body);
      await harness.settle();
      committed.push(...harness.offsets('orders', 'shop'));
    }
    expect(committed).toEqual([0, 0, 2, 2, 5]);
  });

  it('gets only what its selector accepts, and moves past the rest', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('a', 3), { tags: 'TagA' });
    await harness.send('orders', numbered('c', 900), { tags: 'TagC' });
    await harness.send('orders', numbered('b', 3), { tags: 'TagB' });
    await harness.send('orders', numbered('d', 2), { tags: 'TagD' });
    const witness = new Witness();
    await harness.subscribe('shop', {
      handler: witness.handler,
      selector: { type: 'TAG', expression: 'TagA || TagB' },
    });
    await harness.settle();
    expect(witness.bodies).toEqual(['a0', 'a1', 'a2', 'b0', 'b1', 'b2']);
    expect(harness.offsets('orders', 'shop')).toEqual([908]);
  });

  it('goes on after a restart where it had come to, and repeats nothing', async () => {
    await harness.createTopic('orders', 2);
    await harness.send('orders', numbered('a', 10), { queueId: 0 });
    await harness.send('orders', numbered('b', 10), { queueId: 1 });
    const gate = new Gate();
    await harness.subscribe('shop', { handler: gate.handler, concurrency: 4 });
    await harness.settle();
    for (const body of gate.running) gate.end(body);
    const second = new Witness();
    await harness.settle();
    const unfinished = gate.running;
    gate.endAll();
    harness = await harness.restart();
    await harness.subscribe('shop', { handler: second.handler });
    await harness.settle();
    expect(unfinished).toHaveLength(4);
    expect([...second.bodies, ...unfinished].length).toBe(16);
    expect(new Set([...second.bodies, ...unfinished, 'a0', 'a1', 'b0', 'b1']).size).toBe(20);
  });

  it('repeats after a crash only what was done in the last 5 seconds', async () => {
    await harness.createTopic('orders', 1);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', numbered('old', 7));
    await harness.advance(5000);
    await harness.send('orders', numbered('new', 3));
    expect(witness.seen).toHaveLength(10);
    const later = await harness.crash();
    const again = new Witness();
    await later.subscribe('shop', { handler: again.handler });
    await later.settle();
    expect(again.bodies).toEqual(numbered('new', 3));
    await later.close();
  });

  it('reads a backlog that is not in memory any more', async () => {
    await harness.createTopic('orders', 1);
    const body = 'x'.repeat(2000);
    for (let i = 0; i < 3; i++) await harness.send('orders', numbered(`${i}-${body}`, 400));
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.settle();
    expect(witness.seen).toHaveLength(1200);
    expect(witness.seen.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 1200 }, (_, i) => i));
  });

  it('starts nothing while it is paused, and goes on when it is resumed', async () => {
    await harness.createTopic('orders', 1);
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { handler: gate.handler, concurrency: 2 });
    await harness.send('orders', numbered('m', 5));
    consumer.pause();
    gate.endAll();
    await harness.settle();
    expect(gate.running).toEqual([]);
    expect(consumer.status()).toMatchObject({ state: 'paused', running: 0 });
    consumer.resume();
    await harness.settle();
    expect(gate.running).toEqual(['m2', 'm3']);
    gate.endAll();
  });

  it('shows its queues: offsets, lag and what is held', async () => {
    await harness.createTopic('orders', 2);
    await harness.send('orders', numbered('m', 5), { queueId: 1 });
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { handler: gate.handler, concurrency: 2 }, { clientId: 'a' });
    await harness.settle();
    gate.end('m0');
    await harness.settle();
    const status = consumer.status();
    expect(status).toMatchObject({ group: 'shop', clientId: 'a', state: 'running', running: 2, prefetched: 4 });
    expect(status.queues).toEqual([
      { topic: 'orders', queueId: 0, committedOffset: 0, maxOffset: 0, lag: 0, prefetched: 0 },
      { topic: 'orders', queueId: 1, committedOffset: 1, maxOffset: 5, lag: 4, prefetched: 4 },
    ]);
    const [group] = harness.consume.groups();
    expect(group?.queues[1]).toMatchObject({ owner: 'a', nextOffset: 5, held: 4, heldBytes: expect.any(Number) });
    gate.endAll();
  });
});

describe('the queues of a topic', () => {
  it('are consumed from the first message on when the topic comes after the subscription', async () => {
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler }, { consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' });
    await harness.createTopic('orders', 4);
    await harness.send('orders', ['first'], { queueId: 3 });
    await harness.send('orders', ['second'], { queueId: 1 });
    expect(witness.bodies).toEqual(['first', 'second']);
  });

  it('are consumed when the topic gets more of them', async () => {
    await harness.createTopic('orders', 1);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.createTopic('orders', 3);
    await harness.send('orders', ['new'], { queueId: 2 });
    expect(witness.bodies).toEqual(['new']);
  });

  it('are not consumed beyond the read queues, and are when these grow', async () => {
    await harness.createTopic('orders', 4, { readQueueNums: 2 });
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['hidden'], { queueId: 3 });
    await harness.send('orders', ['seen'], { queueId: 0 });
    expect(witness.bodies).toEqual(['seen']);
    await harness.createTopic('orders', 4);
    await harness.advance(20_000);
    expect(witness.bodies).toEqual(['seen', 'hidden']);
  });

  it('are left alone once they are not read queues any more', async () => {
    await harness.createTopic('orders', 2);
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.createTopic('orders', 2, { readQueueNums: 1 });
    harness.consume.refresh();
    await harness.send('orders', ['late'], { queueId: 1 });
    expect(witness.bodies).toEqual([]);
    await harness.createTopic('orders', 2);
    harness.consume.refresh();
    await harness.settle();
    expect(witness.bodies).toEqual(['late']);
  });

  it('are not consumed without permission to read', async () => {
    await harness.createTopic('orders', 1, { perm: 2 });
    const witness = new Witness();
    await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', ['m']);
    expect(witness.bodies).toEqual([]);
    await harness.createTopic('orders', 1);
    await harness.advance(20_000);
    expect(witness.bodies).toEqual(['m']);
  });
});

describe('leaving a group', () => {
  it('waits for running handlers and starts no more', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 5));
    const gate = new Gate();
    const consumer = await harness.subscribe('shop', { handler: gate.handler, concurrency: 2 });
    await harness.settle();
    const closing = consumer.close({ timeoutMs: 10_000 });
    gate.end('m0');
    await harness.advance(9000);
    expect(gate.running).toEqual(['m1']);
    gate.end('m1');
    expect(await closing).toBe(0);
    expect(gate.running).toEqual([]);
    expect(harness.offsets('orders', 'shop')).toEqual([2]);
  });

  it('gives up handlers that do not end in time, and their messages come again', async () => {
    await harness.createTopic('orders', 1);
    await harness.send('orders', numbered('m', 4));
    const stuck = new Gate();
    const first = await harness.subscribe('shop', { handler: stuck.handler, concurrency: 3 });
    await harness.settle();
    stuck.end('m1');
    await harness.settle();
    const closing = first.close({ timeoutMs: 1000 });
    await harness.advance(1000);
    expect(await closing).toBe(3);
    const second = new Witness();
    await harness.subscribe('shop', { handler: second.handler });
    await harness.settle();
    expect(second.bodies).toEqual(['m0', 'm1', 'm2', 'm3']);
    // What a handler still says after it was given up counts no more.
    stuck.end('m0', new Error('too late'));
    stuck.endAll();
    await harness.settle();
    expect(harness.logger.errors).toEqual([]);
    expect(harness.offsets('orders', 'shop')).toEqual([4]);
  });

  it('hands the messages of handlers that were given up to a member that has stayed', async () => {
    await harness.createTopic('orders', 1);
    const stuck = new Gate();
    const first = await harness.subscribe('shop', { handler: stuck.handler, concurrency: 2 }, { clientId: 'a' });
    const second = new Witness();
    await harness.subscribe('shop', { handler: second.handler }, { clientId: 'b' });
    await harness.send('orders', numbered('m', 4));
    expect(stuck.running).toEqual(['m0', 'm1']);
    const closing = first.close({ timeoutMs: 1000 });
    await harness.settle();
    expect(second.bodies).toEqual(['m2', 'm3']);
    await harness.advance(1000);
    expect(await closing).toBe(2);
    await harness.settle();
    expect(second.bodies).toEqual(['m2', 'm3', 'm0', 'm1']);
    expect(harness.offsets('orders', 'shop')).toEqual([4]);
  });

  it('can be asked for from inside a handler', async () => {
    await harness.createTopic('orders', 1);
    let closing: Promise<number> | undefined;
    const witness = new Witness(() => {
      closing = consumer.close({ timeoutMs: 1000 });
    });
    const consumer = await harness.subscribe('shop', { handler: witness.handler });
    await harness.send('orders', numbered('m', 3));
    expect(await closing).toBe(0);
    expect(witness.bodies).toEqual(['m0']);
    expect(harness.offsets('orders', 'shop')).toEqual([1]);
  });

  it('puts the offsets on disk', async () => {
    await harness.createTopic('orders', 1);
    const consumer = await harness.subscribe('shop', {});
    await harness.send('orders', numbered('m', 3));
    await consumer.close({ timeoutMs: 0 });
    expect(await harness.store.readConfig('consumerOffset.json')).toMatchObject({
      offsetTable: { 'orders@shop': { '0': 3 } },
    });
  });

  it('leaves no timer behind when the last member has gone', async () => {
    await harness.createTopic('orders', 1);
    const before = harness.store.clock.pendingTimers;
    const consumer = await harness.subscribe('shop', {});
    expect(harness.store.clock.pendingTimers).toBeGreaterThan(before);
    await consumer.close({ timeoutMs: 0 });
    await harness.advance(5000);
    expect(harness.store.clock.pendingTimers).toBeLessThanOrEqual(before);
  });
});
