import type { Type } from '@nestjs/common';
import {
  ListenerRefusedError,
  MessageListener,
  RECONSUME_LATER,
  RocketListenerRegistry,
  type BatchContext,
  type EmbeddedBroker,
  type MessageExt,
  type MessageListenerOptions,
  type RocketBatchListener,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { ManualWorld, startApp, type RocketApp } from './rocket-app.js';

class Keeping {
  readonly payloads: unknown[] = [];

  onMessage(payload: unknown): void {
    this.payloads.push(payload);
  }
}

// One suite for both engines: on a disk in memory, and on a real one.
describe.each(['the memory engine', 'the file engine'])('on %s', (engine) => {
  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;

  beforeEach(async () => {
    directory = engine === 'the memory engine' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
  });

  afterEach(async () => {
    await directory?.remove();
  });

  describe('a batch listener', () => {
    class Order {
      no!: number;
    }

    /** Keeps the numbers of the orders that it is given, with the attempt; `answer` says what it does with them. */
    class Batches implements RocketBatchListener<Order> {
      readonly seen: string[][] = [];
      answer: (orders: Order[], messages: MessageExt[], context: BatchContext) => unknown = () => undefined;

      onMessages(orders: Order[], messages: MessageExt[], context: BatchContext): unknown {
        this.seen.push(orders.map((order, index) => `${order.no}#${(messages[index]?.reconsumeTimes ?? 0) + 1}`));
        return this.answer(orders, messages, context);
      }
    }

    @MessageListener({
      topic: 'orders',
      consumerGroup: 'store',
      batchSize: 32,
      payloadType: Order,
    })
    class Store extends Batches {}
    @MessageListener({
      topic: 'steps',
      consumerGroup: 'steps',
      batchSize: 32,
      payloadType: Order,
      consumeMode: 'ORDERLY',
      maxReconsumeTimes: 1,
    })
    class Steps extends Batches {}
    @MessageListener({
      topic: 'scraps',
      consumerGroup: 'scraps',
      batchSize: 32,
      payloadType: Order,
      onUnreadablePayload: 'DISCARD',
    })
    class Scraps extends Batches {}
    class Reports {
      readonly seen: unknown[][] = [];

      @MessageListener({ topic: 'reports', consumerGroup: 'reports', batchSize: 1 })
      add(texts: string[], messages: MessageExt[]): void {
        this.seen.push([texts, messages.map(({ topic }) => topic)]);
      }
    }

    const start = () =>
      world.start({ providers: [Store, Steps, Scraps, Reports], options: { defaultTopicQueueNums: 1 } });
    type App = Awaited<ReturnType<typeof start>>;
    let app: App;
    let store: Batches;

    beforeEach(async () => {
      app = await start();
      store = app.module.get(Store);
    });

    afterEach(() => app.close());

    const send = async (topic: string, payloads: readonly unknown[]): Promise<void> => {
      await Promise.all(payloads.map((payload) => app.template.syncSend(topic, payload)));
      await app.broker.whenIdle();
    };

    it('gets instances of its class in arrays, and those that are not done again', async () => {
      store.answer = ([first]) => {
        expect(first).toBeInstanceOf(Order);
        return store.seen.length === 1 ? 2 : undefined;
      };
      await send('orders', [{ no: 1 }, { no: 2 }, { no: 3 }]);
      expect(store.seen).toEqual([['1#1', '2#1', '3#1']]);
      await world.pass(app, 10_000);
      expect(store.seen.slice(1)).toEqual([['3#2']]);
    });

    it('has a message whose payload can not be made retried by itself, logged once an attempt', async () => {
      await send('orders', [{ no: 1 }, 'no order', { no: 3 }]);
      expect(store.seen).toEqual([['1#1', '3#1']]);
      await world.pass(app, 10_000);
      expect(store.seen).toHaveLength(1);
      const lines = app.log.matching(/^error/);
      expect(lines).toHaveLength(2);
      expect(lines[1]).toMatch(/Attempt 2 .*"orders".*Store/);
    });

    it('that is orderly gets nothing of what is behind such a message before it is set aside', async () => {
      const steps = app.module.get(Steps);
      await send('steps', [{ no: 1 }, 'no order', { no: 3 }]);
      expect(steps.seen).toEqual([['1#1']]);
      await world.pass(app, 1000);
      expect(steps.seen).toEqual([['1#1'], ['3#1']]);
    });

    it('that asks for a retry has all of them again, without an error in the log', async () => {
      store.answer = () => (store.seen.length === 1 ? Promise.resolve(RECONSUME_LATER) : undefined);
      await send('orders', [{ no: 1 }, { no: 2 }]);
      await world.pass(app, 10_000);
      expect(store.seen.slice(1).flat().toSorted()).toEqual(['1#2', '2#2']);
      expect(app.log.matching(/^(error|warn)/)).toEqual([]);
    });

    it.each([Number.NaN, 1.5, -1, 3])(
      'that says %p of 2 are done has both again, also beside a discarded one',
      async (n) => {
        const scraps = app.module.get(Scraps);
        scraps.answer = () => (scraps.seen.length === 1 ? n : undefined);
        await send('scraps', ['no order', { no: 1 }, { no: 2 }]);
        await world.pass(app, 10_000);
        expect(scraps.seen.flat()).toEqual(['1#1', '2#1', '1#2', '2#2']);
      },
    );

    it('that empties its arrays has done as many as it says, also beside a discarded one', async () => {
      const scraps = app.module.get(Scraps);
      scraps.answer = (orders, messages) => {
        if (scraps.seen.length > 1) return undefined;
        orders.length = 0;
        messages.length = 0;
        return 1;
      };
      await send('scraps', ['no order', { no: 1 }, { no: 2 }]);
      await world.pass(app, 10_000);
      expect(scraps.seen).toEqual([['1#1', '2#1'], ['2#2']]);
    });

    it('may be a method, and gets arrays also where the size is 1', async () => {
      await send('reports', ['a', 'b']);
      expect(app.module.get(Reports).seen).toEqual([
        [['a'], ['reports']],
        [['b'], ['reports']],
      ]);
    });
  });

  describe('a payload whose class can not be built', () => {
    class Order {
      no!: number;
    }

    @MessageListener({ topic: 'orders', consumerGroup: 'shop', payloadType: Order })
    class Shop extends Keeping {}

    it('goes to retry, with one error an attempt that names message and class', async () => {
      const app = await world.start({ providers: [Shop] });
      const { msgId } = await app.template.syncSend('orders', 'no order');
      await world.pass(app, 10_000);
      await world.pass(app, 30_000);
      expect(app.module.get(Shop).payloads).toEqual([]);
      const lines = app.log.matching(/^error/);
      expect(lines.map((line) => /Attempt (\d)/.exec(line)?.[1])).toEqual(['1', '2', '3']);
      for (const line of lines) expect([line.includes(msgId), line.includes('Shop')]).toEqual([true, true]);
      await app.close();
    });
  });

  describe('C10: orders whose steps are sent by their number', () => {
    const ORDERS = ['1100', '2200', '3300'];
    const STEPS = ['create', 'payment', 'push', 'done'];

    @MessageListener({ topic: 'steps', consumerGroup: 'steps', consumeMode: 'ORDERLY' })
    class Steps {
      readonly done: string[] = [];
      readonly attempts: string[] = [];
      /** How often a step is to fail. */
      readonly failures = new Map([['2200 payment', 2]]);

      async onMessage(step: string, { queueId }: MessageExt): Promise<void> {
        this.attempts.push(`${queueId}: ${step}`);
        await Promise.resolve();
        const failures = this.failures.get(step) ?? 0;
        this.failures.set(step, failures - 1);
        if (failures > 0) throw new Error('the bank is closed');
        this.done.push(step);
      }

      of(order: string): string[] {
        return this.done.filter((step) => step.startsWith(order)).map((step) => step.slice(order.length + 1));
      }
    }

    const startShop = (queues: number): Promise<RocketApp> =>
      world.start({ providers: [Steps], options: { defaultTopicQueueNums: queues } });
    const sendAll = async (app: RocketApp): Promise<Map<string, number>> => {
      const queues = new Map<string, number>();
      for (const step of STEPS) {
        for (const order of ORDERS) {
          const { messageQueue } = await app.template.syncSendOrderly('steps', `${order} ${step}`, order);
          queues.set(order, messageQueue.queueId);
        }
      }
      await app.broker.whenIdle();
      return queues;
    };

    it('go on in their order when one fails and is retried, and orders of other queues do not wait', async () => {
      const app = await startShop(3);
      const steps = app.module.get(Steps);
      const queues = await sendAll(app);
      // RocketMQ's hash puts each of them into a queue of its own.
      expect(new Set(queues.values()).size).toBe(3);
      expect(steps.of('1100')).toEqual(STEPS);
      expect(steps.of('3300')).toEqual(STEPS);
      expect(steps.of('2200')).toEqual(['create']);
      await world.pass(app, 1000);
      expect(steps.of('2200')).toEqual(['create']);
      await world.pass(app, 1000);
      expect(steps.of('2200')).toEqual(STEPS);
      expect(steps.attempts.filter((attempt) => attempt.endsWith('2200 payment'))).toHaveLength(3);
      await app.close();
    });

    it('of one queue are in one order, the order of sending', async () => {
      const app = await startShop(1);
      await sendAll(app);
      const steps = app.module.get(Steps);
      expect(steps.done).toEqual(['1100 create', '2200 create', '3300 create', '1100 payment']);
      await world.pass(app, 2000);
      expect(steps.done).toEqual(STEPS.flatMap((step) => ORDERS.map((order) => `${order} ${step}`)));
      await app.close();
    });
  });

  describe('C12: a selector', () => {
    @MessageListener({ topic: 'tagged', consumerGroup: 'tags', selectorExpression: 'TagA || TagB' })
    class ByTag extends Keeping {}
    @MessageListener({
      topic: 'tagged',
      consumerGroup: 'sql',
      selectorType: 'SQL92',
      selectorExpression: "a > 5 AND b = 'abc'",
    })
    class BySql extends Keeping {}

    it('lets the listener have what matches; offsets move past the rest', async () => {
      const app = await world.start({ providers: [ByTag, BySql] });
      for (const tag of ['TagA', 'TagB', 'TagC', 'TagAB']) await app.template.syncSend(`tagged:${tag}`, tag);
      await app.template.syncSend('tagged', 'untagged');
      const properties = [{ a: '6', b: 'abc' }, { a: '5', b: 'abc' }, { a: '10', b: 'x' }, { b: 'abc' }];
      for (const [index, headers] of properties.entries())
        await app.template.syncSend('tagged', `p${index}`, { headers });
      await app.broker.whenIdle();
      expect(app.module.get(ByTag).payloads.map(String).toSorted()).toEqual(['TagA', 'TagB']);
      expect(app.module.get(BySql).payloads).toEqual(['p0']);
      const registry = app.module.get(RocketListenerRegistry);
      expect(registry.get('tagged@tags').status()).toMatchObject({ consumed: 2, filtered: 7, lag: 0 });
      expect(registry.get('tagged@sql').status()).toMatchObject({ consumed: 1, filtered: 8, lag: 0 });
      await app.close();
    });

    it('that can not be read keeps the app from starting', async () => {
      @MessageListener({ topic: 't', consumerGroup: 'g', selectorType: 'SQL92', selectorExpression: 'a >' })
      class Unreadable extends Keeping {}
      await expect(world.start({ providers: [Unreadable] })).rejects.toThrow(ListenerRefusedError);
    });
  });

  describe('several apps of one process on one engine', () => {
    let broker: EmbeddedBroker;

    beforeEach(async () => {
      broker = await world.openBroker();
    });

    afterEach(() => broker.close());

    const startOn = (...providers: Type[]): Promise<RocketApp> => startApp({ options: { engine: broker }, providers });

    it('C13: each get every broadcast message; one that fails is not retried', async () => {
      @MessageListener({ topic: 'chat', consumerGroup: 'chat', messageModel: 'BROADCASTING' })
      class Chat extends Keeping {
        fails = false;

        override onMessage(payload: unknown): void {
          super.onMessage(payload);
          if (this.fails) throw new Error('nobody at home');
        }
      }
      const apps = [await startOn(Chat), await startOn(Chat)];
      const [first, second] = apps.map((app) => app.module.get(Chat));
      second!.fails = true;
      for (const text of ['hello', 'anybody?']) await apps[0]!.template.syncSend('chat', text);
      await broker.whenIdle();
      await world.clock.advance(3_600_000, () => broker.whenIdle());
      expect(first!.payloads.map(String).toSorted()).toEqual(['anybody?', 'hello']);
      expect(second!.payloads.map(String).toSorted()).toEqual(['anybody?', 'hello']);
      const status = apps.map((app) => app.module.get(RocketListenerRegistry).get('chat@chat').status());
      expect(status.map(({ consumed, failed, retried }) => [consumed, failed, retried])).toEqual([
        [2, 0, 0],
        [0, 2, 0],
      ]);
      for (const app of apps) await app.close();
    });

    it('C14: share the messages of a group, and lose and repeat none while they come and go', async () => {
      const seen: unknown[] = [];
      @MessageListener({ topic: 'orders', consumerGroup: 'shop', concurrency: 2 })
      class Shop {
        async onMessage(payload: unknown): Promise<void> {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(payload);
        }
      }
      const apps = [await startOn(Shop)];
      const sent: string[] = [];
      const shares: number[] = [];
      for (let round = 0; round < 12; round++) {
        const messages = Array.from({ length: 20 }, (_, index) => `${round}-${index}`);
        sent.push(...messages);
        const sending = Promise.all(messages.map((message) => apps[0]!.template.syncSend('orders', message)));
        // While these are under way, one joins or the oldest but one leaves: an app of its own, or a listener within the first app.
        if (round % 4 === 0) apps.push(await startOn(Shop));
        else if (round % 4 === 2) await apps.splice(1, 1)[0]?.close();
        else await withAnotherMember(apps[0]!, seen, () => sending);
        await sending;
        shares.push(apps.length);
      }
      await broker.whenIdle();
      expect(seen.map(String).toSorted()).toEqual(sent.toSorted());
      expect(Math.max(...shares)).toBe(2);
      for (const app of apps.toReversed()) await app.close();
    });

    async function withAnotherMember(app: RocketApp, seen: unknown[], work: () => Promise<unknown>): Promise<void> {
      const options = { id: 'another', topic: 'orders', consumerGroup: 'shop' };
      await using another = await app.module
        .get(RocketListenerRegistry)
        .subscribe(options, (payload) => void seen.push(payload));
      expect(another.status().state).toBe('running');
      await work();
    }
  });

  describe('C18: a new group', () => {
    const HOUR_MS = 3_600_000;
    let app: RocketApp;

    beforeEach(async () => {
      const store = { ...world.place, mappedFileSizeCommitLogBytes: 65_536, fileReservedTimeHours: 3 };
      app = await world.start({
        options: { store, environment: world.environment, defaultTopicQueueNums: 1, compressMsgBodyOverBytes: 100_000 },
      });
      for (let hour = 0; hour < 4; hour++) {
        // Each fills a file of the log.
        await app.template.syncSend('orders', `${hour}`.padEnd(60_000));
        await world.pass(app, HOUR_MS);
      }
    });

    afterEach(() => app.close());

    const seenBy = async (options: Partial<MessageListenerOptions>): Promise<string[]> => {
      const seen: string[] = [];
      const all = { topic: 'orders', consumerGroup: 'late', ...options };
      await app.module.get(RocketListenerRegistry).subscribe<string>(all, (text) => seen.push(text.trim()));
      await app.broker.whenIdle();
      return seen;
    };

    it('begins with the oldest message that is there by CONSUME_FROM_FIRST_OFFSET', async () => {
      const seen = await seenBy({ consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' });
      expect(seen.at(-1)).toBe('3');
      expect(seen).not.toContain('0');
      expect(seen.length).toBeGreaterThan(1);
    });

    it('begins with what is sent from now on by CONSUME_FROM_LAST_OFFSET', async () => {
      const seen = await seenBy({ consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' });
      expect(seen).toEqual([]);
      await app.template.syncSend('orders', 'new');
      await app.broker.whenIdle();
      expect(seen).toEqual(['new']);
    });

    it('begins with the first message by CONSUME_FROM_LAST_OFFSET, too, while nothing was removed from the queue', async () => {
      await app.template.syncSend('young', 'a');
      expect(await seenBy({ topic: 'young' })).toEqual(['a']);
    });

    it('begins at a time by CONSUME_FROM_TIMESTAMP', async () => {
      const consumeTimestampMs = world.clock.now() - 1.5 * HOUR_MS;
      expect(await seenBy({ consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestampMs })).toEqual(['3']);
    });

    it('goes on where it was when it comes again, whatever it says then', async () => {
      const registry = app.module.get(RocketListenerRegistry);
      const group = { topic: 'orders', consumerGroup: 'late' };
      const last = { ...group, consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET' } as const;
      const first = await registry.subscribe(last, () => undefined);
      await first.close();
      await app.template.syncSend('orders', 'new');
      expect(await seenBy({ consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })).toEqual(['new']);
    });
  });
});
