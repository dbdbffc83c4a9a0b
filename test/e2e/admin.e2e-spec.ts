import { Controller } from '@nestjs/common';
import {
  EmbeddedBroker,
  LocalTransactionState,
  ManualClock,
  MessageListener,
  NonRetryableError,
  RocketAdmin,
  RocketMessage,
  StoreClosedError,
  TransactionListener,
  UnsupportedByEngineError,
  type LocalTransactionListener,
  type MessageExt,
  type RocketListener,
  type RocketModuleOptions,
  type SendResult,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, startApp, type RocketApp } from './rocket-app.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

class Recording implements RocketListener {
  readonly deliveries = new Deliveries<string>();
  failure: Error | undefined;

  onMessage(payload: string, message: MessageExt): void {
    this.deliveries.add(payload, message);
    if (this.failure !== undefined) throw this.failure;
  }

  get payloads(): string[] {
    return this.deliveries.payloads;
  }
}

describe.each(['the memory engine', 'the file engine'])('RocketAdmin, on %s,', (engine) => {
  @MessageListener({ topic: 'orders', consumerGroup: 'billing' })
  class Orders extends Recording {}
  @MessageListener({ topic: 'fees', consumerGroup: 'billing' })
  class Fees extends Recording {}
  @TransactionListener()
  class Undecided implements LocalTransactionListener {
    executeLocalTransaction(): LocalTransactionState {
      return LocalTransactionState.UNKNOWN;
    }

    checkLocalTransaction(): LocalTransactionState {
      return LocalTransactionState.UNKNOWN;
    }
  }
  @Controller()
  class SupportController {
    constructor(readonly admin: RocketAdmin) {}
  }

  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let admin: RocketAdmin;
  let orders: Orders;
  let fees: Fees;

  beforeEach(async () => {
    directory = engine === 'the memory engine' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    const options: RocketModuleOptions =
      engine === 'the memory engine' ? { store: { type: 'memory' }, environment: { clock: world.clock } } : {};
    app = await world.start({
      options,
      providers: [Orders, Fees, Undecided],
      controllers: [SupportController],
    });
    admin = app.module.get(SupportController).admin;
    orders = app.module.get(Orders);
    fees = app.module.get(Fees);
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  /** Sends messages, some time apart, and lets them be consumed. */
  async function sendAll(topic: string, payloads: readonly string[], apartMs: number): Promise<SendResult[]> {
    const results: SendResult[] = [];
    for (const payload of payloads) {
      results.push(await app.template.syncSend(topic, payload));
      await world.pass(app, apartMs);
    }
    return results;
  }

  it('is injected by its type, and is of the broker that the app runs on', async () => {
    expect(admin).toBeInstanceOf(RocketAdmin);
    await admin.topics.create('audits', { queueNums: 3 });
    const audits = await app.broker.writeQueues('audits');
    expect(audits).toHaveLength(3);
    expect(admin.groups.members('billing')).toHaveLength(1);
    expect(app.broker.admin.topics.get('audits').readQueueNums).toBe(3);
  });

  it('refuses when the app is closed', async () => {
    await app.close();
    expect(() => admin.topics).toThrow(StoreClosedError);
  });

  describe('C15: going back in time', () => {
    const PAYLOADS = ['0:00', '0:20', '0:40', '1:00', '1:20', '1:40'];
    let startMs: number;

    beforeEach(async () => {
      startMs = world.clock.now();
      for (const payload of PAYLOADS) {
        await app.template.syncSend('orders', payload);
        await app.template.syncSend('fees', payload);
        await world.pass(app, 20 * MINUTE_MS);
      }
      expect([orders.payloads, fees.payloads]).toEqual([PAYLOADS, PAYLOADS]);
    });

    it('gives one topic of a group again from an hour ago, while its listener runs', async () => {
      const anHourAgo = new Date(world.clock.now() - HOUR_MS);
      const moves = await admin.groups.resetToTimestamp('billing', anHourAgo, { topic: 'orders' });
      expect(moves.map(({ topic }) => topic)).toEqual(['orders', 'orders', 'orders', 'orders']);
      await app.broker.whenIdle();
      expect(orders.payloads.slice(6).toSorted()).toEqual(['1:00', '1:20', '1:40']);
      expect(fees.payloads).toHaveLength(6);
      await sendAll('orders', ['next'], 0);
      expect(orders.payloads.slice(9)).toEqual(['next']);
    });

    it('gives all topics of a group again', async () => {
      await admin.groups.resetToTimestamp('billing', startMs);
      await app.broker.whenIdle();
      expect(orders.payloads.slice(6).toSorted()).toEqual(PAYLOADS);
      expect(fees.payloads.slice(6).toSorted()).toEqual(PAYLOADS);
      expect((await admin.groups.lag('billing')).totalLag).toBe(0);
    });

    it('takes a message that was stored in that very millisecond, and none that is older', async () => {
      const storedMs = startMs + 40 * MINUTE_MS;
      await admin.groups.resetToTimestamp('billing', storedMs, { topic: 'orders' });
      await app.broker.whenIdle();
      expect(orders.payloads.slice(6).toSorted()).toEqual(['0:40', '1:00', '1:20', '1:40']);
      await admin.groups.resetToTimestamp('billing', storedMs + 1, { topic: 'orders' });
      await app.broker.whenIdle();
      expect(orders.payloads.slice(10).toSorted()).toEqual(['1:00', '1:20', '1:40']);
    });

    it('refuses a topic, a group and a time that do not exist, and gives nothing again', async () => {
      const { groups } = admin;
      await expect(groups.resetToTimestamp('billing', startMs, { topic: 'odrers' })).rejects.toMatchObject({
        code: 'TOPIC_NOT_EXIST',
      });
      await expect(groups.resetToTimestamp('biling', startMs)).rejects.toMatchObject({ code: 'GROUP_NOT_EXIST' });
      await expect(groups.resetToTimestamp('billing', Number.NaN)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
      await app.broker.whenIdle();
      expect(orders.payloads).toEqual(PAYLOADS);
    });
  });

  describe('C16: finding a message', () => {
    const payloadOf = (message: MessageExt | undefined): string | undefined => message?.body.toString();

    it('by its id, its key, its time and its place', async () => {
      const startMs = world.clock.now();
      const results: SendResult[] = [];
      for (let i = 0; i < 20; i++) {
        results.push(await app.template.syncSend('orders', `order ${i}`, { keys: [`O-${i}`, `customer-${i % 4}`] }));
        await world.pass(app, 1000);
      }
      const sent = results[7]!;
      const { messages } = admin;
      expect(payloadOf(await messages.byUniqueId('orders', sent.msgId))).toBe('order 7');
      expect(payloadOf(await messages.byOffsetId(sent.offsetMsgId))).toBe('order 7');
      expect(payloadOf(await messages.at('orders', sent.messageQueue.queueId, sent.queueOffset))).toBe('order 7');
      expect((await messages.byKey('orders', 'O-7')).map(payloadOf)).toEqual(['order 7']);
      expect((await messages.byKey('orders', 'O')).map(payloadOf)).toEqual([]);
      const range = { begin: startMs + 3000, end: new Date(startMs + 11_000) };
      expect((await messages.byKey('orders', 'customer-3', range)).map(payloadOf)).toEqual([
        'order 3',
        'order 7',
        'order 11',
      ]);
      const inRange = await messages.byTime('orders', { begin: startMs + 5000, end: startMs + 8000 });
      expect(inRange.map(payloadOf)).toEqual(['order 5', 'order 6', 'order 7', 'order 8']);
    });

    it('and telling what each group has done with it', async () => {
      orders.failure = new Error('the bank does not answer');
      const { msgId } = await app.template.syncSend('orders', 'x');
      await app.broker.whenIdle();
      const stateOf = async (): Promise<unknown> => (await admin.messages.consumption('orders', msgId))[0];
      expect(await stateOf()).toEqual({ group: 'billing', state: 'RETRYING', online: true });
      orders.failure = new NonRetryableError('the bank has closed');
      await world.pass(app, MINUTE_MS);
      expect(await stateOf()).toEqual({ group: 'billing', state: 'DEAD_LETTER', online: true });
    });
  });

  describe('dead letters', () => {
    beforeEach(async () => {
      orders.failure = new NonRetryableError('the bank has closed');
      await sendAll('orders', ['a', 'b', 'c'], 1000);
      orders.failure = undefined;
    });

    it('are listed and sent again to where they came from, one by one', async () => {
      const { deadLetters } = await admin.deadLetters.list('billing');
      expect(deadLetters.map(({ message, originTopic }) => [message.body.toString(), originTopic])).toEqual([
        ['a', 'orders'],
        ['b', 'orders'],
        ['c', 'orders'],
      ]);
      await admin.deadLetters.resend('billing', deadLetters[1]!.message.msgId);
      await app.broker.whenIdle();
      expect(orders.payloads).toEqual(['a', 'b', 'c', 'b']);
      expect(orders.deliveries.all[3]!.message).toMatchObject({
        topic: 'orders',
        msgId: deadLetters[1]!.message.msgId,
        reconsumeTimes: 0,
      });
    });

    it('are sent again all at once, and each of them once', async () => {
      expect(await admin.deadLetters.resendAll('billing')).toEqual({ resent: 3, failed: [] });
      expect(await admin.deadLetters.resendAll('billing')).toEqual({ resent: 0, failed: [] });
      await app.broker.whenIdle();
      expect(orders.payloads.slice(3).toSorted()).toEqual(['a', 'b', 'c']);
    });
  });

  it('C17: more and fewer queues, in the documented order, while messages come and go, lose none', async () => {
    const sent: string[] = [];
    const send = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const payload = `m${sent.length}`;
        sent.push(payload);
        await app.template.syncSend('orders', payload);
      }
    };
    await send(10);
    await admin.topics.update('orders', { readQueueNums: 8 });
    await send(10);
    await admin.topics.update('orders', { writeQueueNums: 8 });
    await send(20);
    await app.broker.whenIdle();
    expect(new Set(orders.deliveries.all.map(({ message }) => message.queueId)).size).toBe(8);
    await admin.topics.update('orders', { writeQueueNums: 2 });
    await send(10);
    await app.broker.whenIdle();
    await admin.topics.update('orders', { readQueueNums: 2 });
    await send(10);
    await app.broker.whenIdle();
    expect(orders.payloads.toSorted()).toEqual(sent.toSorted());
  });

  it('deletes a topic that nobody consumes, and a new one of its name knows nothing of it', async () => {
    await expect(admin.topics.delete('orders')).rejects.toMatchObject({ code: 'TOPIC_NOT_EXIST' });
    await app.template.syncSend('orders', 'x');
    await expect(admin.topics.delete('orders')).rejects.toMatchObject({
      code: 'TOPIC_IN_USE',
      fields: { topic: 'orders', groups: ['billing'] },
    });
    const old = await app.template.syncSend('audits', 'old', { keys: 'k' });
    await admin.topics.delete('audits');
    expect(admin.topics.list().map(({ topic }) => topic)).toEqual(['orders']);
    const young = await app.template.syncSend('audits', 'young', { keys: 'k' });
    expect((await admin.topics.stats('audits')).messageCount).toBe(1);
    expect((await admin.messages.byKey('audits', 'k')).map(({ msgId }) => msgId)).toEqual([young.msgId]);
    expect(await admin.messages.byUniqueId('audits', old.msgId)).toBeUndefined();
    expect(await admin.messages.byOffsetId(old.offsetMsgId)).toBeUndefined();
  });

  it('refuses messages of another type than their topic is declared for', async () => {
    await admin.topics.create('steps', { messageType: 'FIFO' });
    await app.template.syncSendOrderly('steps', 'x', 'order 1');
    await expect(app.template.syncSend('steps', 'x')).rejects.toMatchObject({
      code: 'MESSAGE_TYPE_MISMATCH',
      fields: { topic: 'steps', declared: 'FIFO', actual: 'NORMAL' },
    });
    expect((await admin.topics.stats('steps')).messageCount).toBe(1);
  });

  it('shows transactions without a decision, with their age, and decides them by hand', async () => {
    const first = await app.template.sendMessageInTransaction('orders', new RocketMessage('first'));
    await world.pass(app, 10_000);
    await app.template.sendMessageInTransaction('orders', new RocketMessage('second'));
    const pending = admin.transactions.pending();
    expect(pending).toMatchObject([
      { transactionId: first.transactionId, topic: 'orders', checkTimes: 1 },
      { topic: 'orders', checkTimes: 0, ageMs: 0 },
    ]);
    await admin.transactions.resolve(pending[0]!.transactionId, 'COMMIT');
    await admin.transactions.resolve(pending[1]!.transactionId, 'ROLLBACK');
    await world.pass(app, HOUR_MS);
    expect(orders.payloads).toEqual(['first']);
    expect(admin.transactions.pending()).toEqual([]);
    await expect(admin.transactions.resolve(first.transactionId, 'COMMIT')).rejects.toMatchObject({
      code: 'TRANSACTION_NOT_FOUND',
    });
  });

  it('shows what waits for a delay level', async () => {
    const startMs = world.clock.now();
    await app.template.syncSend('orders', 'x', { delayLevel: 3 });
    await app.template.syncSend('orders', 'y', { delayLevel: 3 });
    const [, , third] = await admin.delays.levels();
    expect(third).toEqual({ level: 3, delayMs: 10_000, pending: 2, nextDeliveryMs: startMs + 10_000 });
    await world.pass(app, 10_000);
    expect((await admin.delays.levels())[2]).toMatchObject({ pending: 0, nextDeliveryMs: undefined });
  });
});

describe('RocketAdmin, on an engine without an admin API,', () => {
  it('says so when it is used, and lets the app start', async () => {
    const broker = new EmbeddedBroker({ store: { type: 'memory' } }, { clock: new ManualClock() });
    await broker.start();
    const other = new Proxy(broker, {
      has: (target, name) => name !== 'admin' && Reflect.has(target, name),
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      },
    });
    const app = await startApp({ options: { engine: other } });
    const admin = app.module.get(RocketAdmin);
    for (const part of ['topics', 'groups', 'messages', 'deadLetters', 'transactions', 'delays'] as const) {
      expect(() => admin[part]).toThrow(UnsupportedByEngineError);
    }
    await app.close();
    await broker.close();
  });
});
