import { join } from 'node:path';
import { Controller } from '@nestjs/common';
import { Type as TypeOf } from 'class-transformer';
import { firstValueFrom, of, throwError } from 'rxjs';
import {
  InjectRocketTemplate,
  MessageBuilder,
  MessageIllegalError,
  MessageListener,
  MessageTooLargeError,
  NameIllegalError,
  NonRetryableError,
  PayloadError,
  RECONSUME_LATER,
  RocketMessage,
  RocketTemplate,
  SendTimeoutError,
  StoreClosedError,
  UnknownOptionError,
  type MessageExt,
  type RocketListener,
  type SendMessageOptions,
  type SendResult,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, startApp, type RocketApp } from './rocket-app.js';
import { SlowDisk } from './slow-disk.js';

class OrderLine {
  sku!: string;
  count!: number;
}

class Order {
  orderNo!: string;
  @TypeOf(() => Date)
  createdAt!: Date;
  @TypeOf(() => OrderLine)
  lines!: OrderLine[];

  get size(): number {
    return this.lines.reduce((sum, line) => sum + line.count, 0);
  }
}

function order(orderNo: string): Order {
  const lines = [Object.assign(new OrderLine(), { sku: 'book', count: 2 })];
  return Object.assign(new Order(), { orderNo, createdAt: new Date('2024-05-06T07:08:09Z'), lines });
}

/** Delivers what it is given to a test, and fails as often as the test wants. */
class Recording implements RocketListener {
  readonly deliveries = new Deliveries();
  readonly handling: ((message: MessageExt) => unknown)[] = [];

  onMessage(payload: unknown, message: MessageExt): unknown {
    this.deliveries.add(payload, message);
    return this.handling[this.deliveries.all.length - 1]?.(message);
  }

  get attempts(): number[] {
    return this.deliveries.all.map(({ message }) => message.reconsumeTimes);
  }
}

const fail = (): never => {
  throw new Error('the warehouse does not answer');
};

describe('a message', () => {
  @MessageListener({ topic: 'love', consumerGroup: 'madoka' })
  class LoveListener extends Recording {}
  @MessageListener({ topic: 'orders', consumerGroup: 'billing', payloadType: Order })
  class OrderListener extends Recording {}
  @MessageListener({ topic: 'tagged', consumerGroup: 'tagged', selectorExpression: 'paid || due' })
  class TaggedListener extends Recording {}
  @Controller()
  class LoveController {
    constructor(@InjectRocketTemplate() readonly template: RocketTemplate) {}
  }

  let directory: TemporaryDirectory;
  let app: RocketApp;
  let love: LoveListener;
  let orders: OrderListener;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    app = await startApp({
      options: { store: { path: join(directory.path, 'store') } },
      providers: [LoveListener, OrderListener, TaggedListener],
      controllers: [LoveController],
    });
    love = app.module.get(LoveListener);
    orders = app.module.get(OrderListener);
  });

  afterEach(async () => {
    await app.close();
    await directory.remove();
  });

  it('C1: sent by a controller reaches the listener of its topic', async () => {
    await app.module.get(LoveController).template.convertAndSend('love', '2333');
    await love.deliveries.reached(1);
    expect(love.deliveries.payloads).toEqual(['2333']);
    expect(love.deliveries.all[0]?.message).toMatchObject({ topic: 'love', reconsumeTimes: 0, tags: undefined });
    expect(orders.deliveries.all).toEqual([]);
  });

  it('C2: sent as an object reaches the listener as an instance of the class that it names', async () => {
    await app.template.syncSend('orders', order('A1'));
    await orders.deliveries.reached(1);
    const received = orders.deliveries.payloads[0] as Order;
    expect(received).toBeInstanceOf(Order);
    expect(received).toEqual(order('A1'));
    expect(received.size).toBe(2);
    expect(received.createdAt).toBeInstanceOf(Date);
  });

  it('comes back as it was sent when the listener names no type', async () => {
    for (const payload of ['text', { a: [1, null] }, 7, true, Buffer.from([0, 255])]) {
      await app.template.convertAndSend('love', payload);
    }
    await love.deliveries.reached(5);
    expect(new Set(love.deliveries.payloads)).toEqual(
      new Set(['text', { a: [1, null] }, 7, true, Buffer.from([0, 255])]),
    );
  });

  it('carries tag, keys, flag and properties, and no header that nobody reads', async () => {
    const message = MessageBuilder.withPayload('x').setHeader('KEYS', ['A', 'B']).setHeader('tenant', 'acme').build();
    await app.template.send('love:sweet:heart', message);
    await app.template.syncSend('love', 'y', { keys: 'C', tags: 'sour', flag: 7, headers: { attempt: 2 } });
    await love.deliveries.reached(2);
    const [x, y] = ['x', 'y'].map((payload) => love.deliveries.all.find((each) => each.payload === payload)?.message);
    expect(x).toMatchObject({ tags: 'sweet:heart', keys: 'A B', flag: 0 });
    expect(y).toMatchObject({ tags: 'sour', keys: 'C', flag: 7 });
    expect(x?.properties).toMatchObject({ tenant: 'acme', contentType: 'text/plain;charset=UTF-8' });
    expect(y?.properties).toMatchObject({ attempt: '2' });
    expect(Object.keys(x?.properties ?? {})).not.toContain('id');
    expect(Object.keys(x?.properties ?? {})).not.toContain('timestamp');
  });

  it('passes a listener by whose selector it does not fit', async () => {
    const tagged = app.module.get(TaggedListener);
    for (const destination of ['tagged:paid', 'tagged:open', 'tagged', 'tagged:due']) {
      await app.template.convertAndSend(destination, destination);
    }
    await tagged.deliveries.reached(2);
    await app.broker.whenIdle();
    expect(new Set(tagged.deliveries.payloads)).toEqual(new Set(['tagged:paid', 'tagged:due']));
  });

  it('is answered with where it lies', async () => {
    const result = await app.template.syncSend('love', 'x');
    expect(result).toMatchObject({ sendStatus: 'SEND_OK', messageQueue: { topic: 'love', brokerName: 'broker-a' } });
    await love.deliveries.reached(1);
    const { message } = love.deliveries.all[0] ?? {};
    expect(message).toMatchObject({ msgId: result.msgId, queueId: result.messageQueue.queueId });
    expect(message?.queueOffset).toBe(result.queueOffset);
  });

  it('C21: resolves before the flush with waitStoreMsgOK false, and arrives all the same', async () => {
    await app.template.syncSend('love', 'x', { waitStoreMsgOK: false });
    await love.deliveries.reached(1);
  });

  it('C20: can be sent one-way', async () => {
    await expect(app.template.sendOneWay('love', 'log line', { keys: 'K' })).resolves.toBeUndefined();
    await love.deliveries.reached(1);
    expect(love.deliveries.all[0]).toMatchObject({ payload: 'log line', message: { keys: 'K' } });
  });

  describe('sent by asyncSend', () => {
    it('tells the callback its result', async () => {
      const result = await new Promise<SendResult>((onSuccess, onException) => {
        app.template.asyncSend('love', 'x', { onSuccess, onException }, 3000, 0);
      });
      expect(result.sendStatus).toBe('SEND_OK');
    });

    it.each<[string, string, unknown]>([
      ['its payload', 'love', undefined],
      ['its topic', 'not a topic', 'x'],
    ])('tells the callback what is wrong with %s', async (_what, destination, payload) => {
      const error = await new Promise((resolve) => {
        app.template.asyncSend(destination, payload, { onSuccess: () => resolve('sent'), onException: resolve });
      });
      expect(error).toHaveProperty('code');
    });

    it('is sent once whether nobody subscribes, one or many, and tells everyone', async () => {
      const sending = app.template.asyncSend('love', 'once');
      const results = await Promise.all([firstValueFrom(sending), firstValueFrom(sending)]);
      expect(results[0]).toEqual(results[1]);
      expect(await firstValueFrom(sending)).toEqual(results[0]);
      app.template.asyncSend('love', 'nobody subscribes');
      await love.deliveries.reached(2);
      await app.broker.whenIdle();
      expect(love.deliveries.payloads.map(String).toSorted()).toEqual(['nobody subscribes', 'once']);
    });

    it('tells a subscriber its error, and the log when there is none', async () => {
      await expect(firstValueFrom(app.template.asyncSend('love', null))).rejects.toThrow(PayloadError);
      app.template.asyncSend('not a topic', 'x');
      await app.broker.whenIdle();
      expect(app.log.matching(/asyncSend to "not a topic" that nobody subscribed to failed/)).toHaveLength(1);
    });

    it('does not crash the process when a callback throws', async () => {
      app.template.asyncSend('love', 'x', { onSuccess: fail, onException: fail });
      await love.deliveries.reached(1);
      await app.broker.whenIdle();
      expect(app.log.matching(/callback of an asyncSend to "love" threw/)).toHaveLength(1);
    });
  });

  describe('is refused with a named error, before anything is stored,', () => {
    it.each<[string, (template: RocketTemplate) => Promise<unknown>, new (...args: never[]) => Error]>([
      ['without a topic', (template) => template.syncSend(':tag', 'x'), MessageIllegalError],
      ['with an illegal topic', (template) => template.syncSend('a b', 'x'), NameIllegalError],
      ['to a topic of the broker', (template) => template.syncSend('SCHEDULE_TOPIC_XXXX', 'x'), NameIllegalError],
      ['with an empty body', (template) => template.syncSend('love', ''), MessageIllegalError],
      ['without a payload', (template) => template.convertAndSend('love', undefined), PayloadError],
      [
        'with a body over 4 MiB',
        (template) => template.syncSend('love', Buffer.alloc(4 * 1024 * 1024 + 1)),
        MessageTooLargeError,
      ],
      ['with timeout 0', (template) => template.syncSend('love', 'x', 0), MessageIllegalError],
      ['with a negative timeout', (template) => template.syncSend('love', 'x', -1), MessageIllegalError],
      ['with timeout NaN', (template) => template.syncSend('love', 'x', Number.NaN), MessageIllegalError],
      ['with delay level −1', (template) => template.syncSend('love', 'x', 3000, -1), MessageIllegalError],
      ['with delay level 1.5', (template) => template.syncSend('love', 'x', 3000, 1.5), MessageIllegalError],
      ['with delay level 19', (template) => template.syncSend('love', 'x', { delayLevel: 19 }), MessageIllegalError],
      [
        'with a reserved property',
        (template) => template.convertAndSend('love', 'x', { UNIQ_KEY: 'mine' }),
        MessageIllegalError,
      ],
      [
        'with a blank property',
        (template) => template.convertAndSend('love', 'x', { tenant: ' ' }),
        MessageIllegalError,
      ],
      [
        'with a separator in a key',
        (template) => template.syncSend('love', 'x', { keys: 'a\u0001b' }),
        MessageIllegalError,
      ],
      [
        'with a flag over 32 bits',
        (template) => template.syncSend('love', 'x', { flag: 2 ** 31 }),
        MessageIllegalError,
      ],
      [
        'with a mistyped option',
        (template) => template.syncSend('love', 'x', { timeout: 5 } as SendMessageOptions),
        UnknownOptionError,
      ],
      [
        'with options that are null',
        (template) => template.syncSend('love', 'x', null as unknown as number),
        MessageIllegalError,
      ],
      [
        'with options and a delay level',
        (template) => template.syncSend('love', 'x', {} as never, 3),
        MessageIllegalError,
      ],
      [
        'by send, when it is a payload',
        (template) => template.send('love', 'x' as unknown as RocketMessage),
        MessageIllegalError,
      ],
      ['by sendOneWay, with an illegal topic', (template) => template.sendOneWay('a b', 'x'), NameIllegalError],
      ['by sendOneWay, without a payload', (template) => template.sendOneWay('love', null), PayloadError],
      [
        'by sendOneWay, with a timeout',
        (template) => template.sendOneWay('love', 'x', { timeoutMs: 5 } as object),
        UnknownOptionError,
      ],
    ])('%s', async (_how, send, type) => {
      await expect(send(app.template)).rejects.toThrow(type);
      await app.broker.whenIdle();
      expect(love.deliveries.all).toEqual([]);
    });

    it('when the callback is none, or comes with the arguments of the other form', () => {
      const { template } = app;
      const half = { onSuccess: (): void => undefined } as never;
      expect(() => template.asyncSend('love', 'x', half)).toThrow(MessageIllegalError);
      const mixed = template.asyncSend.bind(template) as unknown as (...args: unknown[]) => unknown;
      expect(() => mixed('love', 'x', undefined, 3000)).toThrow(MessageIllegalError);
    });
  });
});

describe.each(['memory', 'a directory'])('delivery, on a disk in %s,', (disk) => {
  @MessageListener({ topic: 'orders', consumerGroup: 'shop' })
  class OrderListener extends Recording {}
  @MessageListener({ topic: 'fees', consumerGroup: 'shop', maxReconsumeTimes: 2 })
  class FeeListener extends Recording {}
  @MessageListener({
    topic: 'numbers',
    consumerGroup: 'numbers',
    payloadType: Number,
    onUnreadablePayload: 'DEAD_LETTER',
  })
  class NumberListener extends Recording {}
  @MessageListener({ topic: '%DLQ%shop', consumerGroup: 'morgue', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })
  @MessageListener({ topic: '%DLQ%numbers', consumerGroup: 'morgue', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })
  class DeadLetters extends Recording {}

  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let orders: OrderListener;
  let fees: FeeListener;
  let dead: DeadLetters;

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    app = await world.start({ providers: [OrderListener, FeeListener, NumberListener, DeadLetters] });
    orders = app.module.get(OrderListener);
    fees = app.module.get(FeeListener);
    dead = app.module.get(DeadLetters);
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  it('C3: waits for its delay level, and for the topic its delay is asked of', async () => {
    await app.template.syncSend('orders', 'close if unpaid', 3000, 3);
    await app.template.convertAndSend('orders', 'at once');
    await world.pass(app, 9999);
    expect(orders.deliveries.payloads).toEqual(['at once']);
    await world.pass(app, 1);
    expect(orders.deliveries.payloads).toEqual(['at once', 'close if unpaid']);
  });

  it('C4: is repeated after 10 s, 30 s, 1 min … 2 h, then the message is a dead letter that can be sent again', async () => {
    orders.handling.push(...Array.from({ length: 17 }, () => fail));
    const { msgId } = await app.template.syncSend('orders', 'A1', { keys: 'A1' });
    await app.broker.whenIdle();
    const minute = 60_000;
    const waits = [10_000, 30_000, ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 60, 120].map((n) => n * minute)];
    for (const [attempt, waitMs] of waits.entries()) {
      await world.pass(app, waitMs - 1);
      expect(orders.deliveries.all).toHaveLength(attempt + 1);
      await world.pass(app, 1);
      expect(orders.deliveries.all).toHaveLength(attempt + 2);
    }
    expect(orders.attempts).toEqual(Array.from({ length: 17 }, (_, attempt) => attempt));
    const ids = orders.deliveries.all.map(({ message }) => [message.msgId, message.topic, message.keys]);
    expect(ids).toEqual(Array.from({ length: 17 }, () => [msgId, 'orders', 'A1']));

    await world.pass(app, 10_000);
    expect(dead.deliveries.payloads).toEqual(['A1']);
    await app.template.convertAndSend('orders', dead.deliveries.payloads[0]);
    await app.broker.whenIdle();
    expect(orders.deliveries.all).toHaveLength(18);
    expect(dead.deliveries.all).toHaveLength(1);
  });

  it('C5: ends after maxReconsumeTimes retries', async () => {
    fees.handling.push(fail, fail, fail);
    await app.template.convertAndSend('fees', 'F1');
    await world.pass(app, 10_000 + 30_000 + 60_000);
    expect(fees.attempts).toEqual([0, 1, 2]);
    await world.pass(app, 10_000);
    expect(dead.deliveries.payloads).toEqual(['F1']);
  });

  it('ends at once when the handler throws NonRetryableError', async () => {
    fees.handling.push(() => Promise.reject(new NonRetryableError('no such fee')));
    await app.template.convertAndSend('fees', 'F1');
    await world.pass(app, 10_000);
    expect(fees.attempts).toEqual([0]);
    expect(dead.deliveries.payloads).toEqual(['F1']);
  });

  it('is repeated without an error in the log when the handler returns RECONSUME_LATER', async () => {
    fees.handling.push(() => RECONSUME_LATER);
    await app.template.convertAndSend('fees', 'F1');
    await world.pass(app, 10_000);
    expect(fees.attempts).toEqual([0, 1]);
    expect(app.log.matching(/^(error|warn)/)).toEqual([]);
  });

  it('waits for an Observable that the handler returns', async () => {
    fees.handling.push(
      () => of(RECONSUME_LATER),
      () => of(1, 2),
    );
    await app.template.convertAndSend('fees', 'F1');
    await world.pass(app, 60_000);
    expect(fees.attempts).toEqual([0, 1]);
  });

  it('waits for an Observable that an async handler resolves with', async () => {
    fees.handling.push(() => Promise.resolve(throwError(() => new Error('not yet'))));
    await app.template.convertAndSend('fees', 'F1');
    await world.pass(app, 60_000);
    expect(fees.attempts).toEqual([0, 1]);
  });

  it('is not repeated when the payload can not be made and the listener says so: a dead letter at once, with a line that names message and class', async () => {
    const { msgId } = await app.template.syncSend('numbers', 'no number');
    await app.broker.whenIdle();
    expect(app.module.get(NumberListener).deliveries.all).toEqual([]);
    const lines = app.log.matching(/NumberListener/).filter((line) => line.includes(msgId));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('not JSON');
    expect(dead.deliveries.payloads).toEqual(['no number']);
  });

  it('of a message in a retry goes on after a restart', async () => {
    orders.handling.push(fail);
    await app.template.convertAndSend('orders', 'A1');
    await app.broker.whenIdle();
    await app.close();
    app = await world.start({ providers: [OrderListener, FeeListener, NumberListener, DeadLetters] });
    orders = app.module.get(OrderListener);
    await world.pass(app, 10_000);
    expect(orders.attempts).toEqual([1]);
  });
});

describe('a send that the disk does not answer in time', () => {
  it('is given up after its timeout', async () => {
    const world = new ManualWorld();
    const disk = new SlowDisk(world.fileSystem);
    const options = { producer: { sendMessageTimeoutMs: 500 } };
    const app = await world.start({ options });
    disk.hold();
    const byDefault = app.template.syncSend('love', 'x').catch((error: unknown) => error);
    const byCall = app.template.syncSend('love', 'x', 200).catch((error: unknown) => error);
    await world.clock.advance(500);
    expect(await byDefault).toBeInstanceOf(SendTimeoutError);
    expect(await byCall).toHaveProperty('message', expect.stringContaining('not acknowledged within 200 ms'));
    disk.letGo();
    await app.close();
    await expect(app.template.syncSend('love', 'x')).rejects.toThrow(StoreClosedError);
  });
});
