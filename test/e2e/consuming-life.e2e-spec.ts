import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import {
  ConsumingDisabledError,
  ListenerConfigError,
  ListenerOptionError,
  MessageListener,
  RocketControl,
  RocketListenerRegistry,
  RocketMessage,
  RocketModule,
  TransactionListener,
  type ConfigReader,
  type ContextCarrier,
  type MessageExt,
  type RocketModuleOptions,
} from '../../lib/index.js';
import { Deliveries, ManualWorld, compileApp, startApp, type AppParts, type RocketApp } from './rocket-app.js';

const memory = { type: 'memory' as const };

@MessageListener({ topic: 'orders', consumerGroup: 'billing' })
class OrderListener {
  readonly deliveries = new Deliveries();

  onMessage(payload: unknown, message: MessageExt): void {
    this.deliveries.add(payload, message);
  }
}

async function refusal(parts: AppParts): Promise<Error> {
  const { module } = await compileApp(parts);
  return module.init().then(
    () => {
      throw new Error('the app started');
    },
    (error: Error) => error,
  );
}

describe('when messages are handled', () => {
  let app: RocketApp;
  let control: RocketControl;

  const start = async (consumer: RocketModuleOptions['consumer'], parts: AppParts = {}): Promise<void> => {
    app = await startApp({ options: { store: memory, consumer }, providers: [OrderListener], ...parts });
    control = app.module.get(RocketControl);
  };
  const payloads = (): unknown[] => app.module.get(OrderListener).deliveries.payloads;

  afterEach(() => app.close());

  it('is after the start of the app, and one can wait for it', async () => {
    await start({});
    await control.whenReady();
    expect(control.isReady).toBe(true);
    await app.template.convertAndSend('orders', 1);
    await app.broker.whenIdle();
    expect(payloads()).toEqual([1]);
    await app.close();
    expect(control.isReady).toBe(false);
  });

  it('is when the app says so, with autoStart false; what was sent since its start is there', async () => {
    await start({ autoStart: false });
    await app.template.convertAndSend('orders', 1);
    await app.broker.whenIdle();
    expect([payloads(), control.isReady]).toEqual([[], false]);
    expect(app.log.matching(/Listeners wait for RocketControl.start\(\)/)).toHaveLength(1);
    control.start();
    control.start();
    await control.whenReady();
    await app.broker.whenIdle();
    expect(payloads()).toEqual([1]);
  });

  it('may be asked for before the app has started', async () => {
    @Injectable()
    class Eager {
      constructor(rocket: RocketControl) {
        rocket.start();
      }
    }
    await start({ autoStart: false }, { providers: [OrderListener, Eager] });
    await control.whenReady();
    await app.template.convertAndSend('orders', 1);
    await app.broker.whenIdle();
    expect(payloads()).toEqual([1]);
  });

  it('is never where consuming is disabled; sending works, also in transactions', async () => {
    @TransactionListener()
    class Always {
      executeLocalTransaction(): 'COMMIT' {
        return 'COMMIT';
      }

      checkLocalTransaction(): 'COMMIT' {
        return 'COMMIT';
      }
    }
    await start({ enabled: false }, { providers: [OrderListener, Always] });
    await control.whenReady();
    await app.template.convertAndSend('orders', 1);
    const sent = await app.template.sendMessageInTransaction('orders', 2);
    expect(sent.localTransactionState).toBe('COMMIT');
    await app.broker.whenIdle();
    expect(payloads()).toEqual([]);
    expect(app.log.matching(/Consuming is disabled/)).toHaveLength(1);
    const adding = app.module
      .get(RocketListenerRegistry)
      .subscribe({ topic: 't', consumerGroup: 'g' }, () => undefined);
    await expect(adding).rejects.toThrow(ConsumingDisabledError);
  });

  it('where consuming is disabled, wrong listeners keep the app from starting all the same', async () => {
    @MessageListener({ topic: 'a b', consumerGroup: 'billing' })
    class Wrong extends OrderListener {}
    const error = await refusal({ options: { store: memory, consumer: { enabled: false } }, providers: [Wrong] });
    expect(error).toBeInstanceOf(ListenerOptionError);
    await start({});
  });

  it('ends before a database that closes in onModuleDestroy, when that service asks for it', async () => {
    const steps: string[] = [];
    @Injectable()
    class Database implements OnModuleDestroy {
      constructor(private readonly rocket: RocketControl) {}

      async onModuleDestroy(): Promise<void> {
        await this.rocket.stop();
        steps.push('database closed');
      }
    }
    @Module({ providers: [Database], exports: [Database] })
    class DatabaseModule {}
    @MessageListener({ topic: 'slow', consumerGroup: 'billing' })
    class SlowListener {
      async onMessage(): Promise<void> {
        steps.push('handler begins');
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
        steps.push('handler ends');
      }
    }
    await start({}, { imports: [DatabaseModule], providers: [SlowListener] });
    await app.template.convertAndSend('slow', 1);
    while (steps.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await app.close();
    expect(steps).toEqual(['handler begins', 'handler ends', 'database closed']);
  });
});

describe('what a listener consumes', () => {
  @MessageListener({ topic: ['orders', 'refunds'], consumerGroup: 'billing', id: 'both' })
  class Several extends OrderListener {}

  it('can be several topics', async () => {
    const app = await startApp({ providers: [Several] });
    await app.template.convertAndSend('orders', 1);
    await app.template.convertAndSend('refunds', 2);
    await app.broker.whenIdle();
    const { all } = app.module.get(Several).deliveries;
    expect(all.map(({ payload, message }) => `${message.topic} ${String(payload)}`).toSorted()).toEqual([
      'orders 1',
      'refunds 2',
    ]);
    const ids = app.module.get(RocketListenerRegistry).list();
    expect(ids.map(({ id }) => id)).toEqual(['both:orders', 'both:refunds']);
    expect(app.log.matching(/Several .* listens to topic/)).toHaveLength(2);
    await app.close();
  });

  @MessageListener({
    topic: (config) => config.get('TOPIC'),
    consumerGroup: (config) => `group-of-${config.get('SHOP') ?? 'none'}`,
    concurrency: (config) => Number(config.get('CONCURRENCY') ?? 1),
    payloadType: Object,
  })
  class Configured extends OrderListener {}

  const topicIn = async (parts: AppParts): Promise<string> => {
    const app = await startApp({ ...parts, providers: [Configured] });
    const [listener] = app.module.get(RocketListenerRegistry).list();
    await app.close();
    return `${listener!.topic} ${listener!.consumerGroup}`;
  };

  it('can be read from the ConfigService of the app', async () => {
    const config = ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ TOPIC: 'configured', SHOP: 'a' })] });
    expect(await topicIn({ imports: [config as never] })).toBe('configured group-of-a');
  });

  it('can be read from a reader that the module is given', async () => {
    const values = new Map([['TOPIC', 'given']]);
    // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- as the reader has it
    const config: ConfigReader = { get: <T>(name: string) => values.get(name) as T | undefined };
    expect(await topicIn({ options: { store: memory, consumer: { config } } })).toBe('given group-of-none');
    const rocket = RocketModule.forRootAsync({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ TOPIC: 'async' })] })],
      inject: [ConfigService],
      useFactory: (service: ConfigService) => ({ store: memory, consumer: { config: service } }),
    });
    expect(await topicIn({ rocket })).toBe('async group-of-none');
  });

  it('can be read from the environment, without any', async () => {
    process.env['TOPIC'] = 'from-env';
    try {
      expect(await topicIn({})).toBe('from-env group-of-none');
    } finally {
      delete process.env['TOPIC'];
    }
  });

  it('can be named in a text, with a default or without', async () => {
    @MessageListener({
      topic: ['${shop.topic}', '${shop.refunds:refunds}'],
      consumerGroup: '${SHOP}-billing-${REGION:}${NUMBER}',
      payloadType: Object,
    })
    class Named extends OrderListener {}
    const config = ConfigModule.forRoot({
      ignoreEnvFile: true,
      load: [() => ({ shop: { topic: 'configured' }, SHOP: 'a', NUMBER: 7 })],
    });
    const app = await startApp({ imports: [config as never], providers: [Named] });
    const listeners = app.module.get(RocketListenerRegistry).list();
    expect(listeners.map(({ topic, consumerGroup }) => `${topic} ${consumerGroup}`)).toEqual([
      'configured a-billing-7',
      'refunds a-billing-7',
    ]);
    await app.close();
  });

  it.each<[string, object, RegExp, new (...args: never[]) => Error]>([
    [
      'names a value that there is not',
      { topic: '${nowhere.topic}' },
      /^Option topic of Wrong .* can not be read: the configuration has no value for \$\{nowhere\.topic\}; "\$\{nowhere\.topic:default\}" would give one/,
      ListenerConfigError,
    ],
    [
      'is not configured',
      { topic: () => undefined },
      /^Option topic of Wrong .* is undefined, but must be/,
      ListenerOptionError,
    ],
    [
      'can not be read',
      {
        consumerGroup: () => {
          throw new Error('no such key');
        },
      },
      /^Option consumerGroup of Wrong .* can not be read: no such key/,
      ListenerConfigError,
    ],
    ['is an empty list', { topic: [] }, /^Option topic of Wrong .*a list of different ones/, ListenerOptionError],
    [
      'is a list with one twice',
      { topic: ['a', 'a'] },
      /^Option topic of Wrong .*a list of different/,
      ListenerOptionError,
    ],
    ['is a list with a wrong one', { topic: ['a', 'b c'] }, /^Option topic of Wrong .* is "b c"/, ListenerOptionError],
    [
      'is read too late',
      { topic: () => Promise.resolve('a') },
      /^Option topic of Wrong .* Promise/,
      ListenerOptionError,
    ],
  ])('keeps the app from starting when it %s', async (_what, options, text, type) => {
    @MessageListener({ topic: 'orders', consumerGroup: 'billing', ...options })
    class Wrong extends OrderListener {}
    const error = await refusal({ providers: [Wrong] });
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(text);
  });
});

describe('the context of a sender', () => {
  const tenants = new AsyncLocalStorage<string>();
  const context = {
    capture: (): Record<string, string> => {
      const tenant = tenants.getStore();
      return tenant === undefined ? {} : { tenant };
    },
    run: <T>(properties: Readonly<Record<string, string>>, handle: () => T): T =>
      tenants.run(properties['tenant'] ?? 'nobody', handle),
  };

  it('is that of the handler, also through a retry', async () => {
    const seen: unknown[] = [];
    @MessageListener({ topic: 'orders', consumerGroup: 'billing' })
    class TenantListener {
      async onMessage(payload: unknown, message: MessageExt): Promise<void> {
        await Promise.resolve();
        seen.push(`${tenants.getStore()} ${String(payload)}`);
        if (message.reconsumeTimes === 0) throw new Error('once more');
      }
    }
    const world = new ManualWorld();
    const app = await world.start({ options: { producer: { context } }, providers: [TenantListener] });
    await tenants.run('a', () => app.template.convertAndSend('orders', 1));
    await app.broker.whenIdle();
    await world.pass(app, 10_000);
    expect(seen).toEqual(['a 1', 'a 1']);
    await app.close();
  });

  it('is not that of whoever has sent at the same time', async () => {
    const seen: unknown[] = [];
    @MessageListener({ topic: 'orders', consumerGroup: 'billing' })
    class TenantListener {
      onMessage(): void {
        seen.push(tenants.getStore());
      }
    }
    const app = await startApp({ options: { store: memory }, providers: [TenantListener] });
    await Promise.all(['a', 'b'].map((tenant) => tenants.run(tenant, () => app.template.convertAndSend('orders', 1))));
    await app.broker.whenIdle();
    expect(seen).toEqual([undefined, undefined]);
    await app.close();
  });

  it('travels with batches, is left to what the send says itself, and may be none', async () => {
    const app = await startApp({ options: { store: memory, producer: { context } }, providers: [OrderListener] });
    await tenants.run('a', () => app.template.syncSend('orders', [new RocketMessage(1)]));
    await tenants.run('a', () => app.template.convertAndSend('orders', 2, { tenant: 'b' }));
    await app.template.convertAndSend('orders', 3);
    await app.broker.whenIdle();
    const { all } = app.module.get(OrderListener).deliveries;
    const sent = all.map(({ payload, message }) => `${String(payload)} ${message.properties['tenant']}`);
    expect(sent.toSorted()).toEqual(['1 a', '2 b', '3 undefined']);
    await app.close();
  });

  it('that does not call the handler is a failed delivery, not a message that is done', async () => {
    // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- as the carrier has it
    const broken = { capture: () => ({}), run: <T>(): T => undefined as T };
    const options = { store: memory, producer: { context: broken } };
    const app = await startApp({ options, providers: [OrderListener] });
    await app.template.convertAndSend('orders', 1);
    await app.broker.whenIdle();
    expect(app.log.matching(/producer.context .*it called it 0 times.* tried again later/)).toHaveLength(1);
    await app.close();
  });

  it.each<[string, <T>(handle: () => T) => T]>([
    ['calls the handler twice', (handle) => (handle(), handle())],
    [
      'throws when it has called the handler',
      (handle) => {
        handle();
        throw new Error('no context');
      },
    ],
  ])('that %s is a failed delivery; a handler that fails then does not end the process', async (_how, run) => {
    @MessageListener({ topic: 'orders', consumerGroup: 'billing' })
    class Failing {
      async onMessage(): Promise<never> {
        await Promise.resolve();
        throw new Error('not yet');
      }
    }
    const carrier: ContextCarrier = { capture: () => ({}), run: (_properties, handle) => run(handle) };
    const options = { store: memory, producer: { context: carrier } };
    const unhandled: unknown[] = [];
    const listen = (reason: unknown): number => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    const app = await startApp({ options, providers: [Failing] });
    await app.template.convertAndSend('orders', 1);
    await app.broker.whenIdle();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
    expect(app.log.matching(/(it called it 2 times|no context).* tried again later/)).toHaveLength(1);
    await app.close();
  });
});
