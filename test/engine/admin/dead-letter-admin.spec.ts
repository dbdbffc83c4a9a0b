import type { MessageExt } from '../../../lib/engine/index.js';
import { NonRetryableError } from '../../../lib/errors/index.js';
import { AdminHarness, bodiesOf, bodyOf, type Listening } from './admin-harness.js';

describe('the admin API, dead letters', () => {
  let harness: AdminHarness;
  /** What the group gets, and whether it can do it. */
  let isBroken: boolean;
  let received: MessageExt[];
  let listening: Listening;

  const listen = (): Promise<Listening> =>
    harness.listen('g', 'orders', (message) => {
      received.push(message);
      if (isBroken) throw new NonRetryableError('never');
    });

  beforeEach(async () => {
    harness = await AdminHarness.open();
    await harness.admin.topics.create('orders', { queueNums: 2 });
    isBroken = true;
    received = [];
    listening = await listen();
  });

  afterEach(() => harness.close());

  it('are listed, oldest first, page by page', async () => {
    const sent = await harness.sendAll('orders', ['a', 'b', 'c', 'd', 'e']);
    const first = await harness.admin.deadLetters.list('g', { maxCount: 3 });
    expect(bodiesOf(first.deadLetters.map(({ message }) => message))).toEqual(['a', 'b', 'c']);
    expect(first).toMatchObject({ nextOffset: 3, maxOffset: 5 });
    expect(first.deadLetters[1]).toMatchObject({
      queueOffset: 1,
      originTopic: 'orders',
      originMessageId: sent[1]!.offsetMsgId,
      message: { msgId: sent[1]!.msgId, topic: '%DLQ%g' },
    });
    const second = await harness.admin.deadLetters.list('g', { fromOffset: first.nextOffset });
    expect(bodiesOf(second.deadLetters.map(({ message }) => message))).toEqual(['d', 'e']);
    const third = await harness.admin.deadLetters.list('g', { fromOffset: second.nextOffset });
    expect(third).toEqual({ deadLetters: [], nextOffset: 5, maxOffset: 5 });
  });

  it('are none for a group that has had none', async () => {
    expect(await harness.admin.deadLetters.list('g')).toEqual({ deadLetters: [], nextOffset: 0, maxOffset: 0 });
    expect(await harness.admin.deadLetters.resendAll('g')).toEqual({ resent: 0, failed: [] });
  });

  it('go back to where they came from as they were sent, with all attempts forgotten', async () => {
    await listening.stop();
    listening = await harness.listen(
      'g',
      'orders',
      (message) => {
        received.push(message);
        if (isBroken) throw new Error('broken');
      },
      { subscription: { maxReconsumeTimes: 2 } },
    );
    const sent = await harness.send('orders', 'hello', {
      keys: 'order-1 customer-2',
      tags: 'made',
      properties: { color: 'red', né: 'ü' },
      flag: 42,
    });
    await harness.advance(120_000);
    expect(received.map(({ reconsumeTimes }) => reconsumeTimes)).toEqual([0, 1, 2]);
    const [dead] = (await harness.admin.deadLetters.list('g')).deadLetters;
    expect(dead!.message.reconsumeTimes).toBe(3);

    isBroken = false;
    const resent = await harness.admin.deadLetters.resend('g', sent.msgId);
    expect(resent).toMatchObject({ msgId: sent.msgId, topic: 'orders' });
    await harness.settle();
    const [original] = received;
    const again = received.at(-1)!;
    expect(received).toHaveLength(4);
    expect(again).toMatchObject({
      topic: 'orders',
      msgId: sent.msgId,
      keys: 'order-1 customer-2',
      tags: 'made',
      flag: 42,
      reconsumeTimes: 0,
      queueId: resent.queueId,
      queueOffset: resent.queueOffset,
    });
    expect(bodyOf(again)).toBe('hello');
    expect({ ...again.properties }).toEqual({ ...original!.properties });
    expect((await harness.admin.messages.byKey('orders', 'order-1')).length).toBe(2);
  });

  it('that fail again become dead letters again, after as many attempts as the first time', async () => {
    const sent = await harness.send('orders', 'x');
    await harness.settle();
    await harness.admin.deadLetters.resend('g', sent.msgId);
    await harness.settle();
    expect(received).toHaveLength(2);
    const { deadLetters } = await harness.admin.deadLetters.list('g');
    expect(deadLetters.map(({ message }) => message.reconsumeTimes)).toEqual([1, 1]);
  });

  it('of a group that listens to dead letters go back to those, and from there to where they came from', async () => {
    let isHandled = false;
    const support = await harness.listen('support', '%DLQ%g', () => {
      if (!isHandled) throw new NonRetryableError('not today');
    });
    await harness.send('orders', 'x');
    await harness.settle();
    const { deadLetters } = await harness.admin.deadLetters.list('support');
    expect(deadLetters).toMatchObject([{ originTopic: '%DLQ%g', message: { body: Buffer.from('x') } }]);
    isHandled = true;
    expect(await harness.admin.deadLetters.resendAll('support')).toEqual({ resent: 1, failed: [] });
    await harness.settle();
    expect(support.received).toEqual(['x', 'x']);
    isBroken = false;
    expect(await harness.admin.deadLetters.resendAll('g', { fromOffset: 1 })).toEqual({ resent: 1, failed: [] });
    await harness.settle();
    expect(bodiesOf(received)).toEqual(['x', 'x']);
  });

  it('are consumed when they are sent again and handled, and dead when they fail again', async () => {
    const sent = await harness.send('orders', 'x');
    await harness.settle();
    const states = async () =>
      (await harness.admin.messages.consumption('orders', sent.msgId)).map(({ state }) => state);
    expect(await states()).toEqual(['DEAD_LETTER']);
    await harness.admin.deadLetters.resend('g', sent.msgId);
    await harness.settle();
    expect(await states()).toEqual(['DEAD_LETTER']);
    isBroken = false;
    await harness.admin.deadLetters.resend('g', sent.msgId);
    await harness.settle();
    expect(await states()).toEqual(['CONSUMED']);
  });

  it('are sent again all at once, each one once, also over several calls and a restart', async () => {
    const bodies = Array.from({ length: 75 }, (_, i) => `m${i}`);
    for (const body of bodies) await harness.send('orders', body);
    await harness.settle();
    isBroken = false;
    received = [];
    const results = await Promise.all([
      harness.admin.deadLetters.resendAll('g'),
      harness.admin.deadLetters.resendAll('g'),
    ]);
    expect(results.map(({ resent }) => resent)).toEqual([75, 0]);
    await harness.settle();
    expect(bodiesOf(received).toSorted()).toEqual(bodies.toSorted());

    await harness.restart();
    isBroken = true;
    listening = await listen();
    await harness.send('orders', 'late');
    await harness.settle();
    isBroken = false;
    received = [];
    expect(await harness.admin.deadLetters.resendAll('g')).toEqual({ resent: 1, failed: [] });
    await harness.settle();
    expect(bodiesOf(received)).toEqual(['late']);
    expect((await harness.admin.deadLetters.resendAll('g', { fromOffset: 74 })).resent).toBe(2);
  });

  it('that fail while they are sent again are left for the next call', async () => {
    await harness.sendAll('orders', ['a', 'b']);
    expect((await harness.admin.deadLetters.resendAll('g')).resent).toBe(2);
    await harness.settle();
    expect((await harness.admin.deadLetters.list('g')).maxOffset).toBe(4);
    expect((await harness.admin.deadLetters.resendAll('g')).resent).toBe(2);
  });

  it('of one sharding key go to one queue again, in their order', async () => {
    await harness.sendAll('orders', ['a1', 'a2', 'a3'], { shardingKey: 'a' });
    await harness.sendAll('orders', ['b1', 'b2'], { shardingKey: 'b' });
    const queueOf = new Map(received.map((message) => [bodyOf(message), message.queueId]));
    isBroken = false;
    received = [];
    await harness.admin.deadLetters.resendAll('g');
    await harness.settle();
    for (const message of received) expect(message.queueId).toBe(queueOf.get(bodyOf(message)));
    const ofA = received.filter((message) => bodyOf(message).startsWith('a'));
    expect(bodiesOf(ofA.toSorted((x, y) => x.queueOffset - y.queueOffset))).toEqual(['a1', 'a2', 'a3']);
  });

  it('of a transaction come back as messages of their own', async () => {
    const { transactionId } = await harness.broker.sendHalf(
      { topic: 'orders', body: Buffer.from('paid') },
      'producers',
    );
    await harness.broker.endTransaction(transactionId, 'COMMIT');
    await harness.settle();
    isBroken = false;
    await harness.admin.deadLetters.resend('g', received[0]!.msgId);
    await harness.settle();
    const again = received.at(-1)!;
    expect(bodyOf(again)).toBe('paid');
    expect(again.sysFlag & 0xc).toBe(0);
    expect(again.preparedTransactionOffset).toBe(0);
    expect(Object.keys(again.properties)).not.toContain('TRAN_MSG');
  });

  it('whose topic is gone or closed are passed over and named', async () => {
    await harness.admin.topics.create('fees', { queueNums: 1 });
    const fees = await harness.broker.subscribe({
      group: 'two',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: ['orders', 'fees'].map((topic) => ({
        topic,
        handler: () => {
          throw new NonRetryableError('never');
        },
      })),
    });
    const gone = await harness.send('fees', 'gone');
    await harness.send('orders', 'there');
    await harness.settle();
    await fees.close({ timeoutMs: 1000 });
    await harness.admin.topics.delete('fees');
    const result = await harness.admin.deadLetters.resendAll('two');
    expect(result).toMatchObject({
      resent: 1,
      failed: [{ msgId: gone.msgId, queueOffset: 0, error: { code: 'TOPIC_NOT_EXIST', fields: { topic: 'fees' } } }],
    });
    await expect(harness.admin.deadLetters.resend('two', gone.msgId)).rejects.toMatchObject({
      code: 'TOPIC_NOT_EXIST',
    });
    await harness.admin.topics.update('orders', { permission: 'READ' });
    const [dead] = (await harness.admin.deadLetters.list('two', { fromOffset: 1 })).deadLetters;
    await expect(harness.admin.deadLetters.resend('two', dead!.message.msgId)).rejects.toMatchObject({
      code: 'NO_PERMISSION',
    });
  });

  describe('bad input', () => {
    it('is refused: a group that does not exist', async () => {
      const { deadLetters } = harness.admin;
      const refusal = { code: 'GROUP_NOT_EXIST', fields: { group: 'nobody' } };
      await expect(deadLetters.list('nobody')).rejects.toMatchObject(refusal);
      await expect(deadLetters.resend('nobody', 'x')).rejects.toMatchObject(refusal);
      await expect(deadLetters.resendAll('nobody')).rejects.toMatchObject(refusal);
    });

    it('is refused: a message that is no dead letter of the group', async () => {
      isBroken = false;
      const { msgId } = await harness.send('orders', 'fine');
      await harness.settle();
      await expect(harness.admin.deadLetters.resend('g', msgId)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
    });

    it.each([
      [{ maxCount: 0 }, 'maxCount'],
      [{ maxCount: 2000 }, 'maxCount'],
      [{ fromOffset: -1 }, 'fromOffset'],
      [{ fromOffset: 0.5 }, 'fromOffset'],
    ])('is refused: the page %p', async (page, option) => {
      await expect(harness.admin.deadLetters.list('g', page)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        fields: expect.objectContaining({ option }) as unknown,
      });
    });

    it.each(['', undefined, 7])('is refused: the message id %p', async (msgId) => {
      await expect(harness.admin.deadLetters.resend('g', msgId as string)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
      });
    });
  });
});
