import type { TopicMessageType } from '../../../lib/engine/index.js';
import { NonRetryableError } from '../../../lib/errors/index.js';
import { AdminHarness, bodiesOf } from './admin-harness.js';

const TYPES: readonly TopicMessageType[] = ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION', 'MIXED', 'UNSPECIFIED'];

describe('the message type that a topic is declared for', () => {
  let harness: AdminHarness;

  /** Every way to send, and what a message is that is sent so. */
  const ways: readonly (readonly [name: string, type: TopicMessageType, send: () => Promise<unknown>])[] = [
    ['alone', 'NORMAL', () => harness.send('orders', 'x')],
    ['with delay level 0', 'NORMAL', () => harness.send('orders', 'x', { delayLevel: 0 })],
    ['to a queue of its choice', 'NORMAL', () => harness.send('orders', 'x', { queueId: 1 })],
    ['in a batch', 'NORMAL', () => harness.broker.sendBatch([message(), message()])],
    ['as a request', 'NORMAL', () => harness.broker.request(message(), { timeoutMs: 1 }).catch(unlessTimeout)],
    ['with a sharding key', 'FIFO', () => harness.send('orders', 'x', { shardingKey: 'k' })],
    ['in a batch with a sharding key', 'FIFO', () => harness.broker.sendBatch([message('k'), message('k')])],
    ['with a delay level', 'DELAY', () => harness.send('orders', 'x', { delayLevel: 2 })],
    ['with a delay', 'DELAY', () => harness.send('orders', 'x', { delayMs: 1500 })],
    ['for a time', 'DELAY', () => harness.send('orders', 'x', { deliverAtMs: harness.clock.now() + 1500 })],
    ['with a delay and a key', 'DELAY', () => harness.send('orders', 'x', { delayLevel: 1, shardingKey: 'k' })],
    ['as a half message', 'TRANSACTION', () => harness.broker.sendHalf(message(), 'producers')],
    ['as a half message with a key', 'TRANSACTION', () => harness.broker.sendHalf(message('k'), 'producers')],
  ];

  const message = (shardingKey?: string) => ({ topic: 'orders', body: Buffer.from('x'), shardingKey });

  /** Nobody answers the request; that it was taken is all that counts. */
  const unlessTimeout = (error: unknown): void => {
    if ((error as { code?: unknown }).code !== 'REQUEST_TIMEOUT') throw error;
  };

  const storedRecords = async (): Promise<number> => {
    const topics = harness.admin.topics.list({ all: true });
    const stats = await Promise.all(topics.map(({ topic }) => harness.admin.topics.stats(topic)));
    return stats.reduce((sum, { messageCount }) => sum + messageCount, 0);
  };

  beforeEach(async () => {
    harness = await AdminHarness.open();
  });

  afterEach(() => harness.close());

  it.each(TYPES)('%s lets in what is of it, and refuses all else before anything is stored', async (declared) => {
    await harness.admin.topics.create('orders', { messageType: declared });
    for (const [way, actual, send] of ways) {
      const before = await storedRecords();
      const sending = send();
      void sending.catch(() => undefined);
      if (way === 'as a request') await harness.advance(10);
      const outcome = await sending.then(
        () => 'taken',
        (error: unknown) => error,
      );
      if (declared === actual || declared === 'MIXED' || declared === 'UNSPECIFIED') {
        expect([way, outcome]).toEqual([way, 'taken']);
        expect(await storedRecords()).toBeGreaterThan(before);
      } else {
        expect(outcome).toMatchObject({
          code: 'MESSAGE_TYPE_MISMATCH',
          fields: { topic: 'orders', declared, actual },
          message: expect.stringContaining(`takes ${declared} messages, but this is a ${actual} message`) as unknown,
        });
        expect(await storedRecords()).toBe(before);
      }
    }
  });

  it('refuses a batch as a whole when one of its messages is of another type', async () => {
    await harness.admin.topics.create('orders', { messageType: 'NORMAL' });
    await expect(harness.broker.sendBatch([message(), message('k')])).rejects.toMatchObject({
      code: 'MESSAGE_TYPE_MISMATCH',
    });
    expect(await storedRecords()).toBe(0);
  });

  it('counts for the very next message when it is changed, and is kept through a restart', async () => {
    await harness.send('orders', 'a', { shardingKey: 'k' });
    await harness.admin.topics.update('orders', { messageType: 'NORMAL' });
    await expect(harness.send('orders', 'b', { shardingKey: 'k' })).rejects.toMatchObject({
      code: 'MESSAGE_TYPE_MISMATCH',
    });
    await harness.restart();
    await expect(harness.send('orders', 'c', { shardingKey: 'k' })).rejects.toMatchObject({
      code: 'MESSAGE_TYPE_MISMATCH',
    });
    await harness.admin.topics.update('orders', { messageType: 'UNSPECIFIED' });
    await harness.send('orders', 'd', { shardingKey: 'k' });
    expect(harness.admin.topics.get('orders')).toMatchObject({ messageType: 'UNSPECIFIED', attributes: {} });
  });

  it('stands in topics.json as with RocketMQ', async () => {
    await harness.admin.topics.create('orders', { messageType: 'FIFO' });
    const file = JSON.parse((await harness.files.readFile('/store/config/topics.json'))!.toString()) as {
      topicConfigTable: Record<string, { attributes: unknown }>;
    };
    expect(file.topicConfigTable['orders']!.attributes).toEqual({ 'message.type': 'FIFO' });
  });

  describe('is not asked of what the broker itself stores again', () => {
    it('delayed messages, timers and transactions when they come due', async () => {
      await harness.admin.topics.create('orders');
      const listening = await harness.listen('g', 'orders');
      await harness.send('orders', 'delayed', { delayLevel: 1 });
      await harness.send('orders', 'timed', { delayMs: 1500 });
      const { transactionId } = await harness.broker.sendHalf(
        { topic: 'orders', body: Buffer.from('committed') },
        'producers',
      );
      await harness.admin.topics.update('orders', { messageType: 'FIFO' });
      await harness.broker.endTransaction(transactionId, 'COMMIT');
      await harness.advance(5000);
      expect([...listening.received].toSorted()).toEqual(['committed', 'delayed', 'timed']);
    });

    it('retries and dead letters', async () => {
      await harness.admin.topics.create('orders', { messageType: 'NORMAL' });
      const attempts: number[] = [];
      await harness.listen('g', 'orders', ({ reconsumeTimes }) => {
        attempts.push(reconsumeTimes);
        if (attempts.length === 1) throw new Error('once more');
        if (attempts.length === 2) throw new NonRetryableError('never');
      });
      const { msgId } = await harness.send('orders', 'x');
      await harness.advance(60_000);
      await harness.admin.topics.update('orders', { messageType: 'DELAY' });
      await harness.admin.deadLetters.resend('g', msgId);
      await harness.settle();
      expect(attempts).toEqual([0, 1, 0]);
      expect(bodiesOf(await harness.admin.messages.byTime('orders'))).toEqual(['x', 'x']);
    });
  });
});
