import { EventEmitter, once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import {
  Controller,
  Injectable,
  Module,
  Post,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  EmbeddedBroker,
  InvalidOptionError,
  ListenerConflictError,
  ManualClock,
  MessageListener,
  PullConsumerClosedError,
  ROCKET_CONVERTER,
  ROCKET_ENGINE,
  RocketControl,
  RocketModule,
  RocketTemplate,
  SilentLogger,
  StoreClosedError,
  StoreLockedError,
  TransactionListener,
  TransactionListenerConflictError,
  UnknownOptionError,
  getRocketTemplateToken,
  type MessageConverter,
  type MessageExt,
  type RocketModuleOptions,
  type RocketOptionsFactory,
} from '../../lib/index.js';
import { RocketLifecycle } from '../../lib/rocket.lifecycle.js';
import { Gate } from '../support/gate.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { startChildApp } from './child-app.js';
import { Deliveries, ManualWorld, compileApp, failClosesOfConsumers, startApp, type AppParts } from './rocket-app.js';

@MessageListener({ topic: 'love', consumerGroup: 'madoka' })
class LoveListener {
  readonly deliveries = new Deliveries();

  onMessage(payload: unknown, message: MessageExt): void {
    this.deliveries.add(payload, message);
  }
}

class CommitAlways {
  executeLocalTransaction(): 'COMMIT' {
    return 'COMMIT';
  }

  checkLocalTransaction(): 'COMMIT' {
    return 'COMMIT';
  }
}

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory.remove());

const storeOptions = (): RocketModuleOptions => ({ store: { path: join(directory.path, 'store') } });

/** Why an app does not start. */
async function refusal(parts: AppParts): Promise<Error> {
  const app = await startApp(parts).catch((error: unknown) => error as Error);
  if (app instanceof Error) return app;
  await app.close();
  throw new Error('the app started');
}

describe('P1: the options', () => {
  it('all have a default', async () => {
    const before = process.cwd();
    process.chdir(directory.path);
    try {
      const app = await startApp({ rocket: RocketModule.forRoot(), providers: [LoveListener] });
      await app.template.convertAndSend('love', 'x');
      await app.module.get(LoveListener).deliveries.reached(1);
      expect(app.log.matching(/Store opened in .*rocket-store.*\(SYNC_FLUSH\)/)).toHaveLength(1);
      expect(app.log.matching(/LoveListener .*"love".*"madoka"/)).toHaveLength(1);
      await app.close();
    } finally {
      process.chdir(before);
    }
  });

  it.each<[object, RegExp]>([
    [{ producer: { group: 'a b' } }, /Option producer\.group is "a b", but must be the name of a producer group/],
    [
      { producer: { sendMessageTimeoutMs: 0 } },
      /Option producer\.sendMessageTimeoutMs is 0, but must be a whole number/,
    ],
    [{ producer: 'shop' }, /Option producer is "shop", but must be an object/],
    [{ consumer: { shutdownTimeoutMs: -1 } }, /Option consumer\.shutdownTimeoutMs is -1/],
    [
      { store: { flushDiskType: 'ASYNC' } },
      /Option store\.flushDiskType is "ASYNC", but must be "SYNC_FLUSH" or "ASYNC_FLUSH"/,
    ],
    [{ store: './store' }, /Option store is "\.\/store", but must be an object/],
    [{ store: { path: '' } }, /Option store\.path is ""/],
    [{ transaction: { checkMax: 0 } }, /Option transaction\.checkMax is 0/],
    [{ defaultTopicQueueNums: 1.5 }, /Option defaultTopicQueueNums is 1\.5/],
    [{ converter: {} }, /Option converter .*toBody, fromBody/],
    [{ engine: {} }, /Option engine .*an object with the methods start/],
  ])('are refused with option, value and remedy: %j', async (options, text) => {
    const error = await refusal({ options });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toMatch(text);
    expect(error.message).toMatch(/Correct the option, or leave it out to use its default\.$/);
  });

  it.each<[object, RegExp]>([
    [{ prodcer: {} }, /no option prodcer\. Did you mean producer\?/],
    [{ stroe: {} }, /no option stroe\. Did you mean store\?/],
    [{ producer: { groop: 'x' } }, /no option producer\.groop\. Did you mean producer\.group\?/],
    [{ store: { flushDisktype: 'x' } }, /no option store\.flushDisktype\. Did you mean store\.flushDiskType\?/],
    [{ nameServer: 'localhost:9876' }, /no option nameServer\. It knows store, /],
  ])('with a name that does not exist are refused, with the one that may be meant: %j', async (options, text) => {
    const error = await refusal({ options });
    expect(error).toBeInstanceOf(UnknownOptionError);
    expect(error.message).toMatch(text);
  });

  it('that would have no effect beside an engine of the user are refused', async () => {
    const engine = new EmbeddedBroker({ store: { type: 'memory' } });
    const error = await refusal({ options: { engine, store: { type: 'memory' } } });
    expect(error.message).toMatch(/Option store .*left out when the option engine is given/);
  });

  it('that are undefined count as left out', async () => {
    const app = await startApp({ options: { ...storeOptions(), producer: { group: undefined }, consumer: undefined } });
    await app.close();
  });

  it('can come from a factory with what it injects, from a class, or from an existing provider', async () => {
    @Injectable()
    class Settings implements RocketOptionsFactory {
      createRocketOptions(): RocketModuleOptions {
        return { store: { type: 'memory' }, brokerName: 'from-settings' };
      }
    }
    @Module({ providers: [Settings], exports: [Settings] })
    class SettingsModule {}
    const forms = [
      RocketModule.forRootAsync({
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: (settings: Settings) => Promise.resolve(settings.createRocketOptions()),
      }),
      RocketModule.forRootAsync({ useClass: Settings }),
      RocketModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings }),
    ];
    for (const rocket of forms) {
      const app = await startApp({ rocket });
      expect((await app.template.syncSend('love', 'x')).messageQueue.brokerName).toBe('from-settings');
      await app.close();
    }
  });

  it('are refused when a factory forgets to return them', async () => {
    const rocket = RocketModule.forRootAsync({ useFactory: () => undefined as unknown as RocketModuleOptions });
    expect((await refusal({ rocket })).message).toMatch(/is undefined, but must be an object/);
  });

  it('can replace the converter', async () => {
    const shouting: MessageConverter = {
      toBody: (payload) => ({ body: Buffer.from(String(payload).toUpperCase()) }),
      fromBody: ({ body, properties }) => [body.toString(), properties['contentType']],
    };
    const options = { store: { type: 'memory' }, converter: shouting } as const;
    const app = await startApp({ options, providers: [LoveListener] });
    expect(app.module.get(ROCKET_CONVERTER)).toBe(shouting);
    await app.template.convertAndSend('love', 'x');
    const { deliveries } = app.module.get(LoveListener);
    await deliveries.reached(1);
    expect(deliveries.payloads).toEqual([['X', undefined]]);
    await app.close();
  });

  it('can not have a converter that reads payloads later: its messages are not handled', async () => {
    const late: MessageConverter = {
      toBody: () => ({ body: Buffer.from('x') }),
      fromBody: () => Promise.reject(new Error('no schema')),
    };
    const app = await startApp({ options: { store: { type: 'memory' }, converter: late }, providers: [LoveListener] });
    await app.template.convertAndSend('love', 'x');
    await app.broker.whenIdle();
    expect(app.module.get(LoveListener).deliveries.all).toEqual([]);
    expect(app.log.matching(/fromBody must give the payload at once.* tried again later/)).toHaveLength(1);
    await app.close();
  });
});

describe('P7: an HTTP app', () => {
  it('has its listeners ready when app.listen resolves', async () => {
    @Controller('love')
    class LoveController {
      constructor(readonly template: RocketTemplate) {}

      @Post()
      async send(): Promise<{ sent: string }> {
        await this.template.convertAndSend('love', 'from http');
        return { sent: 'love' };
      }
    }
    const { module } = await compileApp({
      options: storeOptions(),
      providers: [LoveListener],
      controllers: [LoveController],
    });
    const app = module.createNestApplication();
    await app.listen(0);
    const url = await app.getUrl();
    const begin = performance.now();
    const response = await fetch(`${url.replace('[::1]', 'localhost')}/love`, { method: 'POST' });
    await module.get(LoveListener).deliveries.reached(1);
    const tookMs = performance.now() - begin;
    expect(response.status).toBe(201);
    process.stdout.write(`First message handled ${tookMs.toFixed(1)} ms after app.listen had resolved.\n`);
    await app.close();
  });
});

describe('an app that starts', () => {
  it('can send from the construction, onModuleInit and onApplicationBootstrap of any provider', async () => {
    @Injectable()
    class Eager implements OnModuleInit, OnApplicationBootstrap {
      readonly constructed: Promise<void>;

      constructor(readonly template: RocketTemplate) {
        this.constructed = template.convertAndSend('love', 'constructor');
      }

      async onModuleInit(): Promise<void> {
        await this.template.convertAndSend('love', 'init');
        await this.template.sendMessageInTransaction('love', 'transaction');
      }

      async onApplicationBootstrap(): Promise<void> {
        await this.template.convertAndSend('love', 'bootstrap');
      }
    }
    @TransactionListener()
    class Transactions extends CommitAlways {}
    @MessageListener({ topic: 'love', consumerGroup: 'madoka', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })
    class FromFirst extends LoveListener {}
    const app = await startApp({ options: storeOptions(), providers: [Eager, FromFirst, Transactions] });
    const { deliveries } = app.module.get(FromFirst);
    await deliveries.reached(4);
    expect(deliveries.payloads.map(String).toSorted()).toEqual(['bootstrap', 'constructor', 'init', 'transaction']);
    await app.close();
  });

  it('handles no message before the bootstrap hooks of all modules were called', async () => {
    const events: string[] = [];
    const deliveries = new Deliveries();
    class Eager {
      // Joining a group takes a while, so the first group could be at work before the last one has joined.
      @MessageListener({ topic: 'love', consumerGroup: 'first' })
      @MessageListener({ topic: 'love', consumerGroup: 'second' })
      @MessageListener({ topic: 'love', consumerGroup: 'third' })
      onLove(payload: unknown, message: MessageExt): void {
        events.push('handled');
        deliveries.add(payload, message);
      }
    }
    @Injectable()
    class Sender implements OnModuleInit, OnApplicationBootstrap {
      constructor(readonly template: RocketTemplate) {}

      onModuleInit(): Promise<void> {
        return this.template.convertAndSend('love', 'waiting');
      }

      onApplicationBootstrap(): void {
        events.push('bootstrapped deep');
      }
    }
    @Module({ providers: [Sender] })
    class DeepModule {}
    @Module({ imports: [DeepModule] })
    class MiddleModule implements OnApplicationBootstrap {
      onApplicationBootstrap(): void {
        events.push('bootstrapped middle');
      }
    }
    const app = await startApp({ options: storeOptions(), providers: [Eager], imports: [MiddleModule] });
    await deliveries.reached(3);
    expect(events).toEqual(['bootstrapped deep', 'bootstrapped middle', 'handled', 'handled', 'handled']);
    await app.close();
  });

  it('fixes where a group begins before other modules bootstrap, so that what they send arrives', async () => {
    @Injectable()
    class Sender implements OnApplicationBootstrap {
      constructor(readonly template: RocketTemplate) {}

      onApplicationBootstrap(): Promise<void> {
        return this.template.convertAndSend('love', 'bootstrap');
      }
    }
    // Broadcasting begins after what is there; a clustering group would begin at the beginning of so young a topic.
    @MessageListener({ topic: 'love', consumerGroup: 'all', messageModel: 'BROADCASTING' })
    class FromNow extends LoveListener {}
    const options = storeOptions();
    const first = await startApp({ options });
    for (let n = 0; n < 8; n++) await first.template.convertAndSend('love', 'before');
    await first.close();
    const app = await startApp({ options, providers: [FromNow, Sender] });
    const { deliveries } = app.module.get(FromNow);
    await deliveries.reached(1);
    await app.broker.whenIdle();
    expect(deliveries.payloads).toEqual(['bootstrap']);
    await app.close();
  });
});

describe('an app that does not start', () => {
  @MessageListener({ topic: 'love', consumerGroup: 'madoka', selectorExpression: 'sweet' })
  class OtherLove extends LoveListener {}
  @TransactionListener({ topic: 'fees' })
  class FirstFees extends CommitAlways {}
  @TransactionListener({ topic: 'fees' })
  class SecondFees extends CommitAlways {}
  @MessageListener({ topic: 'love', consumerGroup: 'sql', selectorType: 'SQL92', selectorExpression: 'a >' })
  class BadSql extends LoveListener {}

  it.each<[string, AppParts['providers'], RegExp, (new (...args: never[]) => Error)?]>([
    [
      'two listeners that differ',
      [LoveListener, OtherLove],
      /LoveListener .* and OtherLove .*selectorExpression/,
      ListenerConflictError,
    ],
    [
      'two alike',
      [LoveListener, { provide: 'x', useFactory: (): LoveListener => new LoveListener() }],
      /LoveListener .* and LoveListener/,
    ],
    [
      'P3: two transaction listeners of a topic',
      [FirstFees, SecondFees],
      /FirstFees .* and SecondFees .*topic "fees"/,
      TransactionListenerConflictError,
    ],
    ['a filter that can not be read', [BadSql], /SQL92/],
  ])('for %s names them, and leaves the store free', async (_what, providers, text, type = Error) => {
    const options = storeOptions();
    const error = await refusal({ options, providers: providers ?? [] });
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(text);
    const app = await startApp({ options });
    await app.template.convertAndSend('love', 'x');
    await app.close();
  });

  it('for a failing bootstrap elsewhere leaves the store free when it is closed', async () => {
    @Injectable()
    class Failing implements OnApplicationBootstrap {
      onApplicationBootstrap(): never {
        throw new Error('no database');
      }
    }
    const options = storeOptions();
    const { module } = await compileApp({ options, providers: [LoveListener, Failing] });
    await expect(module.init()).rejects.toThrow('no database');
    // Nest 11 refuses to close such an app.
    await module.close().catch(() => undefined);
    await module.get(RocketControl).release();
    await (await startApp({ options })).close();
  });

  it('for a failing bootstrap elsewhere can be started again', async () => {
    let failures = 1;
    @Injectable()
    class FailingOnce implements OnApplicationBootstrap {
      onApplicationBootstrap(): void {
        if (failures-- > 0) throw new Error('no database yet');
      }
    }
    const { module } = await compileApp({ options: storeOptions(), providers: [LoveListener, FailingOnce] });
    await expect(module.init()).rejects.toThrow('no database yet');
    await module.init();
    await module.get(RocketTemplate).convertAndSend('love', 'x');
    await module.get(LoveListener).deliveries.reached(1);
    await module.close();
  });

  it('leaves the store free when it is closed without having been started', async () => {
    const options = storeOptions();
    const { module } = await compileApp({ options, providers: [LoveListener] });
    await module.close();
    await (await startApp({ options })).close();
  });

  it.each([null, 'x', []])('for %p in place of options says so', (options) => {
    const forRoot = (): unknown => RocketModule.forRoot(options as never);
    expect(forRoot).toThrow(/^Option options of RocketModule\.forRoot is .*, but must be an object\./);
    const forRootAsync = (): unknown => RocketModule.forRootAsync(options as never);
    expect(forRootAsync).toThrow(/^Option options of RocketModule\.forRootAsync is .*, but must be an object\./);
  });

  it('for a module that is imported without forRoot says what to write', async () => {
    const starting = Test.createTestingModule({ imports: [RocketModule] }).compile();
    await expect(starting).rejects.toThrow('Option imports is "RocketModule", but must be RocketModule.forRoot().');
  });

  it('for a store that another one has open names it', async () => {
    const options = storeOptions();
    const owner = await startApp({ options });
    const error = await refusal({ options });
    expect(error).toBeInstanceOf(StoreLockedError);
    expect(error.message).toContain(join(directory.path, 'store'));
    await owner.close();
  });
});

describe('an app that ends', () => {
  it('takes sends until the store is closed, after all handlers of messages and hooks of other modules', async () => {
    const events: string[] = [];
    const gate = new EventEmitter();
    @MessageListener({ topic: 'love', consumerGroup: 'madoka' })
    class Slow {
      readonly started = new Deliveries();

      constructor(readonly template: RocketTemplate) {}

      async onMessage(payload: unknown, message: MessageExt): Promise<void> {
        this.started.add(payload, message);
        await once(gate, 'open');
        await this.template.convertAndSend('answers', 'from the handler');
        events.push('handler ended');
      }
    }
    @Injectable()
    class Database implements OnModuleDestroy, OnApplicationShutdown {
      constructor(readonly template: RocketTemplate) {}

      onModuleDestroy(): void {
        events.push('destroy');
        setImmediate(() => gate.emit('open'));
      }

      async onApplicationShutdown(): Promise<void> {
        await this.template.convertAndSend('answers', 'from shutdown');
        events.push('database closed');
      }
    }
    const app = await startApp({ options: storeOptions(), providers: [Slow, Database] });
    await app.template.convertAndSend('love', 'x');
    await app.module.get(Slow).started.reached(1);
    await app.close();
    expect(events).toEqual(['destroy', 'handler ended', 'database closed']);
    await expect(app.template.convertAndSend('love', 'x')).rejects.toThrow(StoreClosedError);
  });

  it('starts no handler once it has begun to end, and gives up those that take too long; their messages come again', async () => {
    @MessageListener({ topic: 'love', consumerGroup: 'madoka', concurrency: 1 })
    class Endless {
      readonly started = new Deliveries();

      onMessage(payload: unknown, message: MessageExt): Promise<void> {
        this.started.add(payload, message);
        return new Promise(() => undefined);
      }
    }
    const options = { ...storeOptions(), consumer: { shutdownTimeoutMs: 20 }, defaultTopicQueueNums: 1 };
    const app = await startApp({ options, providers: [Endless] });
    await app.template.convertAndSend('love', 'first');
    await app.template.convertAndSend('love', 'second');
    const { started } = app.module.get(Endless);
    await started.reached(1);
    await app.close();
    expect(started.payloads).toEqual(['first']);
    expect(app.log.matching(/^warn: 1 handlers? of group "madoka".*20 ms/)).toHaveLength(1);

    const again = await startApp({ options, providers: [LoveListener] });
    const { deliveries } = again.module.get(LoveListener);
    await deliveries.reached(2);
    expect(deliveries.payloads.map(String).toSorted()).toEqual(['first', 'second']);
    await again.close();
  });

  it('frees the store, and tells of the failure then, when a group can not be left', async () => {
    const options = storeOptions();
    const { module } = await compileApp({ options, providers: [LoveListener] });
    failClosesOfConsumers(module.get<EmbeddedBroker>(ROCKET_ENGINE));
    await module.init();
    // The hooks as Nest 11 calls them: none after one that rejects.
    const lifecycle = module.get(RocketLifecycle, { strict: false });
    await lifecycle.onModuleDestroy();
    await expect(lifecycle.onApplicationShutdown()).rejects.toThrow('the disk is gone');
    await (await startApp({ options })).close();
  });

  it('can be ended twice', async () => {
    const app = await startApp({ options: storeOptions(), providers: [LoveListener] });
    await app.close();
    await app.close();
  });

  it('leaves nothing that keeps the process alive', async () => {
    const program = `
      import { Module } from '@nestjs/common';
      import { NestFactory } from '@nestjs/core';
      import { MessageListener, RocketModule, RocketTemplate } from './lib/index.js';
      let handled = () => undefined;
      class Listener {
        @MessageListener({ topic: 'love', consumerGroup: 'madoka' })
        onLove(payload) { handled(payload); }
      }
      @Module({ imports: [RocketModule.forRoot()], providers: [Listener] })
      class AppModule {}
      const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
      const received = new Promise((resolve) => { handled = resolve; });
      await app.get(RocketTemplate).syncSend('love', 'x');
      const payload = await received;
      await app.close();
      console.log('ended after', payload);
    `;
    const child = await startChildApp(directory.path, program);
    const output: string[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect(exitCode).toBe(0);
    expect(output.join('')).toBe('ended after x\n');
  });

  it('keeps the process alive while somebody waits for an answer', async () => {
    const program = `
      import { Module } from '@nestjs/common';
      import { NestFactory } from '@nestjs/core';
      import { RocketModule, RocketTemplate } from './lib/index.js';
      @Module({ imports: [RocketModule.forRoot()] })
      class AppModule {}
      const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
      const asked = app.get(RocketTemplate).sendAndReceive('nobody', 'x', { timeoutMs: 100 });
      console.log(await asked.catch((error) => error.code));
      await app.close();
    `;
    const child = await startChildApp(directory.path, program);
    const output: string[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect(exitCode).toBe(0);
    expect(output.join('')).toBe('REQUEST_TIMEOUT\n');
  });

  it('remembers what was handled: nothing is lost and nothing repeated by a restart', async () => {
    const options = storeOptions();
    let app = await startApp({ options, providers: [LoveListener] });
    for (let n = 0; n < 10; n++) await app.template.convertAndSend('love', n);
    await app.module.get(LoveListener).deliveries.reached(10);
    await app.broker.whenIdle();
    await app.close();

    app = await startApp({ options });
    await app.template.convertAndSend('love', 'sent while nobody listened');
    await app.close();

    app = await startApp({ options, providers: [LoveListener] });
    const { deliveries } = app.module.get(LoveListener);
    await deliveries.reached(1);
    await app.broker.whenIdle();
    expect(deliveries.payloads).toEqual(['sent while nobody listened']);
    await app.close();
  });
});

describe('two apps in one process', () => {
  it('have stores of their own and do not notice each other', async () => {
    const apps = await Promise.all(
      ['a', 'b'].map((name) =>
        startApp({ options: { store: { path: join(directory.path, name) } }, providers: [LoveListener] }),
      ),
    );
    const deliveries = apps.map((app) => app.module.get(LoveListener).deliveries);
    for (const [index, app] of apps.entries()) await app.template.convertAndSend('love', index);
    await Promise.all(deliveries.map((each) => each.reached(1)));
    await apps[0]?.close();
    await apps[1]?.template.convertAndSend('love', 'still there');
    await deliveries[1]?.reached(2);
    await apps[1]?.close();
    expect(deliveries.map((each) => each.payloads)).toEqual([[0], [1, 'still there']]);
  });

  it('can share an engine, which neither starts nor closes', async () => {
    const engine = new EmbeddedBroker({ store: { type: 'memory' } }, { logger: new SilentLogger() });
    await engine.start();
    @MessageListener({ topic: 'love', consumerGroup: 'other' })
    class OtherGroup extends LoveListener {}
    const sender = await startApp({ options: { engine } });
    const listeners = [
      await startApp({ options: { engine }, providers: [LoveListener] }),
      await startApp({ options: { engine }, providers: [OtherGroup] }),
    ];
    const deliveries = [listeners[0]?.module.get(LoveListener), listeners[1]?.module.get(OtherGroup)].map(
      (listener) => listener?.deliveries,
    );
    expect(sender.module.get(ROCKET_ENGINE)).toBe(engine);
    await sender.template.convertAndSend('love', 'for both');
    await Promise.all(deliveries.map((each) => each?.reached(1) ?? Promise.resolve()));
    await sender.close();
    await listeners[0]?.close();
    await engine.send({ topic: 'love', body: Buffer.from('for one') });
    await deliveries[1]?.reached(2);
    await listeners[1]?.close();
    expect(deliveries[0]?.payloads).toEqual(['for both']);
    await engine.close();
  });
});

describe('an app that is told to stop before it has started', () => {
  it('takes no queues of a shared engine from the others', async () => {
    const engine = new EmbeddedBroker({ store: { type: 'memory' } }, { logger: new SilentLogger() });
    await engine.start();
    const other = await startApp({ options: { engine }, providers: [LoveListener] });
    const { module } = await compileApp({ options: { engine }, providers: [LoveListener] });
    await module.get(RocketControl).stop();
    await module.init();
    const { deliveries } = other.module.get(LoveListener);
    for (let queueId = 0; queueId < 4; queueId++) await engine.send({ topic: 'love', queueId, body: Buffer.from('x') });
    await engine.whenIdle();
    expect(deliveries.all).toHaveLength(4);
    await module.close();
    await other.close();
    await engine.close();
  });
});

describe('an app on a shared engine', () => {
  let engine: EmbeddedBroker;

  beforeEach(async () => {
    engine = new EmbeddedBroker({ store: { type: 'memory' } }, { logger: new SilentLogger() });
    await engine.start();
  });

  afterEach(() => engine.close());

  it('that is told to stop while it joins its groups is a member of none', async () => {
    @MessageListener({ topic: 'love', consumerGroup: 'kyoko' })
    class SecondGroup extends LoveListener {}
    const [joining, gate] = [new Gate(), new Gate()];
    const subscribe = engine.subscribe.bind(engine);
    engine.subscribe = async (spec) => {
      joining.open();
      await gate.opened;
      return subscribe(spec);
    };
    const { module } = await compileApp({ options: { engine }, providers: [LoveListener, SecondGroup] });
    const starting = module.init();
    await joining.opened;
    const stopping = module.get(RocketControl).stop();
    gate.open();
    await Promise.all([starting, stopping]);
    expect(engine.admin.groups.list().filter(({ memberCount }) => memberCount > 0)).toEqual([]);
    await module.close();
  });

  it('that ends while a pull consumer is made closes it', async () => {
    const gate = new Gate();
    const create = engine.createPullConsumer.bind(engine);
    engine.createPullConsumer = async (options) => {
      await gate.opened;
      return create(options);
    };
    const app = await startApp({ options: { engine } });
    const making = app.template.createPullConsumer({ group: 'p' });
    const closing = app.close();
    // The app has come to its end but for what is being made.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    gate.open();
    await closing;
    await expect((await making).poll()).rejects.toThrow(PullConsumerClosedError);
  });
});

describe('the template', () => {
  it('is injected by its class and by its token', async () => {
    const app = await startApp({});
    expect(app.module.get(getRocketTemplateToken())).toBe(app.template);
    await app.close();
  });

  it('works on the clock that it is given', async () => {
    const world = new ManualWorld();
    const app = await world.start({ providers: [LoveListener] });
    await app.template.convertAndSend('love', 'x');
    await app.broker.whenIdle();
    const { message } = app.module.get(LoveListener).deliveries.all[0] ?? {};
    expect(message?.bornTimestamp).toBe(new ManualClock().now());
    await app.close();
  });
});
