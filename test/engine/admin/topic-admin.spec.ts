import { AdminHarness } from './admin-harness.js';

describe('the admin API, topics', () => {
  let harness: AdminHarness;

  beforeEach(async () => {
    harness = await AdminHarness.open();
  });

  afterEach(() => harness.close());

  it('creates a topic as asked, and keeps it through a restart', async () => {
    const { topics } = harness.admin;
    const made = await topics.create('orders', {
      readQueueNums: 6,
      writeQueueNums: 3,
      permission: 'READ',
      messageType: 'FIFO',
    });
    expect(made).toEqual({
      topic: 'orders',
      readQueueNums: 6,
      writeQueueNums: 3,
      permission: 'READ',
      messageType: 'FIFO',
      attributes: { 'message.type': 'FIFO' },
      kind: 'APPLICATION',
    });
    await harness.restart();
    expect(harness.admin.topics.get('orders')).toEqual(made);
    const config = JSON.parse((await harness.files.readFile('/store/config/topics.json'))!.toString()) as {
      topicConfigTable: Record<string, unknown>;
    };
    expect(config.topicConfigTable['orders']).toMatchObject({
      readQueueNums: 6,
      writeQueueNums: 3,
      perm: 4,
      attributes: { 'message.type': 'FIFO' },
    });
  });

  it("gives a topic RocketMQ's defaults for what is left out", async () => {
    expect(await harness.admin.topics.create('plain')).toMatchObject({
      readQueueNums: 4,
      writeQueueNums: 4,
      permission: 'READ_WRITE',
      messageType: 'UNSPECIFIED',
      attributes: {},
    });
    expect(await harness.admin.topics.create('eight', { queueNums: 8 })).toMatchObject({
      readQueueNums: 8,
      writeQueueNums: 8,
    });
  });

  it('refuses to create what is there, and leaves it as it is', async () => {
    await harness.admin.topics.create('orders', { queueNums: 2 });
    await expect(harness.admin.topics.create('orders', { queueNums: 9 })).rejects.toMatchObject({
      code: 'TOPIC_EXISTS',
      fields: { topic: 'orders' },
    });
    expect(harness.admin.topics.get('orders').readQueueNums).toBe(2);
  });

  it('changes only what it is asked to change', async () => {
    const { topics } = harness.admin;
    await topics.create('orders', { queueNums: 2, messageType: 'NORMAL' });
    expect(await topics.update('orders', { writeQueueNums: 1 })).toMatchObject({
      readQueueNums: 2,
      writeQueueNums: 1,
      messageType: 'NORMAL',
    });
    expect(await topics.update('orders', { permission: 'NONE' })).toMatchObject({ permission: 'NONE' });
    expect(await topics.update('orders', { permission: 'READ_WRITE', messageType: 'UNSPECIFIED' })).toMatchObject({
      permission: 'READ_WRITE',
      messageType: 'UNSPECIFIED',
      attributes: {},
    });
  });

  it('stops senders and consumers by permission', async () => {
    const { topics } = harness.admin;
    await topics.create('orders', { queueNums: 1 });
    const listening = await harness.listen('g', 'orders');
    await topics.update('orders', { permission: 'WRITE' });
    await harness.send('orders', 'unread');
    await harness.settle();
    expect(listening.received).toEqual([]);
    await topics.update('orders', { permission: 'READ' });
    await harness.settle();
    expect(listening.received).toEqual(['unread']);
    await expect(harness.send('orders', 'x')).rejects.toMatchObject({ code: 'NO_PERMISSION' });
  });

  it('lists the topics of applications; on demand those of groups and of the broker, too', async () => {
    await harness.admin.topics.create('zebra');
    await harness.send('ape', 'x');
    await harness.listen('g', 'ape', () => {
      throw new Error('no');
    });
    await harness.settle();
    expect(harness.admin.topics.list().map(({ topic }) => topic)).toEqual(['ape', 'zebra']);
    const all = harness.admin.topics.list({ all: true });
    expect(all.find(({ topic }) => topic === '%RETRY%g')?.kind).toBe('GROUP');
    expect(all.find(({ topic }) => topic === 'SCHEDULE_TOPIC_XXXX')?.kind).toBe('SYSTEM');
  });

  it('tells the range and the last store time of each queue', async () => {
    await harness.admin.topics.create('orders', { queueNums: 3 });
    const startMs = harness.clock.now();
    await harness.sendAll('orders', ['a', 'b'], { queueId: 1 });
    await harness.send('orders', 'c', { queueId: 2 });
    expect(await harness.admin.topics.stats('orders')).toEqual({
      topic: 'orders',
      messageCount: 3,
      queues: [
        { queueId: 0, minOffset: 0, maxOffset: 0, lastStoreTimestampMs: undefined },
        { queueId: 1, minOffset: 0, maxOffset: 2, lastStoreTimestampMs: startMs + 1000 },
        { queueId: 2, minOffset: 0, maxOffset: 1, lastStoreTimestampMs: startMs + 2000 },
      ],
    });
  });

  describe('deleting', () => {
    it('takes away the topic, its messages, and the offsets in it, for good', async () => {
      await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
      const listening = await harness.listen('g', 'orders');
      expect(listening.received).toHaveLength(3);
      await listening.stop();
      await harness.admin.topics.delete('orders');
      expect(() => harness.admin.topics.get('orders')).toThrow(expect.objectContaining({ code: 'TOPIC_NOT_EXIST' }));
      await harness.restart();
      expect(harness.admin.topics.list()).toEqual([]);
      expect(harness.admin.groups.offsets('g')).toEqual([]);
      expect(await harness.files.list('/store/consumequeue')).not.toContain('orders');
    });

    it('leaves nothing behind that a new topic of the same name would suffer from', async () => {
      await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
      const first = await harness.listen('g', 'orders');
      await first.stop();
      await harness.admin.topics.delete('orders');
      expect((await harness.send('orders', 'new', { queueId: 0 })).queueOffset).toBe(0);
      const second = await harness.listen('g', 'orders');
      expect(second.received).toEqual(['new']);
      await second.stop();
      await harness.restart();
      expect((await harness.admin.topics.stats('orders')).messageCount).toBe(1);
    });

    it('lasts through a crash right after it', async () => {
      await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
      await harness.send('other', 'x');
      await harness.admin.topics.delete('orders');
      const crashed = await AdminHarness.open();
      await crashed.close();
      await copyStore(harness, crashed);
      await crashed.restart();
      expect(crashed.admin.topics.list().map(({ topic }) => topic)).toEqual(['other']);
      await crashed.close();
    });

    it('waits for messages that are on their way, and answers their senders', async () => {
      await harness.send('orders', 'first', { queueId: 0 });
      const sending = harness.send('orders', 'second', { queueId: 0 });
      const deleting = harness.admin.topics.delete('orders');
      expect((await sending).queueOffset).toBe(1);
      await deleting;
      expect(harness.admin.topics.list()).toEqual([]);
      expect((await harness.send('orders', 'anew', { queueId: 0 })).queueOffset).toBe(0);
    });

    it('refuses a topic that somebody consumes', async () => {
      await harness.send('orders', 'x');
      const listening = await harness.listen('g', 'orders');
      await expect(harness.admin.topics.delete('orders')).rejects.toMatchObject({
        code: 'TOPIC_IN_USE',
        fields: { topic: 'orders', groups: ['g'] },
      });
      await listening.stop();
      await harness.admin.topics.delete('orders');
    });

    it('refuses a topic that somebody broadcasts or pulls, and forgets what they had committed', async () => {
      await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
      const all = { messageModel: 'BROADCASTING', clientId: 'me' } as const;
      const broadcasting = await harness.listen('everybody', 'orders', undefined, all);
      const subscribed = await harness.broker.createPullConsumer({ group: 'subscribed' });
      await subscribed.subscribe('orders');
      const assigned = await harness.broker.createPullConsumer({ group: 'assigned' });
      await assigned.assign(await assigned.queues('orders'));
      await expect(harness.admin.topics.delete('orders')).rejects.toMatchObject({
        code: 'TOPIC_IN_USE',
        fields: { groups: ['assigned', 'everybody', 'subscribed'] },
      });
      expect((await harness.admin.topics.stats('orders')).messageCount).toBe(2);
      await broadcasting.stop();
      await subscribed.close();
      await assigned.close();
      await harness.admin.topics.delete('orders');
      await harness.sendAll('orders', ['c', 'd', 'e'], { queueId: 0 });
      expect((await harness.listen('everybody', 'orders', undefined, all)).received).toEqual(['c', 'd', 'e']);
    });

    it('lets those who subscribe while it is deleted have all of the new topic', async () => {
      await harness.sendAll('orders', ['a', 'b'], { queueId: 0 });
      const deleting = harness.admin.topics.delete('orders');
      const received: string[] = [];
      const subscribing = harness.broker.subscribe({
        group: 'g',
        subscriptions: [{ topic: 'orders', handler: ({ body }) => received.push(body.toString()) }],
      });
      await deleting;
      await subscribing;
      await harness.sendAll('orders', ['c', 'd'], { queueId: 0 });
      expect(received).toEqual(['c', 'd']);
    });

    it('shows nothing of the old topic to those who look for messages in the new one', async () => {
      const [old] = await harness.sendAll('orders', ['old'], { keys: 'k', queueId: 0 });
      const startMs = harness.clock.now();
      await harness.admin.topics.delete('orders');
      const [young] = await harness.sendAll('orders', ['young'], { keys: 'k', queueId: 0 });
      for (const when of ['at once', 'after a restart']) {
        if (when === 'after a restart') await harness.restart();
        const { messages } = harness.admin;
        expect((await messages.byKey('orders', 'k')).map(({ msgId }) => msgId)).toEqual([young!.msgId]);
        expect(await messages.byUniqueId('orders', old!.msgId)).toBeUndefined();
        expect(await messages.byOffsetId(old!.offsetMsgId)).toBeUndefined();
        expect((await messages.byOffsetId(young!.offsetMsgId))?.msgId).toBe(young!.msgId);
        expect((await messages.byTime('orders')).map(({ storeTimestamp }) => storeTimestamp)).toEqual([startMs]);
        expect((await messages.at('orders', 0, 0))?.msgId).toBe(young!.msgId);
        await expect(messages.consumption('orders', old!.msgId)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
      }
    });

    it('leaves what waits elsewhere: it makes the topic anew when it comes', async () => {
      await harness.send('orders', 'delayed', { delayLevel: 5, queueId: 2 });
      await harness.send('orders', 'timed', { delayMs: 90_000 });
      const half = await harness.broker.sendHalf({ topic: 'orders', body: Buffer.from('paid') }, 'producers');
      await harness.admin.topics.delete('orders');
      await harness.broker.endTransaction(half.transactionId, 'COMMIT');
      expect(harness.admin.topics.list().map(({ topic }) => topic)).toEqual(['orders']);
      const listening = await harness.listen('g', 'orders');
      await harness.advance(120_000);
      expect(listening.received).toEqual(['paid', 'delayed', 'timed']);
      expect((await harness.admin.topics.stats('orders')).messageCount).toBe(3);
    });

    it('is finished at the next start when the disk has refused it half-way', async () => {
      await harness.sendAll('orders', ['a', 'b', 'c'], { queueId: 0 });
      const first = await harness.listen('g', 'orders');
      await first.stop();
      await harness.restart();
      const faulty = Object.assign(new Error('EIO'), { code: 'EIO' });
      const remove = harness.files.remove.bind(harness.files);
      harness.files.remove = (path) => (path.includes('/consumequeue/') ? Promise.reject(faulty) : remove(path));
      await expect(harness.admin.topics.delete('orders')).rejects.toMatchObject({
        code: 'TOPIC_DELETION_FAILED',
        cause: faulty,
      });
      await expect(harness.send('orders', 'x')).rejects.toMatchObject({ code: 'TOPIC_BUSY' });
      await expect(harness.admin.topics.create('orders')).rejects.toMatchObject({ code: 'TOPIC_BUSY' });
      harness.files.remove = remove;
      await harness.restart();
      expect(harness.admin.topics.list()).toEqual([]);
      expect(harness.admin.groups.offsets('g')).toEqual([]);
      await harness.send('orders', 'new', { queueId: 0 });
      expect((await harness.listen('g', 'orders')).received).toEqual(['new']);
    });
  });

  describe('scaling', () => {
    it('loses no message when queues are taken away in the documented order', async () => {
      const { topics } = harness.admin;
      await topics.create('orders', { queueNums: 4 });
      const listening = await harness.listen('g', 'orders');
      await listening.stop();
      for (let i = 0; i < 8; i++) await harness.send('orders', `m${i}`, { queueId: i % 4 });

      await topics.update('orders', { writeQueueNums: 2 });
      await expect(harness.send('orders', 'x', { queueId: 2 })).rejects.toMatchObject({ code: 'MESSAGE_ILLEGAL' });
      await expect(topics.update('orders', { readQueueNums: 2 })).rejects.toMatchObject({
        code: 'QUEUES_NOT_DRAINED',
        fields: { topic: 'orders', queueIds: [2, 3], groups: ['g'] },
      });
      expect(topics.get('orders').readQueueNums).toBe(4);

      const again = await harness.listen('g', 'orders');
      expect([...again.received].toSorted()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']);
      expect(await topics.update('orders', { readQueueNums: 2 })).toMatchObject({ readQueueNums: 2 });
      await harness.send('orders', 'after', { queueId: 1 });
      await harness.settle();
      expect(again.received).toContain('after');
    });

    it('counts what is still on its way to a queue that is to go', async () => {
      const { topics } = harness.admin;
      await topics.create('orders', { queueNums: 4 });
      const listening = await harness.listen('g', 'orders');
      listening.consumer.pause();
      const sending = harness.send('orders', 'late', { queueId: 3 });
      const lowering = topics.update('orders', { writeQueueNums: 2 });
      await expect(topics.update('orders', { readQueueNums: 2 })).rejects.toMatchObject({ code: 'QUEUES_NOT_DRAINED' });
      await Promise.all([sending, lowering]);
      listening.consumer.resume();
      await harness.settle();
      expect(listening.received).toEqual(['late']);
      expect(await topics.update('orders', { readQueueNums: 2 })).toMatchObject({
        readQueueNums: 2,
        writeQueueNums: 2,
      });
    });

    it('takes up both of two changes at the same time', async () => {
      const { topics } = harness.admin;
      await topics.create('orders', { queueNums: 4 });
      await topics.update('orders', { writeQueueNums: 2 });
      await Promise.all([
        topics.update('orders', { readQueueNums: 2 }),
        topics.update('orders', { messageType: 'FIFO' }),
        topics.update('orders', { permission: 'READ' }),
      ]);
      expect(topics.get('orders')).toMatchObject({
        readQueueNums: 2,
        writeQueueNums: 2,
        messageType: 'FIFO',
        permission: 'READ',
      });
    });

    it('hands over what has waited for a queue that is no more', async () => {
      const { topics } = harness.admin;
      await topics.create('orders', { queueNums: 4 });
      const listening = await harness.listen('g', 'orders');
      await harness.send('orders', 'delayed 1', { delayLevel: 5, queueId: 3 });
      await harness.send('orders', 'delayed 2', { delayLevel: 5, queueId: 3 });
      await harness.send('orders', 'timed', { delayMs: 90_000, queueId: 2 });
      const half = { topic: 'orders', body: Buffer.from('paid'), queueId: 3 };
      const { transactionId } = await harness.broker.sendHalf(half, 'producers');
      await topics.update('orders', { writeQueueNums: 1 });
      await topics.update('orders', { readQueueNums: 1 });
      await harness.broker.endTransaction(transactionId, 'COMMIT');
      await harness.advance(120_000);
      expect(listening.received).toEqual(['paid', 'delayed 1', 'delayed 2', 'timed']);
    });

    it('hands over what lies in queues that are readable again', async () => {
      const { topics } = harness.admin;
      await topics.create('orders', { queueNums: 2 });
      const listening = await harness.listen('g', 'orders');
      await topics.update('orders', { writeQueueNums: 1 });
      await topics.update('orders', { readQueueNums: 1 });
      await topics.update('orders', { writeQueueNums: 2 });
      await harness.send('orders', 'hidden', { queueId: 1 });
      await harness.settle();
      expect(listening.received).toEqual([]);
      await topics.update('orders', { readQueueNums: 2 });
      await harness.settle();
      expect(listening.received).toEqual(['hidden']);
    });

    it('refuses to take a queue from readers that senders still write to', async () => {
      await harness.admin.topics.create('orders', { queueNums: 4 });
      await expect(harness.admin.topics.update('orders', { readQueueNums: 2 })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('lower that first'),
      });
    });

    it('takes queues away all the same when it is forced to', async () => {
      await harness.admin.topics.create('orders', { queueNums: 2 });
      const listening = await harness.listen('g', 'orders');
      await listening.stop();
      await harness.send('orders', 'left', { queueId: 1 });
      const changed = await harness.admin.topics.update('orders', { queueNums: 1 }, { force: true });
      expect(changed).toMatchObject({ readQueueNums: 1, writeQueueNums: 1 });
    });

    it('lets a group without offsets not stand in the way', async () => {
      await harness.admin.topics.create('orders', { queueNums: 2 });
      await harness.send('orders', 'nobody reads', { queueId: 1 });
      await harness.admin.topics.update('orders', { writeQueueNums: 1 });
      expect(await harness.admin.topics.update('orders', { readQueueNums: 1 })).toMatchObject({ readQueueNums: 1 });
    });
  });

  describe('bad input', () => {
    it.each([
      ['', 'NAME_ILLEGAL'],
      ['a b', 'NAME_ILLEGAL'],
      ['x'.repeat(128), 'NAME_ILLEGAL'],
      [undefined, 'NAME_ILLEGAL'],
      ['SCHEDULE_TOPIC_XXXX', 'NAME_ILLEGAL'],
      ['rmq_sys_mine', 'NAME_ILLEGAL'],
      ['%RETRY%g', 'NAME_ILLEGAL'],
      ['%DLQ%g', 'NAME_ILLEGAL'],
    ])('is refused: a topic called %p', async (name, code) => {
      await expect(harness.admin.topics.create(name as string)).rejects.toMatchObject({ code });
    });

    it.each([
      [{ queueNums: 0 }, 'INVALID_OPTION', 'queueNums'],
      [{ queueNums: 1025 }, 'INVALID_OPTION', 'queueNums'],
      [{ readQueueNums: 1.5 }, 'INVALID_OPTION', 'readQueueNums'],
      [{ writeQueueNums: Number.NaN }, 'INVALID_OPTION', 'writeQueueNums'],
      [{ writeQueueNums: '4' }, 'INVALID_OPTION', 'writeQueueNums'],
      [{ permission: 'ALL' }, 'INVALID_OPTION', 'permission'],
      [{ permission: 6 }, 'INVALID_OPTION', 'permission'],
      [{ messageType: 'BATCH' }, 'INVALID_OPTION', 'messageType'],
      [{ queues: 4 }, 'UNKNOWN_OPTION', 'queues'],
    ])('is refused before anything is stored: %p', async (settings, code, option) => {
      const refusal = { code, fields: expect.objectContaining({ option }) as unknown };
      await expect(harness.admin.topics.create('orders', settings as object)).rejects.toMatchObject(refusal);
      expect(harness.admin.topics.list()).toEqual([]);
      await harness.admin.topics.create('orders');
      await expect(harness.admin.topics.update('orders', settings as object)).rejects.toMatchObject(refusal);
    });

    it('is refused: a topic that does not exist', async () => {
      const refusal = { code: 'TOPIC_NOT_EXIST', fields: { topic: 'nothing' } };
      const { topics } = harness.admin;
      expect(() => topics.get('nothing')).toThrow(expect.objectContaining(refusal));
      await expect(topics.stats('nothing')).rejects.toMatchObject(refusal);
      await expect(topics.update('nothing', {})).rejects.toMatchObject(refusal);
      await expect(topics.delete('nothing')).rejects.toMatchObject(refusal);
    });

    it.each(['update', 'delete'] as const)("is refused: to %s a topic of the broker's own", async (operation) => {
      await expect(harness.admin.topics[operation]('SCHEDULE_TOPIC_XXXX', {})).rejects.toMatchObject({
        code: 'NAME_ILLEGAL',
      });
    });

    it('is refused by a broker that does not run', async () => {
      const { admin } = harness;
      await admin.topics.create('x');
      await harness.close();
      expect(() => harness.admin).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }));
      await expect(admin.topics.delete('x')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });
  });
});

async function copyStore(from: AdminHarness, to: AdminHarness): Promise<void> {
  const copy = async (path: string): Promise<void> => {
    for (const name of await from.files.list(path)) {
      const child = `${path}/${name}`;
      if ((await from.files.stat(child))?.kind === 'directory') {
        await to.files.makeDirectory(child);
        await copy(child);
        continue;
      }
      if (name === 'lock') continue;
      const content = (await from.files.readFile(child))!.subarray(0, 4 * 1024 * 1024);
      await to.files.remove(child);
      const file = await to.files.open(child, 'create');
      await file.write(content, 0);
      await file.truncate((await from.files.stat(child))!.sizeBytes);
      await file.close();
    }
  };
  await copy('/store');
}
