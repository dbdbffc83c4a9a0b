import { Injectable, Module, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  GroupNotExistError,
  ManualClock,
  MessageBuilder,
  MessageListener,
  RECONSUME_LATER,
  ROCKET_ENGINE,
  RocketListenerRegistry,
  RocketModule,
  RocketTemplate,
  StoreClosedError,
  type DeclaredListenerOptions,
  type RocketListener,
} from 'nestjs-rocket';
import {
  RocketTestBench,
  RocketTestingModule,
  type Duration,
  type RocketTestingOptions,
  type Target,
} from 'nestjs-rocket/testing';
import { LogLines } from '../e2e/rocket-app.js';
import { NotConsumedError, TestClockError, TestDurationError, TestTargetError } from '../../lib/errors/index.js';

@MessageListener({ topic: 'orders', consumerGroup: 'shop', maxReconsumeTimes: 1 })
class OrderListener implements RocketListener {
  failures = 0;
  postponements = 0;

  onMessage(): unknown {
    if (this.failures-- > 0) throw new Error('not today');
    return this.postponements-- > 0 ? RECONSUME_LATER : undefined;
  }
}

class Parcel {
  weightGrams!: number;
}

async function startApp(options: RocketTestingOptions = {}, ...listeners: Provider[]): Promise<TestingModule> {
  const app = await Test.createTestingModule({
    imports: [RocketTestingModule.forRoot(options)],
    providers: [OrderListener, ...listeners],
  })
    .setLogger(new LogLines())
    .compile();
  return app.init();
}

describe('a test bench', () => {
  let app: TestingModule;
  let rocket: RocketTestBench;
  let template: RocketTemplate;

  const start = async (options?: RocketTestingOptions): Promise<void> => {
    app = await startApp(options);
    rocket = app.get(RocketTestBench);
    template = app.get(RocketTemplate);
  };

  beforeEach(() => start());
  afterEach(() => app.close());

  it('waits for a listener, a topic, and a message', async () => {
    const sent = await template.syncSend('orders', { orderNo: 1 });
    const expected = [{ topic: 'orders', consumerGroup: 'shop', payload: { orderNo: 1 }, outcome: 'CONSUMED' }];
    expect(await rocket.waitFor(OrderListener)).toMatchObject(expected);
    expect(await rocket.waitFor('orders')).toMatchObject(expected);
    expect(await rocket.waitFor(sent)).toMatchObject(expected);
  });

  it('fails at once, and says why, when what is waited for can not come without time passing', async () => {
    app.get(OrderListener).failures = 1;
    await template.convertAndSend('orders', 1);
    const waiting = rocket.waitFor(OrderListener);
    await expect(waiting).rejects.toThrow(NotConsumedError);
    await expect(waiting).rejects.toThrow(/OrderListener: 0 of 1 .* 1 failed .*nothing more is under way.*advance\(\)/);
    await rocket.advance('9999ms');
    await expect(rocket.waitFor(OrderListener)).rejects.toThrow(NotConsumedError);
    await rocket.advance(1);
    expect(await rocket.waitFor(OrderListener)).toHaveLength(1);
  });

  it('knows how each attempt ended', async () => {
    const listener = app.get(OrderListener);
    listener.failures = 1;
    listener.postponements = 1;
    await template.convertAndSend('orders', 'x');
    await rocket.advance('1m');
    expect(rocket.attempts('orders')).toMatchObject([
      { outcome: 'FAILED', error: new Error('not today'), payload: 'x' },
      { outcome: 'RECONSUME_LATER', message: { reconsumeTimes: 1 } },
    ]);
    expect(await rocket.deadLetters('shop')).toMatchObject([{ payload: 'x' }]);
  });

  it('shows what is published, typed, in order, and not what still waits for its time', async () => {
    await template.syncSend('parcels', { weightGrams: 1 });
    await template.syncSend('parcels', { weightGrams: 2 }, { delayLevel: 1 });
    await template.syncSend('parcels', { weightGrams: 3 });
    const weights = async (): Promise<number[]> =>
      (await rocket.published<Parcel>('parcels', Parcel)).map(({ payload }) => payload.weightGrams);
    expect(await weights()).toEqual([1, 3]);
    await rocket.advance('1s');
    expect(await weights()).toEqual([1, 3, 2]);
    const [first] = await rocket.published('parcels', Parcel);
    expect(first?.payload).toBeInstanceOf(Parcel);
  });

  it('knows how each message of a batch ended', async () => {
    const registry = app.get(RocketListenerRegistry);
    const options = { topic: 'batches', consumerGroup: 'batcher', batchSize: 8 };
    await registry.subscribe<number>(options, (payloads, messages, context) => {
      for (const [index, message] of messages.entries()) {
        if (payloads[index] === 2) context.fail(message, new Error('no 2'));
      }
      return payloads.filter((payload) => payload !== 2 && payload < 4).length;
    });
    await template.syncSend(
      'batches',
      [1, 2, 3, 4, 5].map((n) => MessageBuilder.withPayload(n).build()),
    );
    await rocket.drain();
    expect(rocket.attempts('batches').map(({ payload, outcome }) => [payload, outcome])).toEqual([
      [1, 'CONSUMED'],
      [2, 'FAILED'],
      [3, 'CONSUMED'],
      [4, 'RECONSUME_LATER'],
      [5, 'RECONSUME_LATER'],
    ]);
  });

  it('does not call a message consumed that is retried because its batch handler counts wrong', async () => {
    const options = { topic: 'batches', consumerGroup: 'batcher', batchSize: 8 };
    await app.get(RocketListenerRegistry).subscribe(options, (payloads: unknown[]) => payloads.length + 1);
    await template.convertAndSend('batches', 1);
    await rocket.drain();
    expect(rocket.attempts('batches')).toMatchObject([{ outcome: 'FAILED', error: { code: 'BATCH_RESULT' } }]);
  });

  it.each<[string, Partial<DeclaredListenerOptions>]>([
    ['a list of topics', { topic: ['orders', 'refunds'] }],
    ['a placeholder', { topic: '${NO_SUCH_TOPIC:orders}', consumerGroup: '${NO_SUCH_GROUP:placed}' }],
    ['functions', { topic: () => 'orders', consumerGroup: () => 'computed' }],
  ])('finds what was given to a listener that is declared with %s', async (_how, options) => {
    @MessageListener({ topic: 'orders', consumerGroup: 'declared', ...options })
    class Declared {
      onMessage(): void {}
    }
    const other = await startApp({}, Declared);
    await other.get(RocketTemplate).convertAndSend('orders', 1);
    expect(await other.get(RocketTestBench).waitFor(Declared)).toHaveLength(1);
    await other.close();
  });

  it('lets time pass in every unit', async () => {
    const beganMs = rocket.now();
    for (const duration of [1, '2ms', '3s', '4m', '5h', '1d', '0.5s'] as const) await rocket.advance(duration);
    expect(rocket.now() - beganMs).toBe(1 + 2 + 3000 + 240_000 + 18_000_000 + 86_400_000 + 500);
  });

  it.each([-1, 1.5, Number.NaN, '10', 's', '10 weeks', '', null])('refuses %p as a duration', async (duration) => {
    await expect(rocket.advance(duration as Duration)).rejects.toThrow(TestDurationError);
  });

  it.each(['', 7, null, {}, Parcel])('refuses to look for %p', async (target) => {
    expect(() => rocket.attempts(target as Target)).toThrow(TestTargetError);
    await expect(rocket.waitFor(target as Target)).rejects.toThrow(TestTargetError);
  });

  it('names a group without members or dead letters', async () => {
    await expect(rocket.deadLetters('nobody')).rejects.toThrow(GroupNotExistError);
  });

  it('is closed with the app', async () => {
    const closed = await startApp();
    await closed.close();
    await expect(closed.get(RocketTemplate).convertAndSend('orders', 1)).rejects.toThrow(StoreClosedError);
  });
});

describe('a test bench on the real clock', () => {
  it('waits for what comes, and not for ever', async () => {
    const app = await startApp({ clock: 'real' });
    const rocket = app.get(RocketTestBench);
    await app.get(RocketTemplate).convertAndSend('orders', 1);
    expect(await rocket.waitFor(OrderListener)).toHaveLength(1);
    const waiting = rocket.waitFor(OrderListener, { count: 2, timeoutMs: 20 });
    await expect(waiting).rejects.toThrow(/1 of 2 .*time to wait is over/);
    await expect(rocket.advance('1s')).rejects.toThrow(TestClockError);
    await app.close();
  });
});

describe('a whole app on the test bench', () => {
  it('runs on it in place of its own store, also two on one clock', async () => {
    @Injectable()
    class Shop {
      constructor(readonly template: RocketTemplate) {}
    }
    @Module({
      imports: [RocketModule.forRoot({ store: { path: '/nowhere/that/can/be/made' } })],
      providers: [Shop, OrderListener],
    })
    class ShopModule {}

    const clock = new ManualClock();
    const start = async (): Promise<TestingModule> =>
      (
        await RocketTestingModule.createTestingModule(Test, { imports: [ShopModule] }, { clock })
          .setLogger(new LogLines())
          .compile()
      ).init();
    const [first, second] = [await start(), await start()];
    await first.get(Shop, { strict: false }).template.syncSend('orders', 1, { delayLevel: 3 });
    await second.get(RocketTestBench).advance('10s');
    await expect(second.get(RocketTestBench).waitFor(OrderListener)).rejects.toThrow(NotConsumedError);
    expect(await first.get(RocketTestBench).waitFor(OrderListener)).toHaveLength(1);
    await first.close();
    await second.close();
  });

  it('asks no factory of the app for options', async () => {
    const imports = [RocketModule.forRootAsync({ useFactory: () => Promise.reject(new Error('no such setting')) })];
    const app = await RocketTestingModule.createTestingModule(Test, { imports }).compile();
    expect(app.get(ROCKET_ENGINE)).toBe(app.get(RocketTestBench).engine);
    await app.close();
  });
});
