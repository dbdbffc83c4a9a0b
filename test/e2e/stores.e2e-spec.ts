import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  InjectRocketTemplate,
  InvalidOptionError,
  ListenerOptionError,
  MessageListener,
  ROCKET_ENGINE,
  RocketAdmin,
  RocketListenerRegistry,
  RocketModule,
  RocketTemplate,
  TransactionListener,
  UnknownOptionError,
  getRocketStoreToken,
  getRocketTemplateToken,
  type EmbeddedBroker,
  type RocketFeatureOptions,
} from '../../lib/index.js';
import { LogLines, compileApp, startApp, type AppParts } from './rocket-app.js';

const memory = { store: { type: 'memory' as const } };

class Heard {
  readonly words: string[] = [];
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

describe('several stores in one app', () => {
  @MessageListener({ topic: 'events', consumerGroup: 'g' })
  class DefaultListener {
    constructor(private readonly heard: Heard) {}

    onMessage(payload: string): void {
      this.heard.words.push(`default ${payload}`);
    }
  }

  @MessageListener({ topic: 'events', consumerGroup: 'g', store: 'audit' })
  class AuditListener {
    constructor(private readonly heard: Heard) {}

    onMessage(payload: string): void {
      this.heard.words.push(`audit ${payload}`);
    }
  }

  @Injectable()
  class Sender {
    constructor(
      readonly template: RocketTemplate,
      @InjectRocketTemplate('audit') readonly audit: RocketTemplate,
    ) {}
  }

  const audit = RocketModule.forRoot({ ...memory, name: 'audit' });

  it('have templates, listeners and parts of their own', async () => {
    const providers = [Heard, DefaultListener, AuditListener, Sender];
    const app = await startApp({ options: memory, imports: [audit], providers });
    const sender = app.module.get(Sender);
    await sender.template.convertAndSend('events', 'a');
    await sender.audit.convertAndSend('events', 'b');
    const auditBroker = app.module.get<EmbeddedBroker>(getRocketStoreToken(ROCKET_ENGINE, 'audit'));
    const defaultBroker = app.module.get<EmbeddedBroker>(getRocketStoreToken(ROCKET_ENGINE, 'default'));
    await defaultBroker.whenIdle();
    await auditBroker.whenIdle();
    expect(app.module.get(Heard).words.toSorted()).toEqual(['audit b', 'default a']);
    expect(auditBroker).not.toBe(defaultBroker);
    expect(app.module.get(getRocketTemplateToken())).toBe(sender.template);
    expect(app.module.get(RocketTemplate)).toBe(sender.template);
    expect(app.module.get(RocketAdmin)).toBe(app.module.get(getRocketStoreToken(RocketAdmin, 'default')));
    expect(app.module.get(getRocketStoreToken(RocketAdmin, 'audit'))).toBeInstanceOf(RocketAdmin);
    await app.close();
  });

  it('may all have a name, from options that are made at start', async () => {
    const rocket = RocketModule.forRootAsync({ name: 'audit', useFactory: () => memory });
    const { module } = await compileApp({ rocket, providers: [Heard, AuditListener] });
    await module.init();
    await module.get<RocketTemplate>(getRocketTemplateToken('audit')).convertAndSend('events', 'c');
    await module.get<EmbeddedBroker>(getRocketStoreToken(ROCKET_ENGINE, 'audit')).whenIdle();
    expect(module.get(Heard).words).toEqual(['audit c']);
    await module.close();
  });

  it('are refused when two have the same name, or none', async () => {
    const error = await refusal({ options: memory, imports: [RocketModule.forRoot(memory)] });
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toMatch(/^Option name is "default", but must be different for each RocketModule.forRoot/);
    expect(() => RocketModule.forRoot({ ...memory, name: 'a b' })).toThrow(InvalidOptionError);
  });

  it('take listeners from code by their own registries alone', async () => {
    const app = await startApp({ options: memory, imports: [audit] });
    const subscribe = (registry: RocketListenerRegistry, id: string): Promise<unknown> =>
      registry.subscribe({ topic: 'events', consumerGroup: id, store: 'audit' }, () => undefined);
    await expect(subscribe(app.module.get(RocketListenerRegistry), 'a')).rejects.toThrow(ListenerOptionError);
    await subscribe(app.module.get(getRocketStoreToken(RocketListenerRegistry, 'audit')), 'b');
    await app.close();
  });

  it('keep the app from starting when a listener names one that is not there', async () => {
    @TransactionListener({ topic: 'fees', store: 'payments' })
    class Fees {
      executeLocalTransaction(): 'COMMIT' {
        return 'COMMIT';
      }

      checkLocalTransaction(): 'COMMIT' {
        return 'COMMIT';
      }
    }
    for (const [provider, store] of [
      [AuditListener, 'audit'],
      [Fees, 'payments'],
    ] as const) {
      const error = await refusal({ options: memory, providers: [Heard, provider] });
      expect(error).toBeInstanceOf(ListenerOptionError);
      expect(error.message).toContain(`is "${store}", but must be the name of a store of the app: default`);
    }
    const error = await refusal({ rocket: audit, providers: [Heard, DefaultListener] });
    expect(error.message).toMatch(/^Option store of DefaultListener .* is undefined, .*: audit/);
  });
});

describe('a template with a name', () => {
  @TransactionListener({ producerGroup: 'payments' })
  class Payments {
    executeLocalTransaction(): 'COMMIT' {
      return 'COMMIT';
    }

    checkLocalTransaction(): 'COMMIT' {
      return 'COMMIT';
    }
  }

  it('has producer options of its own, in the modules that import it', async () => {
    @Injectable()
    class PaymentService {
      constructor(@InjectRocketTemplate('payments') readonly template: RocketTemplate) {}
    }
    @Module({
      imports: [RocketModule.forFeature({ name: 'payments', producer: { group: 'payments' } })],
      providers: [PaymentService, Payments],
    })
    class PaymentModule {}
    const app = await startApp({ options: memory, imports: [PaymentModule] });
    const { template } = app.module.get(PaymentService);
    expect((await template.sendMessageInTransaction('fees', 1)).localTransactionState).toBe('COMMIT');
    await expect(app.template.sendMessageInTransaction('fees', 1)).rejects.toThrow(/nestjs-rocket/);
    expect(app.log.matching(/Payments .* decides transactions of producer group "payments"/)).toHaveLength(1);
    await app.close();
  });

  it('can send to a store with a name', async () => {
    const imports = [
      RocketModule.forRoot({ ...memory, name: 'audit' }),
      RocketModule.forFeature({ name: 'slow', store: 'audit', producer: { sendMessageTimeoutMs: 60_000 } }),
    ];
    const app = await startApp({ options: memory, imports });
    const sent = await app.module.get<RocketTemplate>(getRocketTemplateToken('slow')).syncSend('events', 'x');
    const admin = app.module.get<RocketAdmin>(getRocketStoreToken(RocketAdmin, 'audit'));
    const { queueId } = sent.messageQueue;
    expect((await admin.messages.at('events', queueId, sent.queueOffset))?.msgId).toBe(sent.msgId);
    await app.close();
  });

  it.each<[string, object, new (...args: never[]) => Error]>([
    ['no options', undefined as never, InvalidOptionError],
    ['no name', {}, InvalidOptionError],
    ['the name of the template without one', { name: 'default' }, InvalidOptionError],
    ['an option that does not exist', { name: 'x', producr: {} }, UnknownOptionError],
    ['a store that can not be', { name: 'x', store: '' }, InvalidOptionError],
  ])('is refused with %s', (_what, options, type) => {
    expect(() => RocketModule.forFeature(options as RocketFeatureOptions)).toThrow(type);
  });
});

it('a template with the name of a store keeps the app from starting: one of the two would be sent to by mistake', async () => {
  const imports = [RocketModule.forRoot({ ...memory, name: 'audit' }), RocketModule.forFeature({ name: 'audit' })];
  const error = await refusal({ options: memory, imports });
  expect(error).toBeInstanceOf(InvalidOptionError);
  expect(error.message).toContain(
    'name of RocketModule.forFeature is "audit", but must be another than that of a store: default, audit',
  );
});

describe('a module that is not global', () => {
  it('gives its parts to those that import it', async () => {
    const rocket = RocketModule.forRoot({ ...memory, isGlobal: false });
    @Injectable()
    class Sender {
      constructor(readonly template: RocketTemplate) {}
    }
    @Module({ imports: [rocket], exports: [rocket] })
    class MessagingModule {}
    @Module({ imports: [MessagingModule], providers: [Sender] })
    class Inside {}
    @Module({ providers: [Sender] })
    class Outside {}
    const app = await Test.createTestingModule({ imports: [Inside] })
      .setLogger(new LogLines())
      .compile();
    await app.init();
    await app.get(Sender).template.convertAndSend('events', 'x');
    await app.close();
    const broken = Test.createTestingModule({ imports: [MessagingModule, Outside] }).setLogger(new LogLines());
    await expect(broken.compile()).rejects.toThrow(/can't resolve dependencies of the Sender .*RocketTemplate/);
  });
});
