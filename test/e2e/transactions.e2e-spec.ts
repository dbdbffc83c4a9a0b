import { EventEmitter, once } from 'node:events';
import {
  EmbeddedBroker,
  LocalTransactionState,
  ManualClock,
  MessageBuilder,
  MessageIllegalError,
  MessageListener,
  RocketControl,
  RocketHeaders,
  RocketMessage,
  SilentLogger,
  TransactionListener,
  TransactionListenerMissingError,
  TransactionStateIllegalError,
  UnsupportedByEngineError,
  type HalfSendResult,
  type LocalTransactionListener,
  type MessageExt,
  type TransactionSendResult,
} from '../../lib/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.js';
import { Deliveries, ManualWorld, startApp, type RocketApp } from './rocket-app.js';

class Fee {
  feeId!: string;
  amount!: number;

  get label(): string {
    return `${this.feeId}: ${this.amount}`;
  }
}

const fee = (feeId: string): Fee => Object.assign(new Fee(), { feeId, amount: 12 });

type State = ReturnType<LocalTransactionListener['executeLocalTransaction']>;

/** Does what the test says, and remembers what it was asked. */
class Scripted implements LocalTransactionListener {
  readonly executed: { message: RocketMessage; arg: unknown }[] = [];
  readonly checked: RocketMessage[] = [];
  execution: () => State = () => LocalTransactionState.COMMIT;
  checking: () => State = () => LocalTransactionState.UNKNOWN;

  executeLocalTransaction(message: RocketMessage, arg?: unknown): State {
    this.executed.push({ message, arg });
    return this.execution();
  }

  checkLocalTransaction(message: RocketMessage): State {
    this.checked.push(message);
    return this.checking();
  }
}

class Consumer {
  readonly deliveries = new Deliveries();

  @MessageListener({ topic: 'fees', consumerGroup: 'ledger', payloadType: Fee })
  onFee(payload: Fee, message: never): void {
    this.deliveries.add(payload, message);
  }

  @MessageListener({ topic: 'refunds', consumerGroup: 'ledger' })
  @MessageListener({ topic: 'orders', consumerGroup: 'ledger' })
  onOther(payload: unknown, message: never): void {
    this.deliveries.add(payload, message);
  }
}

@TransactionListener({ topic: 'fees', payloadType: Fee })
class FeeTransactions extends Scripted {}
@TransactionListener({ topic: ['refunds'], producerGroup: 'refund-group' })
class RefundTransactions extends Scripted {}
@TransactionListener()
class OtherTransactions extends Scripted {}

const CHECK_AFTER_MS = 6000;
const CHECK_EVERY_MS = 30_000;

describe.each(['memory', 'a directory'])('a transaction message, on a disk in %s,', (disk) => {
  let directory: TemporaryDirectory | undefined;
  let world: ManualWorld;
  let app: RocketApp;
  let fees: FeeTransactions;
  let consumer: Consumer;

  const start = async (): Promise<void> => {
    app = await world.start({ providers: [Consumer, FeeTransactions, RefundTransactions, OtherTransactions] });
    fees = app.module.get(FeeTransactions);
    consumer = app.module.get(Consumer);
  };

  beforeEach(async () => {
    directory = disk === 'memory' ? undefined : await temporaryDirectory();
    world = new ManualWorld(directory);
    await start();
  });

  afterEach(async () => {
    await app.close();
    await directory?.remove();
  });

  it('C6: is delivered after COMMIT, and its result says so', async () => {
    const arg = { connection: 'the same object' };
    const result = await app.template.sendMessageInTransaction('fees', fee('F1'), arg);
    expect(result).toMatchObject({ sendStatus: 'SEND_OK', localTransactionState: 'COMMIT' });
    expect(result.messageQueue.topic).toBe('fees');
    expect(result).not.toHaveProperty('error');
    expect(fees.executed[0]?.arg).toBe(arg);
    await app.broker.whenIdle();
    expect(consumer.deliveries.payloads).toEqual([fee('F1')]);
    await world.pass(app, CHECK_AFTER_MS + CHECK_EVERY_MS);
    expect(fees.checked).toEqual([]);
  });

  it('C6: is not seen before its local transaction has ended', async () => {
    const events = new EventEmitter();
    fees.execution = async () => {
      await once(events, 'committed');
      return LocalTransactionState.COMMIT;
    };
    const sending = app.template.sendMessageInTransaction('fees', fee('F1'));
    // Longer than any check-back would wait: the local transaction is known to be running.
    await world.pass(app, CHECK_AFTER_MS + 3 * CHECK_EVERY_MS);
    expect(consumer.deliveries.all).toEqual([]);
    expect(fees.checked).toEqual([]);
    events.emit('committed');
    await sending;
    await app.broker.whenIdle();
    expect(consumer.deliveries.payloads).toEqual([fee('F1')]);
  });

  it('C6: is never seen after ROLLBACK', async () => {
    fees.execution = () => LocalTransactionState.ROLLBACK;
    const result = await app.template.sendMessageInTransaction('fees', fee('F1'));
    expect(result.localTransactionState).toBe('ROLLBACK');
    await world.pass(app, CHECK_AFTER_MS + CHECK_EVERY_MS);
    expect(consumer.deliveries.all).toEqual([]);
    expect(fees.checked).toEqual([]);
  });

  it.each(['COMMIT', 'ROLLBACK'] as const)('C6: after UNKNOWN is decided by the check-back, here %s', async (state) => {
    fees.execution = () => LocalTransactionState.UNKNOWN;
    const result = await app.template.sendMessageInTransaction('fees', fee('F1'));
    expect(result.localTransactionState).toBe('UNKNOWN');
    expect(app.log.matching(/^(error|warn)/)).toEqual([]);
    fees.checking = () => state;
    await world.pass(app, CHECK_AFTER_MS - 1);
    expect(fees.checked).toEqual([]);
    await world.pass(app, 1 + CHECK_EVERY_MS);
    expect(fees.checked).toHaveLength(1);
    expect(consumer.deliveries.payloads).toEqual(state === 'COMMIT' ? [fee('F1')] : []);
    await world.pass(app, 3 * CHECK_EVERY_MS);
    expect(fees.checked).toHaveLength(1);
  });

  it.each<[string, () => State]>([
    ['throws', (): never => fail()],
    ['rejects', () => Promise.reject(new Error('database gone'))],
  ])(
    'stays UNKNOWN when the local transaction %s; the sender is told and the check-back decides',
    async (_how, execution) => {
      fees.execution = execution;
      fees.checking = () => 'COMMIT';
      const result = await app.template.sendMessageInTransaction('fees', fee('F1'));
      expect(result.localTransactionState).toBe('UNKNOWN');
      expect(result.error).toEqual(new Error('database gone'));
      expect(app.log.matching(/FeeTransactions.*executeLocalTransaction failed.*UNKNOWN/)).toHaveLength(1);
      await world.pass(app, CHECK_AFTER_MS);
      expect(consumer.deliveries.payloads).toEqual([fee('F1')]);
    },
  );

  it('stays UNKNOWN, and the log says so, when the local transaction rejects without a reason', async () => {
    // eslint-disable-next-line typescript/prefer-promise-reject-errors -- others do
    fees.execution = () => Promise.reject();
    const result = await app.template.sendMessageInTransaction('fees', fee('F1'));
    expect(result).toMatchObject({ localTransactionState: 'UNKNOWN', error: undefined });
    expect('error' in result).toBe(true);
    expect(app.log.matching(/FeeTransactions.*executeLocalTransaction failed.*UNKNOWN/)).toHaveLength(1);
  });

  it('stays UNKNOWN when the local transaction returns no state', async () => {
    fees.execution = () => 'COMMITTED' as 'COMMIT';
    const result = await app.template.sendMessageInTransaction('fees', fee('F1'));
    expect(result.error).toBeInstanceOf(TransactionStateIllegalError);
    expect(String(result.error)).toContain(
      'FeeTransactions (of RootTestModule).executeLocalTransaction returned "COMMITTED"',
    );
  });

  it('P4: is handed to both methods of its listener typed, as the consumer gets it', async () => {
    fees.execution = () => 'UNKNOWN';
    fees.checking = () => 'COMMIT';
    const message = MessageBuilder.withPayload(fee('F1')).setHeader(RocketHeaders.KEYS, 'F1').setHeader('tenant', 'a');
    const { transactionId, msgId } = await app.template.sendMessageInTransaction('fees:paid', message.build());
    await world.pass(app, CHECK_AFTER_MS);
    const headers = {
      rocketmq_TRANSACTION_ID: transactionId,
      rocketmq_MESSAGE_ID: msgId,
      rocketmq_TOPIC: 'fees',
      rocketmq_TAGS: 'paid',
      rocketmq_KEYS: 'F1',
      tenant: 'a',
      contentType: 'application/json',
    };
    for (const asked of [fees.executed[0]?.message, fees.checked[0]]) {
      expect(asked).toBeInstanceOf(RocketMessage);
      expect(asked?.payload).toBeInstanceOf(Fee);
      expect(asked?.payload).toHaveProperty('label', 'F1: 12');
      expect(asked?.headers).toMatchObject(headers);
    }
    expect(fees.checked[0]?.headers).toMatchObject({ TRANSACTION_CHECK_TIMES: '1' });
    expect(Object.keys(fees.executed[0]?.message.headers ?? {})).not.toContain('PGROUP');
    expect(consumer.deliveries.all[0]).toMatchObject({ payload: fee('F1'), message: { tags: 'paid', keys: 'F1' } });
  });

  it('C7: is delivered after a restart when the app died between local commit and second phase', async () => {
    // The local transaction has taken place, but its end never gets back to the sender.
    fees.execution = () => new Promise(() => undefined);
    void app.template.sendMessageInTransaction('fees', fee('F1')).catch(() => undefined);
    await app.broker.whenIdle();
    expect(fees.executed).toHaveLength(1);
    await app.close();

    await start();
    fees.checking = () => 'COMMIT';
    await world.pass(app, CHECK_AFTER_MS);
    expect(fees.checked).toHaveLength(1);
    expect(consumer.deliveries.payloads).toEqual([fee('F1')]);
  });

  it('C8: is asked about 15 times, then set aside where one can look at it, and not delivered', async () => {
    fees.execution = () => 'UNKNOWN';
    await app.template.sendMessageInTransaction('fees', fee('F1'));
    await world.pass(app, CHECK_AFTER_MS);
    for (let times = 1; times <= 15; times++) {
      expect(fees.checked).toHaveLength(times);
      await world.pass(app, CHECK_EVERY_MS);
    }
    await world.pass(app, 3 * CHECK_EVERY_MS);
    expect(fees.checked).toHaveLength(15);
    expect(consumer.deliveries.all).toEqual([]);

    const seen: unknown[] = [];
    const handler = ({ body }: MessageExt): unknown => seen.push(JSON.parse(body.toString()));
    await app.broker.subscribe({
      group: 'curious',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: [{ topic: 'TRANS_CHECK_MAX_TIME_TOPIC', handler }],
    });
    await app.broker.whenIdle();
    expect(seen).toEqual([{ feeId: 'F1', amount: 12 }]);
  });

  it('is asked about again, and once logged each time, when the check fails', async () => {
    fees.execution = () => 'UNKNOWN';
    fees.checking = () => fail();
    await app.template.sendMessageInTransaction('fees', fee('F1'));
    await world.pass(app, CHECK_AFTER_MS);
    fees.checking = () => 'COMMIT';
    await world.pass(app, CHECK_EVERY_MS);
    expect(fees.checked).toHaveLength(2);
    expect(consumer.deliveries.payloads).toEqual([fee('F1')]);
    expect(app.log.matching(/FeeTransactions.*checkLocalTransaction failed/)).toHaveLength(1);
    expect(app.log.matching(/^error/)).toHaveLength(1);
  });

  it('C9, P3: of each kind goes to its own listener, also on the check-back after a restart', async () => {
    const listeners = (): Scripted[] => [
      app.module.get(FeeTransactions),
      app.module.get(RefundTransactions),
      app.module.get(OtherTransactions),
    ];
    for (const listener of listeners()) listener.execution = () => 'UNKNOWN';
    await app.template.sendMessageInTransaction('fees', fee('F1'));
    await app.template.sendMessageInTransaction('refunds', { refundId: 'R1' });
    await app.template.sendMessageInTransaction('orders', { orderNo: 'O1' });
    const payloads = [[fee('F1')], [{ refundId: 'R1' }], [{ orderNo: 'O1' }]];
    expect(listeners().map(({ executed }) => executed.map(({ message }) => message.payload))).toEqual(payloads);

    await app.close();
    await start();
    for (const listener of listeners()) listener.checking = () => 'COMMIT';
    await world.pass(app, CHECK_AFTER_MS);
    expect(listeners().map(({ checked }) => checked.map((message) => message.payload))).toEqual(payloads);
    expect(consumer.deliveries.all).toHaveLength(3);
  });

  it('that was decided by hand while its local transaction ran stays so, and the log does not promise a check-back', async () => {
    fees.execution = async () => {
      const [pending] = app.broker.admin.transactions.pending();
      await app.broker.admin.transactions.resolve(pending!.transactionId, 'COMMIT');
      return LocalTransactionState.ROLLBACK;
    };
    await app.template.sendMessageInTransaction('fees', fee('F1'));
    await world.pass(app, CHECK_AFTER_MS + CHECK_EVERY_MS);
    expect([consumer.deliveries.payloads, fees.checked]).toEqual([[fee('F1')], []]);
    expect(app.log.matching(/could not be ended as ROLLBACK .*decided by somebody else/)).toHaveLength(1);
  });

  it('is not asked about, and no check-back is counted, before an app with autoStart false is told to begin', async () => {
    fees.execution = () => 'UNKNOWN';
    await app.template.sendMessageInTransaction('fees', fee('F1'));
    await app.close();

    app = await world.start({ providers: [Consumer, FeeTransactions], options: { consumer: { autoStart: false } } });
    await world.pass(app, CHECK_AFTER_MS + 16 * CHECK_EVERY_MS);
    app.module.get(FeeTransactions).checking = () => 'COMMIT';
    app.module.get(RocketControl).start();
    await app.broker.whenIdle();
    const [checked] = app.module.get(FeeTransactions).checked;
    expect(checked?.headers).toMatchObject({ TRANSACTION_CHECK_TIMES: '1' });
    expect(app.module.get(Consumer).deliveries.payloads).toEqual([fee('F1')]);
  });

  it('is refused when it is delayed: the delay would have no effect', async () => {
    const message = new RocketMessage(fee('F1'), { DELAY: 3 });
    await expect(app.template.sendMessageInTransaction('fees', message)).rejects.toThrow(MessageIllegalError);
    expect(fees.executed).toEqual([]);
  });
});

describe('without a transaction listener for its topic', () => {
  it('a transaction message is refused before anything is stored', async () => {
    const world = new ManualWorld();
    const app = await world.start({ providers: [FeeTransactions] });
    const sending: Promise<TransactionSendResult> = app.template.sendMessageInTransaction('orders', 'x');
    await expect(sending).rejects.toThrow(TransactionListenerMissingError);
    await expect(sending).rejects.toThrow(/"orders".*"nestjs-rocket"/);
    await app.close();
  });

  it('an old half message waits for one, uncounted, and the log says so', async () => {
    const world = new ManualWorld();
    let app = await world.start({ providers: [OtherTransactions] });
    app.module.get(OtherTransactions).execution = () => 'UNKNOWN';
    await app.template.sendMessageInTransaction('orders', 'x');
    await app.close();
    app = await world.start({ providers: [FeeTransactions] });
    await world.pass(app, CHECK_AFTER_MS + 16 * CHECK_EVERY_MS);
    expect(
      app.log.matching(/^warn: No checker of producer group "nestjs-rocket" answers for topic "orders"/),
    ).toHaveLength(1);
    await app.close();
    app = await world.start({ providers: [OtherTransactions, FeeTransactions] });
    await world.pass(app, CHECK_AFTER_MS);
    const [checked] = app.module.get(OtherTransactions).checked;
    expect(checked?.headers).toMatchObject({ TRANSACTION_CHECK_TIMES: '1' });
    await app.close();
  });
});

describe('two apps that share an engine and a producer group', () => {
  it('are each asked about the transactions of their own topics', async () => {
    const clock = new ManualClock();
    const engine = new EmbeddedBroker({ store: { type: 'memory' } }, { clock, logger: new SilentLogger() });
    await engine.start();
    @TransactionListener({ topic: 'orders' })
    class OrderTransactions extends Scripted {}
    const first = await startApp({ options: { engine }, providers: [FeeTransactions, Consumer] });
    const second = await startApp({ options: { engine }, providers: [OrderTransactions] });
    const fees = first.module.get(FeeTransactions);
    fees.execution = () => 'UNKNOWN';
    fees.checking = () => 'COMMIT';
    await first.template.sendMessageInTransaction('fees', fee('F1'));
    await clock.advance(CHECK_AFTER_MS, () => engine.whenIdle());
    expect(fees.checked).toHaveLength(1);
    expect(first.module.get(Consumer).deliveries.payloads).toEqual([fee('F1')]);
    expect(second.log.matching(/^(error|warn)/)).toEqual([]);
    await second.close();
    await first.close();
    await engine.close();
  });
});

describe('with an engine of another kind', () => {
  it('a half message that is not stored as durably as asked is rolled back, and its local transaction not run', async () => {
    class SlowSlave extends EmbeddedBroker {
      override async sendHalf(...args: Parameters<EmbeddedBroker['sendHalf']>): Promise<HalfSendResult> {
        return { ...(await super.sendHalf(...args)), sendStatus: 'FLUSH_SLAVE_TIMEOUT' };
      }
    }
    const clock = new ManualClock();
    const engine = new SlowSlave({ store: { type: 'memory' } }, { clock, logger: new SilentLogger() });
    await engine.start();
    const app = await startApp({ options: { engine }, providers: [OtherTransactions, Consumer] });
    const result = await app.template.sendMessageInTransaction('orders', 'x');
    expect(result).toMatchObject({ sendStatus: 'FLUSH_SLAVE_TIMEOUT', localTransactionState: 'ROLLBACK' });
    const listener = app.module.get(OtherTransactions);
    await clock.advance(CHECK_AFTER_MS + CHECK_EVERY_MS, () => engine.whenIdle());
    expect([listener.executed, listener.checked]).toEqual([[], []]);
    expect(app.module.get(Consumer).deliveries.all).toEqual([]);
    await app.close();
    await engine.close();
  });

  it('that has no transactions, a transaction listener keeps the app from starting', async () => {
    class Plain extends EmbeddedBroker {
      override readonly capabilities = {
        delayLevels: true,
        transactions: false,
        requestReply: true,
        timers: true,
        pull: true,
      };
    }
    const engine = new Plain({ store: { type: 'memory' } });
    await engine.start();
    const starting = startApp({ options: { engine }, providers: [OtherTransactions] });
    await expect(starting).rejects.toThrow(UnsupportedByEngineError);
    await engine.close();
  });
});

describe('a transaction listener that is bound to a group that the app does not send as', () => {
  @TransactionListener({ producerGroup: 'old-name' })
  class OldGroup extends Scripted {}

  it('is asked about what was sent as that group, and a line in the log tells', async () => {
    const world = new ManualWorld();
    let app = await world.start({ providers: [OtherTransactions], options: { producer: { group: 'old-name' } } });
    app.module.get(OtherTransactions).execution = () => 'UNKNOWN';
    await app.template.sendMessageInTransaction('orders', 'x');
    await app.close();
    app = await world.start({ providers: [OldGroup] });
    expect(app.log.matching(/^warn: OldGroup .*"old-name", but this app sends as "nestjs-rocket"/)).toHaveLength(1);
    await world.pass(app, CHECK_AFTER_MS);
    expect(app.module.get(OldGroup).checked).toHaveLength(1);
    await app.close();
  });
});

function fail(): never {
  throw new Error('database gone');
}
