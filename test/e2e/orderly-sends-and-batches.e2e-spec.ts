import { firstValueFrom } from 'rxjs';
import {
  BatchSplitter,
  MessageListener,
  MessageTooLargeError,
  RocketMessage,
  type MessageBatch,
  type MessageExt,
  type MessageQueue,
  type RocketListener,
  type SendResult,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, type RocketApp } from './rocket-app.js';

class Recording implements RocketListener {
  readonly deliveries = new Deliveries();

  /** Fails a delivery; it is not counted then. */
  isToFail: (payload: unknown, message: MessageExt) => boolean = () => false;

  onMessage(payload: unknown, message: MessageExt): void {
    if (this.isToFail(payload, message)) throw new Error('not now');
    this.deliveries.add(payload, message);
  }
}

// Java: "hello".hashCode() is 99162322, "polygenelubricants".hashCode() is -2147483648.
const KEY_OF_QUEUE_2 = 'hello';
const KEY_OF_QUEUE_0 = 'polygenelubricants';

const batchOf = (...payloads: readonly unknown[]): MessageBatch => payloads.map((each) => new RocketMessage(each));

describe.each(['memory', 'a directory'])('on a disk in %s,', (disk) => {
  @MessageListener({ topic: 'orders', consumerGroup: 'billing', consumeMode: 'ORDERLY' })
  class Orders extends Recording {}

  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let deliveries: Deliveries;

  const receivedFrom = (queueId: number): unknown[] =>
    deliveries.all.filter((each) => each.message.queueId === queueId).map(({ payload }) => payload);
  const start = async (options = {}): Promise<void> => {
    app = await world.start({ providers: [Orders], options });
    deliveries = app.module.get(Orders).deliveries;
  };

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  describe('a send with a hash key', () => {
    beforeEach(() => start());

    const ways: [string, (payload: string, key: string) => Promise<unknown>][] = [
      ['syncSendOrderly', (payload, key) => app.template.syncSendOrderly('orders', payload, key)],
      ['syncSendOrderly with a timeout', (payload, key) => app.template.syncSendOrderly('orders', payload, key, 500)],
      [
        'syncSendOrderly with options',
        (payload, key) => app.template.syncSendOrderly('orders', payload, key, { flag: 1 }),
      ],
      ['syncSend with options', (payload, hashKey) => app.template.syncSend('orders', payload, { hashKey })],
      ['asyncSendOrderly', (payload, key) => firstValueFrom(app.template.asyncSendOrderly('orders', payload, key))],
      ['asyncSend', (payload, hashKey) => firstValueFrom(app.template.asyncSend('orders', payload, { hashKey }))],
      [
        'asyncSendOrderly with a callback',
        (payload, key) =>
          new Promise((onSuccess, onException) => {
            app.template.asyncSendOrderly('orders', payload, key, { onSuccess, onException }, 3000);
          }),
      ],
      ['sendOneWayOrderly', (payload, key) => app.template.sendOneWayOrderly('orders', payload, key)],
      ['sendOneWay', (payload, hashKey) => app.template.sendOneWay('orders', payload, { hashKey })],
    ];

    it.each(ways)('goes to the queue that RocketMQ would choose: %s', async (_way, send) => {
      await send('a', KEY_OF_QUEUE_2);
      await send('b', KEY_OF_QUEUE_0);
      await send('c', KEY_OF_QUEUE_2);
      await app.broker.whenIdle();
      expect([receivedFrom(2), receivedFrom(0)]).toEqual([['a', 'c'], ['b']]);
      expect(deliveries.all[0]?.message.properties).toHaveProperty('__SHARDINGKEY');
    });

    it('C10: keeps the steps of each order in order, also when one fails and is tried again', async () => {
      type Step = { readonly orderNo: string; readonly step: string };
      const orderNos = ['1100', '2200', '3300'];
      const steps = ['create', 'payment', 'push', 'done'];
      let failures = 0;
      app.module.get(Orders).isToFail = (payload, { reconsumeTimes }) => {
        const { orderNo, step } = payload as Step;
        const isFailing = orderNo === '2200' && step === 'payment' && reconsumeTimes < 2;
        if (isFailing) failures++;
        return isFailing;
      };
      const received = (orderNo: string): string[] =>
        deliveries.payloads.filter((each) => (each as Step).orderNo === orderNo).map((each) => (each as Step).step);
      for (const step of steps) {
        for (const orderNo of orderNos) await app.template.syncSendOrderly('orders', { orderNo, step }, orderNo);
      }
      await app.broker.whenIdle();
      expect(received('2200')).toEqual(['create']);
      await world.pass(app, 2000);
      expect(failures).toBe(2);
      for (const orderNo of orderNos) expect(received(orderNo)).toEqual(steps);
    });

    it('can wait for a delay level', async () => {
      await app.template.syncSendOrderly('orders', 'later', KEY_OF_QUEUE_2, 3000, 1);
      await app.broker.whenIdle();
      expect(deliveries.all).toEqual([]);
      await world.pass(app, 1000);
      expect(receivedFrom(2)).toEqual(['later']);
    });
  });

  describe('a queue selector', () => {
    const last = (queues: readonly MessageQueue[]): MessageQueue => queues.at(-1)!;

    it('of one send sees queues, message and key, and chooses', async () => {
      await start();
      const seen: unknown[] = [];
      const result = await app.template.syncSend('orders:paid', 'a', {
        hashKey: 'k',
        selectQueue: (queues, message, hashKey) => {
          seen.push(
            queues.map(({ queueId }) => queueId),
            message.tags,
            hashKey,
          );
          return last(queues);
        },
      });
      expect(result.messageQueue.queueId).toBe(3);
      expect(seen).toEqual([[0, 1, 2, 3], 'paid', 'k']);
    });

    it('of the module chooses for every send with a key, and for no other', async () => {
      await start({ producer: { messageQueueSelector: last } });
      const queueIds: number[] = [];
      for (let i = 0; i < 4; i++) {
        queueIds.push((await app.template.syncSend('orders', 'x')).messageQueue.queueId);
        expect((await app.template.syncSendOrderly('orders', 'x', 'k')).messageQueue.queueId).toBe(3);
        const first = await app.template.syncSendOrderly('orders', 'x', 'k', { selectQueue: ([queue]) => queue! });
        expect(first.messageQueue.queueId).toBe(0);
      }
      expect(queueIds.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    });

    it('is asked once for a batch', async () => {
      await start();
      let asked = 0;
      const selectQueue = (queues: readonly MessageQueue[]): MessageQueue => {
        asked++;
        return last(queues);
      };
      const result = await app.template.syncSend('orders', batchOf('a', 'b'), { selectQueue });
      expect([asked, result.messageQueue.queueId]).toEqual([1, 3]);
    });

    it.each<[string, (queues: readonly MessageQueue[]) => unknown]>([
      ['nothing', () => undefined],
      ['a promise', ([queue]) => Promise.resolve(queue)],
      ['a queue that the topic has not', ([queue]) => ({ ...queue, queueId: 4 })],
      ['a queue of another topic', ([queue]) => ({ ...queue, topic: 'other' })],
    ])('that answers %s fails the send', async (_what, select) => {
      await start();
      const sending = app.template.syncSendOrderly('orders', 'x', 'k', { selectQueue: select as never });
      await expect(sending).rejects.toMatchObject({
        code: 'MESSAGE_ILLEGAL',
        fields: { field: 'the answer of the queue selector' },
      });
      await app.broker.whenIdle();
      expect(deliveries.all).toEqual([]);
    });

    it('that throws fails the send with what it threw', async () => {
      await start();
      const error = new Error('no queue suits me');
      const sending = app.template.syncSend('orders', 'x', {
        selectQueue: () => {
          throw error;
        },
      });
      await expect(sending).rejects.toBe(error);
    });
  });

  describe('C11: a batch', () => {
    beforeEach(() => start());

    const ten = batchOf(...Array.from({ length: 10 }, (_, index) => ({ index })));
    const ways: [string, () => Promise<SendResult>][] = [
      ['syncSend', () => app.template.syncSend('orders', ten)],
      ['syncSend with a timeout', () => app.template.syncSend('orders', ten, 5000)],
      ['asyncSend', () => firstValueFrom(app.template.asyncSend('orders', ten))],
      ['syncSendOrderly', () => app.template.syncSendOrderly('orders', ten, KEY_OF_QUEUE_2)],
      ['asyncSendOrderly', () => firstValueFrom(app.template.asyncSendOrderly('orders', ten, KEY_OF_QUEUE_2))],
    ];

    it.each(ways)('sent by one call of %s lies in one queue, at consecutive offsets', async (way, send) => {
      await app.template.syncSendOrderly('orders', 'before', KEY_OF_QUEUE_2);
      const { messageQueue, queueOffset, msgId, offsetMsgId } = await send();
      await app.broker.whenIdle();
      const received = deliveries.all.filter(({ payload }) => payload !== 'before');
      expect(received.map(({ payload }) => payload)).toEqual(ten.map(({ payload }) => payload));
      const places = received.map(({ message }) => [message.queueId, message.queueOffset]);
      expect(places).toEqual(ten.map((_, index) => [messageQueue.queueId, queueOffset + index]));
      expect(msgId.split(',')).toEqual(received.map(({ message }) => message.msgId));
      expect(offsetMsgId.split(',')).toEqual(received.map(({ message }) => message.offsetMsgId));
      if (way.includes('Orderly')) expect(messageQueue.queueId).toBe(2);
    });

    it('can be sent one-way', async () => {
      await app.template.sendOneWay('orders', batchOf('a', 'b'));
      await app.template.sendOneWayOrderly('orders', batchOf('c', 'd'), KEY_OF_QUEUE_2);
      await app.broker.whenIdle();
      expect(new Set(deliveries.payloads)).toEqual(new Set(['a', 'b', 'c', 'd']));
      expect(receivedFrom(2)).toEqual(expect.arrayContaining(['c', 'd']));
    });

    it('gives each message its own keys and properties, and all of them the tag and the options', async () => {
      const batch = [new RocketMessage('a', { KEYS: 'A', n: 1 }), new RocketMessage('b', { KEYS: 'B', n: 2 })];
      await app.template.syncSend('orders:paid', batch, { headers: { tenant: 'acme' } });
      await app.broker.whenIdle();
      expect(deliveries.all.map(({ message }) => message)).toMatchObject([
        { tags: 'paid', keys: 'A', properties: { n: '1', tenant: 'acme' } },
        { tags: 'paid', keys: 'B', properties: { n: '2', tenant: 'acme' } },
      ]);
    });

    it('is an array of messages; every other array is one payload', async () => {
      await app.template.syncSend('orders', ['a', 'b']);
      await app.template.convertAndSend('orders', []);
      await app.template.syncSend('orders', new RocketMessage([]));
      await app.broker.whenIdle();
      expect(deliveries.payloads).toEqual(expect.arrayContaining([['a', 'b'], [], []]));
      expect(deliveries.payloads).toHaveLength(3);
    });
  });

  it('C11: a list over 4 MiB is split into batches that are not, and arrives in order', async () => {
    await start();
    const list = batchOf(...Array.from({ length: 9 }, (_, index) => Buffer.alloc(1024 * 1024 - 200, index)));
    await expect(app.template.syncSend('orders', list)).rejects.toThrow(MessageTooLargeError);
    const sizes: number[] = [];
    for (const batch of new BatchSplitter('orders', list, { sendOptions: { hashKey: 'k' } })) {
      sizes.push(batch.length);
      await app.template.syncSendOrderly('orders', batch, 'k');
    }
    await app.broker.whenIdle();
    expect(sizes).toEqual([4, 4, 1]);
    expect(deliveries.payloads.map((body) => (body as Buffer)[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
