import {
  MessageListener,
  RECONSUME_LATER,
  type BatchContext,
  type MessageExt,
  type RocketBatchListener,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { ManualWorld } from './rocket-app.js';

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

    @MessageListener({ topic: 'orders', consumerGroup: 'store', batchSize: 32, payloadType: Order })
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
    class Reports {
      readonly seen: unknown[][] = [];

      @MessageListener({ topic: 'reports', consumerGroup: 'reports', batchSize: 1 })
      add(texts: string[], messages: MessageExt[]): void {
        this.seen.push([texts, messages.map(({ topic }) => topic)]);
      }
    }

    const start = () => world.start({ providers: [Store, Steps, Reports], options: { defaultTopicQueueNums: 1 } });
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

    it('may be a method, and gets arrays also where the size is 1', async () => {
      await send('reports', ['a', 'b']);
      expect(app.module.get(Reports).seen).toEqual([
        [['a'], ['reports']],
        [['b'], ['reports']],
      ]);
    });
  });
});
