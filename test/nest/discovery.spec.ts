import { Controller, Global, Injectable, Module, Scope, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { MessageListener, TransactionListener, type MessageListenerOptions } from '../../lib/decorators/index.js';
import type { MessageExt } from '../../lib/engine/index.js';
import { ListenerInvalidError, ListenerOptionError, UnknownOptionError } from '../../lib/errors/index.js';
import { HandlerPipelines } from '../../lib/execution/index.js';
import type { ListenerDefinition } from '../../lib/listener/listener-definition.js';
import { ListenerMetadataAccessor } from '../../lib/listener/listener-metadata.accessor.js';
import { ListenerExplorer } from '../../lib/listener/listener.explorer.js';
import { RocketDiscovery } from '../../lib/rocket.discovery.js';
import { resolveRocketOptions } from '../../lib/rocket.options.js';
import { ROCKET_RESOLVED_OPTIONS, ROCKET_STORE_NAME } from '../../lib/rocket.tokens.js';
import type { TransactionListenerDefinition } from '../../lib/transaction/transaction-listener-definition.js';
import { TransactionListenerExplorer } from '../../lib/transaction/transaction-listener.explorer.js';

@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    RocketDiscovery,
    HandlerPipelines,
    ListenerMetadataAccessor,
    ListenerExplorer,
    TransactionListenerExplorer,
    { provide: ROCKET_STORE_NAME, useValue: 'default' },
    { provide: ROCKET_RESOLVED_OPTIONS, useValue: resolveRocketOptions({}) },
  ],
  exports: [ListenerExplorer, TransactionListenerExplorer],
})
class ExplorerModule {}

interface AppParts {
  readonly providers?: Provider[];
  readonly controllers?: Type[];
  readonly imports?: Type[];
}

async function explore(parts: AppParts): Promise<readonly ListenerDefinition[]> {
  const app = await Test.createTestingModule({
    ...parts,
    imports: [ExplorerModule, ...(parts.imports ?? [])],
  }).compile();
  return app.get(ListenerExplorer).explore();
}

async function exploreTransactions(...providers: Provider[]): Promise<readonly TransactionListenerDefinition[]> {
  const app = await Test.createTestingModule({ imports: [ExplorerModule], providers }).compile();
  return app.get(TransactionListenerExplorer).explore('shop');
}

const topicsOf = (found: readonly ListenerDefinition[]): string[] =>
  found.map((listener) => listener.options.topic).toSorted();

const message = { topic: 'orders' } as MessageExt;

@Injectable()
@MessageListener({ topic: 'orders', consumerGroup: 'billing' })
class OrderListener {
  readonly seen: unknown[] = [];

  onMessage(payload: unknown, from: MessageExt): string {
    this.seen.push(payload, from);
    return 'done';
  }
}

describe('message listeners are found', () => {
  it('in providers, and called on their instance', async () => {
    const listener = new OrderListener();
    const [found, ...others] = await explore({ providers: [{ provide: OrderListener, useValue: listener }] });
    expect(others).toEqual([]);
    expect(found?.name).toBe('OrderListener (of RootTestModule)');
    expect(found?.invoke('payload', message)).toBe('done');
    expect(listener.seen).toEqual(['payload', message]);
  });

  it('with the defaults of RocketMQ', async () => {
    const [found] = await explore({ providers: [OrderListener] });
    expect(found?.options).toEqual({
      id: 'orders@billing',
      topic: 'orders',
      consumerGroup: 'billing',
      selector: { type: 'TAG', expression: '*' },
      consumeTimeoutMs: 15 * 60_000,
      batchSize: 1,
      isBatch: false,
      consumeMode: 'CONCURRENTLY',
      messageModel: 'CLUSTERING',
      concurrency: 20,
      maxReconsumeTimes: -1,
      delayLevelWhenNextConsume: 0,
      suspendCurrentQueueTimeMs: 1000,
      consumeFromWhere: 'CONSUME_FROM_LAST_OFFSET',
      consumeTimestampMs: undefined,
      pullThresholdForQueue: 1000,
      pullThresholdSizeForQueueBytes: 104_857_600,
      payloadType: undefined,
      replies: false,
      onUnreadablePayload: 'RETRY',
      onInvalidPayload: 'DEAD_LETTER',
      onForbidden: 'DEAD_LETTER',
    });
  });

  it('in controllers, and in modules that are imported', async () => {
    @Controller()
    @MessageListener({ topic: 'from-controller', consumerGroup: 'g' })
    class OrderController {
      onMessage(): void {}
    }
    @Module({ providers: [OrderListener] })
    class BillingModule {}
    const found = await explore({ controllers: [OrderController], imports: [BillingModule] });
    expect(topicsOf(found)).toEqual(['from-controller', 'orders']);
    expect(found.map((listener) => listener.name)).toContain('OrderListener (of BillingModule)');
  });

  it('by their class when they come from useFactory, under a token, also from an async factory', async () => {
    const providers = [
      { provide: 'a', useFactory: (): OrderListener => new OrderListener() },
      { provide: 'b', useFactory: (): Promise<OrderListener> => Promise.resolve(new OrderListener()) },
    ];
    expect(await explore({ providers })).toHaveLength(2);
  });

  it('once, also when an alias or a factory gives the same instance under another token', async () => {
    const providers = [
      OrderListener,
      { provide: 'alias', useExisting: OrderListener },
      { provide: 'factory', useFactory: (listener: OrderListener): OrderListener => listener, inject: [OrderListener] },
    ];
    expect(await explore({ providers })).toHaveLength(1);
  });

  it('twice when two modules provide the class: these are two instances', async () => {
    @Module({ providers: [OrderListener] })
    class FirstModule {}
    @Module({ providers: [OrderListener] })
    class SecondModule {}
    const found = await explore({ imports: [FirstModule, SecondModule] });
    expect(found.map((listener) => listener.name).toSorted()).toEqual([
      'OrderListener (of FirstModule)',
      'OrderListener (of SecondModule)',
    ]);
  });

  it('at methods, at several of one class, and several at one', async () => {
    class ShopEvents {
      readonly name = 'shop';

      @MessageListener({ topic: 'created', consumerGroup: 'g' })
      @MessageListener({ topic: 'changed', consumerGroup: 'g' })
      onOrder(payload: unknown): string {
        return `${this.name}: ${String(payload)}`;
      }

      @MessageListener({ topic: 'paid', consumerGroup: 'g' })
      onPaid(): void {}

      notDecorated(): void {}
    }
    const found = await explore({ providers: [ShopEvents] });
    expect(topicsOf(found)).toEqual(['changed', 'created', 'paid']);
    expect(found.map((listener) => listener.name)).toEqual([
      'ShopEvents.onOrder (of RootTestModule)',
      'ShopEvents.onOrder (of RootTestModule)',
      'ShopEvents.onPaid (of RootTestModule)',
    ]);
    expect(found[0]?.invoke('x', message)).toBe('shop: x');
  });

  it('several times at one class', async () => {
    @MessageListener({ topic: 'a', consumerGroup: 'g' })
    @MessageListener({ topic: 'b', consumerGroup: 'g' })
    class Twice {
      onMessage(): void {}
    }
    expect(topicsOf(await explore({ providers: [Twice] }))).toEqual(['a', 'b']);
  });

  it('in the parent of a class, unless the class is decorated itself', async () => {
    class Inheriting extends OrderListener {}
    @MessageListener({ topic: 'own', consumerGroup: 'g' })
    class Replacing extends OrderListener {}
    class Base {
      @MessageListener({ topic: 'inherited-method', consumerGroup: 'g' })
      onEvent(): void {}
    }
    class Derived extends Base {}
    const found = await explore({ providers: [Inheriting, Replacing, Derived] });
    expect(topicsOf(found)).toEqual(['inherited-method', 'orders', 'own']);
  });

  it('beside providers that are no objects, or objects without a class', async () => {
    const values = [1, 'text', null, undefined, Object.create(null), (): void => undefined, OrderListener];
    const providers = values.map((useValue: unknown, index) => ({ provide: `value${index}`, useValue }));
    expect(await explore({ providers })).toEqual([]);
  });

  it('without looking at getters', async () => {
    class Costly {
      get value(): number {
        throw new Error('a getter was called');
      }
    }
    expect(await explore({ providers: [Costly] })).toEqual([]);
  });

  it('and a spy that a test sets on the instance is called', async () => {
    const listener = new OrderListener();
    const [found] = await explore({ providers: [{ provide: 'x', useValue: listener }] });
    listener.onMessage = (): string => 'spied';
    expect(found?.invoke('x', message)).toBe('spied');
  });
});

describe('a listener keeps the app from starting', () => {
  it('when its class has no onMessage', async () => {
    // The types refuse it as well; JavaScript does not.
    const decorate = MessageListener({ topic: 'orders', consumerGroup: 'g' }) as (target: object) => void;
    class Forgetful {
      readonly forgets = 'onMessage';
    }
    decorate(Forgetful);
    const starting = explore({ providers: [Forgetful] });
    await expect(starting).rejects.toThrow(ListenerInvalidError);
    await expect(starting).rejects.toThrow(/^Forgetful \(of RootTestModule\) .*onMessage/);
  });

  it('when it is transient', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    @MessageListener({ topic: 'orders', consumerGroup: 'g' })
    class Scoped {
      onMessage(): void {}
    }
    await expect(explore({ providers: [Scoped] })).rejects.toThrow(
      'Scoped (of RootTestModule) can not be a listener: it is transient',
    );
  });

  it('when a factory makes it anew for each who injects it', async () => {
    const useFactory = (): OrderListener => new OrderListener();
    const provider = { provide: OrderListener, useFactory, scope: Scope.TRANSIENT };
    await expect(explore({ providers: [provider] })).rejects.toThrow(/^OrderListener .* it is transient/);
  });

  it('when its method is a generator, which nobody would run', async () => {
    class Reader {
      @MessageListener({ topic: 'orders', consumerGroup: 'g' })
      async *read(): AsyncGenerator<void> {
        yield await Promise.resolve();
      }
    }
    await expect(explore({ providers: [Reader] })).rejects.toThrow(/^Reader\.read .* its method read is a generator/);
  });

  it('when it is request-scoped and has no onMessage', async () => {
    class Forgetful {
      readonly forgets = 'onMessage';
    }
    (MessageListener({ topic: 'orders', consumerGroup: 'g' }) as (target: object) => void)(Forgetful);
    Injectable({ scope: Scope.REQUEST })(Forgetful);
    await expect(explore({ providers: [Forgetful] })).rejects.toThrow(/^Forgetful \(of RootTestModule\) .*onMessage/);
  });

  it.each<[string, object, RegExp]>([
    ['no topic', { topic: undefined }, /^Option topic of Wrong \(of RootTestModule\) is undefined, but must be/],
    ['an empty topic', { topic: '' }, /Option topic of Wrong .* is "", but must be the name of a topic/],
    ['an illegal topic', { topic: 'a b' }, /Option topic of Wrong .* is "a b"/],
    ['no group', { consumerGroup: undefined }, /Option consumerGroup of Wrong .* is undefined/],
    ['an illegal group', { consumerGroup: 'a:b' }, /Option consumerGroup of Wrong .* is "a:b"/],
    ['no concurrency', { concurrency: 0 }, /Option concurrency of Wrong .* is 0, but must be a whole number from 1/],
    ['an unknown mode', { consumeMode: 'ORDERED' }, /consumeMode .* is "ORDERED".*'CONCURRENTLY' or 'ORDERLY'/],
    ['an unknown model', { messageModel: 'ALL' }, /messageModel .* is "ALL"/],
    ['an unknown selector', { selectorType: 'SQL' }, /selectorType .* is "SQL"/],
    ['a blank selector', { selectorExpression: ' ' }, /selectorExpression .* is " "/],
    ['too few retries', { maxReconsumeTimes: -2 }, /maxReconsumeTimes .* is -2/],
    ['delay level 19', { delayLevelWhenNextConsume: 19 }, /delayLevelWhenNextConsume .* is 19, .*from -1 to 18/],
    ['too short a pause', { suspendCurrentQueueTimeMs: 9 }, /suspendCurrentQueueTimeMs .* is 9, .*from 10 to 30000/],
    ['an unknown start', { consumeFromWhere: 'FIRST' }, /consumeFromWhere .* is "FIRST"/],
    ['a timestamp without a use', { consumeTimestampMs: 5 }, /consumeTimestampMs .* left out unless/],
    ['a threshold of 0', { pullThresholdForQueue: 0 }, /pullThresholdForQueue .* is 0/],
    ['an unknown refusal', { onInvalidPayload: 'DROP' }, /onInvalidPayload .* is "DROP".*'DEAD_LETTER' or 'RETRY'/],
    ['an unknown refusal by guards', { onForbidden: 'DROP' }, /onForbidden .* is "DROP"/],
    ['a payload type by name', { payloadType: 'Order' }, /payloadType .* is "Order"/],
    ['a list of two payload types', { payloadType: [String, Number] }, /payloadType .*must be a class/],
    ['orderly broadcasting', { consumeMode: 'ORDERLY', messageModel: 'BROADCASTING' }, /consumeMode .* is "ORDERLY"/],
  ])('with %s', async (_what, options, text) => {
    @MessageListener({ topic: 'orders', consumerGroup: 'g', ...options })
    class Wrong {
      onMessage(): void {}
    }
    const starting = explore({ providers: [Wrong] });
    await expect(starting).rejects.toThrow(ListenerOptionError);
    await expect(starting).rejects.toThrow(text);
  });

  it('with an option that does not exist, naming the one that may be meant', async () => {
    const options = { topic: 'orders', consumerGroup: 'g', selectorExpresion: 'paid' };
    @MessageListener(options)
    class Mistyped {
      onMessage(): void {}
    }
    const starting = explore({ providers: [Mistyped] });
    await expect(starting).rejects.toThrow(UnknownOptionError);
    await expect(starting).rejects.toThrow(
      /@MessageListener of Mistyped .*selectorExpresion.*Did you mean selectorExpression\?/,
    );
  });
});

describe('a method can not be decorated', () => {
  const decorator = MessageListener({ topic: 'orders', consumerGroup: 'g' });
  const descriptor = { value: (): void => undefined };

  it.each<[string, () => void]>([
    ['when it is static', (): void => decorator(OrderListener, 'onMessage', descriptor)],
    ['when its name is a symbol', (): void => decorator(OrderListener.prototype, Symbol('on'), descriptor)],
    ['when it is a property', (): void => decorator(OrderListener.prototype, 'seen', { value: 1 })],
  ])('%s', (_when, decorate) => {
    expect(decorate).toThrow(ListenerInvalidError);
  });
});

it.each([undefined, null, 'orders'])(
  'options of a listener can not be %p, and the error names the class',
  (options) => {
    const decorator = MessageListener(options as unknown as MessageListenerOptions);
    expect(() => decorator(OrderListener)).toThrow(/^Option options of OrderListener is .*, but must be an object/);
    const descriptor = { value: (): void => undefined };
    expect(() => decorator(OrderListener.prototype, 'onMessage', descriptor)).toThrow(/of OrderListener\.onMessage is/);
  },
);

describe('transaction listeners are found', () => {
  @TransactionListener({ topic: ['fees', 'refunds'], producerGroup: 'payments', payloadType: String })
  class FeeListener {
    executeLocalTransaction(): 'COMMIT' {
      return 'COMMIT';
    }

    checkLocalTransaction(): 'ROLLBACK' {
      return 'ROLLBACK';
    }
  }

  @TransactionListener()
  class DefaultListener extends FeeListener {}

  it('with what they are bound to', async () => {
    expect(await exploreTransactions(FeeListener)).toMatchObject([
      {
        name: 'FeeListener (of RootTestModule)',
        topics: ['fees', 'refunds'],
        producerGroup: 'payments',
        payloadType: String,
      },
    ]);
  });

  it('and bound to the producer group of the app when nothing else is said', async () => {
    expect(await exploreTransactions(DefaultListener)).toMatchObject([{ topics: [], producerGroup: 'shop' }]);
  });

  it.each<[string, object]>([
    ['an illegal topic', { topic: 'a b' }],
    ['an empty list of topics', { topic: [] }],
    ['an illegal topic in a list', { topic: ['a', ''] }],
    ['an illegal group', { producerGroup: 'DEFAULT_PRODUCER' }],
    ['a payload type that is none', { payloadType: {} }],
  ])('and refused with %s', async (_what, options) => {
    @TransactionListener(options)
    class Wrong extends FeeListener {}
    const starting = exploreTransactions(Wrong);
    await expect(starting).rejects.toThrow(ListenerOptionError);
    await expect(starting).rejects.toThrow(/of Wrong \(of RootTestModule\)/);
  });

  it('and refused with an option that does not exist', async () => {
    const options = { topics: 'fees' };
    @TransactionListener(options as object)
    class Wrong extends FeeListener {}
    await expect(exploreTransactions(Wrong)).rejects.toThrow(/topics.*Did you mean topic\?/);
  });

  it('and refused when a method is missing, or when they are request-scoped', async () => {
    class Half {
      executeLocalTransaction(): void {}
    }
    (TransactionListener() as (target: object) => void)(Half);
    await expect(exploreTransactions(Half)).rejects.toThrow(/it has no method checkLocalTransaction/);
    @Injectable({ scope: Scope.REQUEST })
    @TransactionListener()
    class Scoped extends FeeListener {}
    await expect(exploreTransactions(Scoped)).rejects.toThrow(/it is request-scoped/);
  });
});
