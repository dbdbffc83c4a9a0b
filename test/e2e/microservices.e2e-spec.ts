import { Controller, Injectable, Module, UseFilters, type INestApplication } from '@nestjs/common';
import {
  ClientProxy,
  ClientsModule,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { EMPTY, lastValueFrom, of, toArray } from 'rxjs';
import {
  EmbeddedBroker,
  ManualClock,
  MemoryFileSystem,
  NonRetryableError,
  RECONSUME_LATER,
  ROCKET_ENGINE,
  RocketEvents,
  RocketMessage,
  RocketModule,
  RocketTemplate,
  SilentLogger,
  type MessageEngine,
} from 'nestjs-rocket';
import {
  RocketClient,
  RocketRpcContext,
  RocketRpcExceptionFilter,
  RocketServer,
  type RocketServerOptions,
} from 'nestjs-rocket/microservices';
import { Gate } from '../support/gate.js';
import { LogLines } from './rocket-app.js';

interface Call {
  readonly handler: string;
  readonly data: unknown;
  readonly attempt: number;
}

/** What the handlers were given. */
@Injectable()
class Calls {
  readonly all: Call[] = [];

  add(handler: string, data: unknown, context?: RocketRpcContext): void {
    this.all.push({ handler, data, attempt: context?.getAttempt() ?? 0 });
  }

  of(handler: string): Call[] {
    return this.all.filter((call) => call.handler === handler);
  }
}

@Controller()
@UseFilters(RocketRpcExceptionFilter)
class OrderController {
  constructor(readonly calls: Calls) {}

  @EventPattern({ topic: 'orders' })
  any(@Payload() data: unknown, @Ctx() context: RocketRpcContext): void {
    this.calls.add(`any ${context.getTopic()} ${context.getTags()} ${context.getPattern()}`, data, context);
  }

  @EventPattern('orders:created')
  created(@Payload() data: unknown): void {
    this.calls.add('created', data);
  }

  @EventPattern({ topic: 'payments', tag: 'failed' })
  async failed(@Payload() data: unknown, @Ctx() context: RocketRpcContext): Promise<unknown> {
    this.calls.add('failed', data, context);
    await Promise.resolve();
    if (data === 'never') throw new NonRetryableError('never');
    if (data === 'later' && context.getAttempt() === 1) return RECONSUME_LATER;
    if (context.getAttempt() === 1) throw new Error('not yet');
    return undefined;
  }

  @EventPattern({ topic: 'shared', tag: 'later' })
  asksForAnother(@Payload() data: unknown, @Ctx() context: RocketRpcContext): unknown {
    this.calls.add('asks', data, context);
    return context.getAttempt() === 1 ? RECONSUME_LATER : EMPTY;
  }

  @EventPattern({ topic: 'shared', tag: 'later' })
  async failsBesideIt(@Payload() data: unknown, @Ctx() context: RocketRpcContext): Promise<void> {
    this.calls.add('fails', data, context);
    await Promise.resolve();
    if (context.getAttempt() === 2) throw new Error('not yet');
  }

  @EventPattern('shared')
  first(@Payload() data: unknown): void {
    this.calls.add('first', data);
  }

  @EventPattern('shared')
  second(@Payload() data: unknown): void {
    this.calls.add('second', data);
  }

  @MessagePattern('math:sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }

  @MessagePattern('math:stream')
  stream(): unknown {
    return of(1, 2, 3);
  }

  @MessagePattern('math:nothing')
  nothing(): void {}

  @MessagePattern('math:null')
  nullAnswer(): null {
    return null;
  }

  @MessagePattern('math:fail')
  fail(@Payload() how: string): never {
    if (how === 'empty') throw new RpcException('');
    if (how === 'circular') {
      const error = new RangeError('has itself');
      throw Object.assign(error, { itself: error });
    }
    if (how === 'rpc') throw new RpcException({ status: 'error', reason: 'too hard' });
    throw new TypeError('unexpected');
  }

  @MessagePattern('math:impossible')
  impossible(): unknown {
    return 1n;
  }

  @MessagePattern('math:echo')
  echo(@Payload() data: unknown, @Ctx() context: RocketRpcContext): unknown {
    this.calls.add('echo', data, context);
    return { data, keys: context.getMessage().keys };
  }

  @MessagePattern({ cmd: 'not ours' }, Transport.TCP)
  ofAnotherTransport(): void {}
}

@Module({
  imports: [
    RocketModule.forRoot({ store: { type: 'memory' } }),
    ClientsModule.registerAsync([
      {
        name: 'CLIENT',
        inject: [ROCKET_ENGINE],
        useFactory: (engine: MessageEngine) => ({ customClass: RocketClient, options: { engine } }),
      },
    ]),
  ],
  controllers: [OrderController],
  providers: [Calls],
})
class AppModule {}

/** What listening came to. */
const listening = (server: RocketServer): Promise<unknown> => new Promise((resolve) => server.listen(resolve));

describe('@nestjs/microservices in a hybrid app, over the engine of the module', () => {
  let app: INestApplication;
  let client: ClientProxy;
  let calls: Calls;
  let broker: EmbeddedBroker;
  let log: LogLines;

  beforeEach(async () => {
    log = new LogLines();
    const module = await Test.createTestingModule({ imports: [AppModule] })
      .setLogger(log)
      .compile();
    app = module.createNestApplication({ logger: log });
    broker = app.get<EmbeddedBroker>(ROCKET_ENGINE);
    app.connectMicroservice<MicroserviceOptions>({
      strategy: new RocketServer({
        engine: broker,
        consumerGroup: 'shop',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      }),
    });
    await app.startAllMicroservices();
    await app.init();
    client = app.get<ClientProxy>('CLIENT');
    calls = app.get(Calls);
  });

  afterEach(() => app.close());

  const emit = async (pattern: unknown, data: unknown): Promise<void> => {
    await lastValueFrom(client.emit(pattern, data));
    await broker.whenIdle();
  };
  const send = (pattern: unknown, data: unknown): Promise<unknown> =>
    lastValueFrom(client.send(pattern, data), { defaultValue: 'no value' });

  it('brings an event to the handler of its topic and tag, else to that of its topic', async () => {
    await emit('orders:created', { id: 1 });
    await emit({ topic: 'orders', tag: 'paid' }, { id: 2 });
    await emit('orders', { id: 3 });
    expect(calls.all).toEqual([
      { handler: 'created', data: { id: 1 }, attempt: 0 },
      { handler: 'any orders paid orders', data: { id: 2 }, attempt: 1 },
      { handler: 'any orders undefined orders', data: { id: 3 }, attempt: 1 },
    ]);
  });

  it('answers emit with what is known of the stored message', async () => {
    const result = await lastValueFrom(client.emit('orders', new RocketMessage({ id: 1 }, { KEYS: 'k' })));
    expect(result).toMatchObject({ sendStatus: 'SEND_OK', messageQueue: { topic: 'orders' } });
  });

  it('gets what the template sends, and sends what listeners get', async () => {
    await app.get(RocketTemplate).convertAndSend('orders:created', { id: 1 });
    await broker.whenIdle();
    expect(calls.of('created')).toHaveLength(1);
    expect(await app.get(RocketTemplate).sendAndReceive('math:sum', [1, 2])).toBe(3);
  });

  it('calls each of several handlers of one event', async () => {
    await emit('shared', 'x');
    expect(calls.all.map(({ handler }) => handler).toSorted()).toEqual(['first', 'second']);
  });

  it('retries events whose handler throws, and not those that say so', async () => {
    const events: string[] = [];
    app
      .get(RocketEvents)
      .of('messageRetried', 'messageDeadLettered')
      .subscribe(({ type }) => events.push(type));
    await emit('payments:failed', 'again');
    await emit('payments:failed', 'later');
    await emit('payments:failed', 'never');
    expect(events).toEqual(['messageRetried', 'messageRetried', 'messageDeadLettered']);
    expect(log.matching(/failed: not yet/)).toHaveLength(1);
  });

  it('answers requests with a value, the last of several, or none', async () => {
    expect(await send('math:sum', [1, 2, 3])).toBe(6);
    expect(await lastValueFrom(client.send('math:stream', {}).pipe(toArray()))).toEqual([3]);
    expect(await send('math:nothing', {})).toBe('no value');
    expect(await send('math:null', {})).toBeNull();
    expect(await app.get(RocketTemplate).sendAndReceive('math:null', {})).toBeNull();
    expect(await app.get(RocketTemplate).sendAndReceive('math:nothing', {})).toBeNull();
    const many = await Promise.all(Array.from({ length: 50 }, (_, index) => send('math:sum', [index, 1])));
    expect(many).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });

  it('answers requests with the errors of handlers, and does not retry them', async () => {
    await expect(send('math:fail', 'rpc')).rejects.toEqual({ status: 'error', reason: 'too hard' });
    await expect(send('math:fail', 'other')).rejects.toEqual({ name: 'TypeError', message: 'unexpected' });
    await expect(send('math:fail', 'circular')).rejects.toEqual({ name: 'RangeError', message: 'has itself' });
    await expect(send('math:fail', 'empty')).rejects.toEqual({ name: 'Error', message: '""' });
    await expect(send('math:impossible', {})).rejects.toMatchObject({ name: 'PayloadError' });
    await broker.whenIdle();
    const { rocketmq_consume_retry_messages_total: retries } = await broker.metrics();
    expect(retries.values.every(({ value }) => value === 0)).toBe(true);
  });

  it('carries headers of a RocketMessage', async () => {
    expect(await send('math:echo', new RocketMessage('x', { KEYS: 'k1 k2' }))).toEqual({ data: 'x', keys: 'k1 k2' });
  });

  it('handles a request handler’s message that nobody waits for as an event', async () => {
    await emit('math:echo', 'x');
    expect(calls.of('echo')).toEqual([{ handler: 'echo', data: 'x', attempt: 1 }]);
  });

  it('refuses patterns that are no destination', async () => {
    await expect(send({ cmd: 'sum' }, 1)).rejects.toMatchObject({ code: 'PATTERN_ILLEGAL' });
    await expect(lastValueFrom(client.emit('', 1))).rejects.toMatchObject({ code: 'PATTERN_ILLEGAL' });
    const server = new RocketServer({ engine: broker, consumerGroup: 'g' });
    // What selects several tags is no tag of a message, so nothing could be found by it.
    for (const pattern of [{ cmd: 'sum' }, 'orders:*', 'orders:a||b', 'orders: a', { topic: 'orders:a', tag: 'b' }]) {
      expect(() => server.addHandler(pattern, () => Promise.resolve())).toThrow(
        expect.objectContaining({ code: 'PATTERN_ILLEGAL' }) as Error,
      );
    }
  });

  it('fails the start when the engine refuses a topic', async () => {
    const server = new RocketServer({ engine: broker, consumerGroup: 'g' });
    server.addHandler('no topic', () => Promise.resolve(), true);
    expect(await listening(server)).toMatchObject({ code: 'NAME_ILLEGAL' });
  });

  it('is one member of its group, which leaves with it, however often it is told to listen', async () => {
    const server = new RocketServer({ engine: broker, consumerGroup: 'g' });
    server.addHandler('t', () => Promise.resolve(), true);
    await Promise.all([listening(server), listening(server)]);
    expect(broker.admin.groups.members('g')).toHaveLength(1);
    await server.close();
    const again = listening(server);
    await server.close();
    await again;
    expect(broker.admin.groups.members('g')).toEqual([]);
  });

  it('logs what a hook at the end of a handler throws', async () => {
    const server = new RocketServer({ engine: broker, consumerGroup: 'g' });
    server.addHandler('t', () => Promise.resolve(), true);
    server.setOnProcessingEndHook(() => {
      throw new Error('no span');
    });
    await listening(server);
    await emit('t', 'x');
    expect(log.matching(/hook at the end of a handler threw: no span/)).toHaveLength(1);
    await server.close();
  });

  it('tells of failures until it is closed, and logs the rejection of who is told', async () => {
    const server = new RocketServer({ engine: broker, consumerGroup: 'g' });
    let heard = 0;
    const alarm: () => unknown = () => {
      heard++;
      return Promise.reject(new Error('no alarm'));
    };
    server.on('handlerFailed', alarm);
    await listening(server);
    await emit('payments:failed', 'x');
    await server.close();
    await emit('payments:failed', 'y');
    expect(heard).toBe(1);
    expect(log.matching(/no alarm/)).toHaveLength(1);
  });

  it('lets a request time out that nobody answers', async () => {
    const impatient = new RocketClient({ engine: broker, timeoutMs: 20 });
    await expect(lastValueFrom(impatient.send('nobody', 1))).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });
});

describe('a RocketServer with a broker of its own', () => {
  const open = async (
    options: Partial<RocketServerOptions>,
  ): Promise<{ server: RocketServer; close(): Promise<void>; calls: Calls }> => {
    const server = new RocketServer({ consumerGroup: 'shop', ...options });
    const module = await Test.createTestingModule({ controllers: [OrderController], providers: [Calls] })
      .setLogger(new LogLines())
      .compile();
    const service = module.createNestMicroservice<MicroserviceOptions>({ strategy: server, logger: new LogLines() });
    await service.listen();
    return { server, close: () => service.close(), calls: service.get(Calls) };
  };

  it('starts it, tells of its failures, and closes it with what it has not handled', async () => {
    const clock = new ManualClock();
    const environment = { clock, fileSystem: new MemoryFileSystem({ clock }), logger: new SilentLogger() };
    const broker = { store: { path: '/store' } };
    const first = await open({ broker, environment });
    const failures: string[] = [];
    first.server.on('handlerFailed', ({ topic }) => failures.push(topic));
    const client = new RocketClient({ engine: first.server.unwrap() });
    await lastValueFrom(client.emit('payments:failed', 'x'));
    await first.server.unwrap<EmbeddedBroker>().whenIdle();
    expect(failures).toEqual(['payments']);
    await first.close();
    await expect(lastValueFrom(client.emit('orders', 1))).rejects.toMatchObject({ code: 'STORE_CLOSED' });

    const second = await open({ broker, environment });
    await clock.advance(10_000, () => second.server.unwrap<EmbeddedBroker>().whenIdle());
    expect(second.calls.of('failed')).toEqual([{ handler: 'failed', data: 'x', attempt: 2 }]);
    await second.close();
  });

  it('calls all handlers of an event again when one of them asks for it, or fails beside one that gives nothing', async () => {
    const clock = new ManualClock();
    const environment = { clock, fileSystem: new MemoryFileSystem({ clock }), logger: new SilentLogger() };
    const service = await open({ broker: { store: { path: '/store' } }, environment });
    const broker = service.server.unwrap<EmbeddedBroker>();
    await lastValueFrom(new RocketClient({ engine: broker }).emit('shared:later', 'x'));
    await broker.whenIdle();
    await clock.advance(10_000, () => broker.whenIdle());
    await clock.advance(30_000, () => broker.whenIdle());
    const attempts = (handler: string): number[] => service.calls.of(handler).map(({ attempt }) => attempt);
    expect([attempts('asks'), attempts('fails')]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    await service.close();
  });

  it('closes it when its handlers have ended, also when it is told to a second time', async () => {
    const environment = { logger: new SilentLogger() };
    const server = new RocketServer({ consumerGroup: 'g', broker: { store: { type: 'memory' } }, environment });
    const broker = server.unwrap<EmbeddedBroker>();
    const [begun, gate] = [new Gate(), new Gate()];
    let sent: unknown;
    const handler = async (): Promise<void> => {
      begun.open();
      await gate.opened;
      sent = await broker.send({ topic: 'other', body: Buffer.from('x') });
    };
    server.addHandler('t', handler, true);
    await listening(server);
    await broker.send({ topic: 't', body: Buffer.from('x') });
    await begun.opened;
    const first = server.close();
    await new Promise((resolve) => setImmediate(resolve));
    const second = server.close();
    await new Promise((resolve) => setImmediate(resolve));
    gate.open();
    await Promise.all([first, second]);
    expect(sent).toMatchObject({ sendStatus: 'SEND_OK' });
  });

  it('says so when a retried message has no handler any more', async () => {
    const clock = new ManualClock();
    const engine = new EmbeddedBroker({ store: { type: 'memory' } }, { clock, logger: new SilentLogger() });
    await engine.start();
    const reasons: string[] = [];
    const serve = async (...patterns: string[]): Promise<RocketServer> => {
      const server = new RocketServer({ consumerGroup: 'g', engine });
      for (const pattern of patterns) server.addHandler(pattern, () => Promise.reject(new Error('not yet')), true);
      server.on('handlerFailed', ({ error }) => reasons.push((error as Error).message));
      await listening(server);
      return server;
    };
    const first = await serve('t:a', 't:b');
    await engine.send({ topic: 't', tags: 'b', body: Buffer.from('x') });
    await engine.whenIdle();
    await first.close();
    const second = await serve('t:a');
    await clock.advance(10_000, () => engine.whenIdle());
    expect(reasons).toEqual(['not yet', expect.stringMatching(/no listener "t:b".*t:a/)]);
    await second.close();
    await engine.close();
  });

  it('takes either an engine or options for one', () => {
    const engine = new EmbeddedBroker({ store: { type: 'memory' } });
    expect(() => new RocketServer({ consumerGroup: 'g', engine, broker: {} })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
    );
    expect(() => new RocketClient({ engine: undefined as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }) as Error,
    );
  });
});
