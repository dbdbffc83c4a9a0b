import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import {
  ListenerIdTakenError,
  ListenerOptionError,
  ListenerRefusedError,
  ListenersEndedError,
  ListenerUnknownError,
  InvalidOptionError,
  MessageListener,
  RocketListenerRegistry,
  UnknownOptionError,
  type DynamicListenerHandle,
  type MessageExt,
  type MessageListenerOptions,
} from '../../lib/index.js';
import { failClosesOfConsumers, ManualWorld, type RocketApp } from './rocket-app.js';

class Keeping {
  readonly payloads: unknown[] = [];

  onMessage(payload: unknown): void {
    this.payloads.push(payload);
  }
}

@MessageListener({ topic: 'orders', consumerGroup: 'shop' })
class Orders extends Keeping {}
@MessageListener({ id: 'fee desk', topic: 'fees', consumerGroup: 'shop' })
class Fees extends Keeping {}

describe('the registry of listeners', () => {
  let world: ManualWorld;
  let app: RocketApp;
  let registry: RocketListenerRegistry;

  beforeEach(async () => {
    world = new ManualWorld();
    app = await world.start({ providers: [Orders, Fees] });
    registry = app.module.get(RocketListenerRegistry);
  });

  afterEach(() => app.close());

  const send = async (topic: string, ...payloads: string[]): Promise<void> => {
    for (const payload of payloads) await app.template.syncSend(topic, payload);
    await app.broker.whenIdle();
  };
  const seenBy = (type: typeof Keeping): unknown[] => app.module.get<Keeping>(type).payloads;

  describe('knows the decorated ones', () => {
    it('by their ids, which they may choose, and by what they consume', () => {
      expect(registry.list().map(({ id }) => id)).toEqual(['orders@shop', 'fee desk']);
      expect(registry.get('fee desk')).toMatchObject({ topic: 'fees', consumerGroup: 'shop' });
      expect(registry.get({ topic: 'orders', consumerGroup: 'shop' })).toBe(registry.get('orders@shop'));
      expect(registry.has('orders')).toBe(false);
    });

    it('and names those that there are when one is asked for that there is not', () => {
      expect(() => registry.get('orders')).toThrow(ListenerUnknownError);
      expect(() => registry.get(undefined as never)).toThrow(InvalidOptionError);
      expect(() => registry.get({ topic: 'orders', consumerGroup: 'x' })).toThrow(
        /no listener "orders@x".*orders@shop, fee desk/,
      );
    });

    it('and what each has done, and has still to do', async () => {
      await send('orders', 'a', 'b');
      await send('fees', 'c');
      expect(registry.status()).toMatchObject([
        { id: 'orders@shop', state: 'running', consumed: 2, failed: 0, running: 0, lag: 0, prefetched: 0 },
        { id: 'fee desk', state: 'running', consumed: 1 },
      ]);
      registry.get('orders@shop').pause();
      await send('orders', 'd', 'e', 'f');
      const status = registry.get('orders@shop').status();
      expect(status).toMatchObject({ state: 'paused', consumed: 2, lag: 3, prefetched: 3 });
      expect(status.queues).toHaveLength(4);
      expect(status.queues.every(({ topic }) => topic === 'orders')).toBe(true);
    });
  });

  it('pauses and resumes one listener of a group, and leaves the other alone', async () => {
    registry.get('orders@shop').pause();
    await send('orders', 'a');
    await send('fees', 'b');
    expect([seenBy(Orders), seenBy(Fees)]).toEqual([[], ['b']]);
    registry.get('orders@shop').resume();
    await app.broker.whenIdle();
    expect(seenBy(Orders)).toEqual(['a']);
  });

  it('pauses and resumes all', async () => {
    registry.pause();
    await send('orders', 'a');
    await send('fees', 'b');
    expect(registry.status().map(({ state }) => state)).toEqual(['paused', 'paused']);
    registry.resume();
    await app.broker.whenIdle();
    expect([seenBy(Orders), seenBy(Fees)]).toEqual([['a'], ['b']]);
  });

  describe('adds a listener', () => {
    const options = {
      topic: 'reports',
      consumerGroup: 'reports',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    } as const;

    it('that gets what a decorated one would get, until it is closed', async () => {
      const seen: [unknown, string][] = [];
      const handle = await registry.subscribe({ ...options, payloadType: Object }, (payload, { topic }) => {
        seen.push([payload, topic]);
      });
      await app.template.syncSend('reports', { no: 1 });
      await app.broker.whenIdle();
      expect(seen).toEqual([[{ no: 1 }, 'reports']]);
      expect(registry.get('reports@reports').status()).toMatchObject({ state: 'running', consumed: 1 });
      expect(await handle.close()).toBe(0);
      await send('reports', 'late');
      expect(seen).toHaveLength(1);
      expect(registry.has('reports@reports')).toBe(false);
      expect(handle.status()).toMatchObject({ state: 'closed', consumed: 1, queues: [] });
      // Its position is kept: the next one goes on there.
      const rest: unknown[] = [];
      await registry.subscribe(options, (payload) => rest.push(payload));
      await app.broker.whenIdle();
      expect(rest).toEqual(['late']);
    });

    it('that fails as often as its options allow', async () => {
      const attempts: number[] = [];
      const limits = { maxReconsumeTimes: 1, delayLevelWhenNextConsume: 1 };
      await registry.subscribe({ ...options, ...limits }, (_, { reconsumeTimes }) => {
        attempts.push(reconsumeTimes);
        throw new Error('no paper');
      });
      await send('reports', 'a');
      await world.pass(app, 60_000);
      expect(attempts).toEqual([0, 1]);
      expect(app.log.matching(/Attempt 2 .*no paper. It is not tried again/)).toHaveLength(1);
    });

    it('of batches', async () => {
      const batches: string[][] = [];
      await registry.subscribe<string>(
        { ...options, batchSize: 8 },
        (texts: string[], messages: MessageExt[]): number => {
          batches.push(texts);
          return messages.length;
        },
      );
      await send('reports', 'a');
      expect(batches).toEqual([['a']]);
    });

    it('that shares the messages of a group with a decorated one', async () => {
      const seen: unknown[] = [];
      const alone = { topic: 'fees', consumerGroup: 'other' };
      await registry.subscribe({ ...alone, id: 'first' }, (payload) => seen.push(payload));
      await registry.subscribe({ ...alone, id: 'second' }, (payload) => seen.push(payload));
      await send('fees', 'a', 'b', 'c', 'd');
      expect(seen.map(String).toSorted()).toEqual(['a', 'b', 'c', 'd']);
      const counts = ['first', 'second'].map((id) => registry.get(id).status().consumed);
      expect(counts).toEqual([2, 2]);
    });

    it('that can be paused, and closed by `await using`', async () => {
      const seen: unknown[] = [];
      {
        await using handle = await registry.subscribe(options, (payload) => seen.push(payload));
        handle.pause();
        await send('reports', 'a');
        expect(handle.status()).toMatchObject({ state: 'paused', lag: 1 });
        handle.resume();
        await app.broker.whenIdle();
      }
      expect(seen).toEqual(['a']);
      expect(registry.has('reports@reports')).toBe(false);
    });

    it.each<[string, MessageListenerOptions, new (...args: never[]) => Error]>([
      ['an illegal topic', { ...options, topic: 'no topic' }, ListenerOptionError],
      ['no group', { topic: 'reports' } as MessageListenerOptions, ListenerOptionError],
      ['an option that does not exist', { ...options, concurency: 2 } as never, UnknownOptionError],
      ['a batch size of 0', { ...options, batchSize: 0 }, ListenerOptionError],
      ['a timeout of 0', { ...options, consumeTimeoutMs: 0 }, ListenerOptionError],
      ['a blank id', { ...options, id: ' ' }, ListenerOptionError],
      ['no options', undefined as never, InvalidOptionError],
      ['the id of another', { ...options, id: 'fee desk' }, ListenerIdTakenError],
      [
        'a selector that can not be read',
        { ...options, selectorType: 'SQL92', selectorExpression: 'a >' },
        ListenerRefusedError,
      ],
      ['another subscription than its group has', { ...options, consumerGroup: 'shop' }, ListenerRefusedError],
    ])('not with %s', async (_, wrong, type) => {
      const before = registry.list().length;
      await expect(registry.subscribe(wrong, () => undefined)).rejects.toThrow(type);
      expect(registry.list()).toHaveLength(before);
    });

    it('not without a handler', async () => {
      await expect(registry.subscribe(options, undefined as never)).rejects.toThrow(InvalidOptionError);
    });

    it('not with a generator, which nobody would run', async () => {
      // eslint-disable-next-line no-empty-function -- its body does not matter
      await expect(registry.subscribe(options, function* () {})).rejects.toThrow(InvalidOptionError);
    });

    it('whose id is free when it is closed, also when that fails', async () => {
      const mend = failClosesOfConsumers(app.broker);
      const handle = await registry.subscribe(options, () => undefined);
      await expect(handle.close()).rejects.toThrow('the disk is gone');
      expect(registry.has('reports@reports')).toBe(false);
      mend();
      await registry.subscribe(options, () => undefined);
    });

    it('not with a negative time to close in', async () => {
      const handle = await registry.subscribe(options, () => undefined);
      await expect(handle.close({ timeoutMs: -1 })).rejects.toThrow(InvalidOptionError);
    });
  });
});

describe('a listener from code, at the ends of the app,', () => {
  const options = { topic: 'reports', consumerGroup: 'reports' };

  it('is waited for at shutdown, and can not be added any more after it', async () => {
    const world = new ManualWorld();
    const app = await world.start({ providers: [Orders] });
    const registry = app.module.get(RocketListenerRegistry);
    const running: (() => void)[] = [];
    const ended: string[] = [];
    await registry.subscribe(options, async (text) => {
      await new Promise<void>((resolve) => running.push(resolve));
      ended.push(String(text));
    });
    await app.template.syncSend('reports', 'a');
    while (running.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closing = app.close();
    while (registry.status().some(({ state }) => state !== 'closed'))
      await new Promise((resolve) => setImmediate(resolve));
    await expect(registry.subscribe({ ...options, id: 'late' }, () => undefined)).rejects.toThrow(ListenersEndedError);
    running[0]?.();
    await closing;
    expect(ended).toEqual(['a']);
    expect(registry.status().map(({ state }) => state)).toEqual(['closed', 'closed']);
  });

  it('that is still joining its group when the app closes is closed with it', async () => {
    const world = new ManualWorld();
    const app = await world.start({});
    const registry = app.module.get(RocketListenerRegistry);
    const subscribing = registry.subscribe(options, () => undefined).catch((error: unknown) => error);
    await app.close();
    expect(await subscribing).toBeInstanceOf(ListenersEndedError);
  });

  it('waits for the app to have started, and keeps a pause from before', async () => {
    const seen: string[] = [];

    @Injectable()
    class Early implements OnModuleInit, OnApplicationBootstrap {
      handle!: DynamicListenerHandle;
      stateAtStart: string | undefined;

      constructor(readonly registry: RocketListenerRegistry) {}

      async onModuleInit(): Promise<void> {
        this.handle = await this.registry.subscribe(options, (text) => seen.push(String(text)));
        this.registry.get('orders@shop').pause();
      }

      onApplicationBootstrap(): void {
        this.stateAtStart = this.handle.status().state;
      }
    }

    const world = new ManualWorld();
    // The classes of tests are compiled without the metadata of their constructors.
    const early = {
      provide: Early,
      useFactory: (registry: RocketListenerRegistry) => new Early(registry),
      inject: [RocketListenerRegistry],
    };
    const app = await world.start({ providers: [Orders, early] });
    expect(app.module.get(Early).stateAtStart).toBe('waiting');
    await app.template.syncSend('reports', 'a');
    await app.template.syncSend('orders', 'b');
    await app.broker.whenIdle();
    expect(seen).toEqual(['a']);
    expect(app.module.get(RocketListenerRegistry).get('orders@shop').status()).toMatchObject({
      state: 'paused',
      lag: 1,
    });
    expect(app.module.get(Orders).payloads).toEqual([]);
    await app.close();
  });
});

describe('two decorated listeners', () => {
  it('may not have one id', async () => {
    @MessageListener({ id: 'desk', topic: 'a', consumerGroup: 'a' })
    class First extends Keeping {}
    @MessageListener({ id: 'desk', topic: 'b', consumerGroup: 'b' })
    class Second extends Keeping {}
    await expect(new ManualWorld().start({ providers: [First, Second] })).rejects.toThrow(ListenerIdTakenError);
  });
});
