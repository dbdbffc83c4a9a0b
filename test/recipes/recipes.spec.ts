// The recipes of docs/recipes.md, run on the real engine; a test of the documents sees to it that they are the same.
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  LocalTransactionState,
  MessageListener,
  RocketHeaders,
  RocketTemplate,
  TransactionListener,
  type LocalTransactionListener,
  type MessageExt,
  type RocketListener,
  type RocketMessage,
} from 'nestjs-rocket';
import { RocketTestBench, RocketTestingModule } from 'nestjs-rocket/testing';
import { DataSource } from 'typeorm';
import { LogLines } from '../e2e/rocket-app.js';
import { Done, Payment, openDatabase } from './database.js';

interface Order {
  readonly orderNo: string;
}

@Injectable()
class Stock {
  readonly left = new Set(['1100']);

  reserve(orderNo: string): boolean {
    return this.left.delete(orderNo);
  }
}

@Injectable()
class Refunds extends Set<string> {}

@Injectable()
class Worker {
  failures = 0;
  readonly done: string[] = [];

  work(orderNo: string, step: string): Promise<void> {
    if (this.failures-- > 0) return Promise.reject(new Error('not yet'));
    this.done.push(`${orderNo} ${step}`);
    return Promise.resolve();
  }
}

// recipe: idempotent consumer
@MessageListener({ topic: 'payments', consumerGroup: 'accounts' })
class AccountsListener implements RocketListener<Payment> {
  constructor(private readonly database: DataSource) {}

  async onMessage(payment: Payment, message: MessageExt): Promise<void> {
    // The msgId is the same in every delivery of one message, to every group; each group notes for itself, and so does an outbox.
    const id = `accounts ${message.msgId}`;
    await this.database.transaction(async (manager) => {
      // Two deliveries at the same time: the primary key refuses the second, which comes again.
      if (await manager.existsBy(Done, { id })) return;
      await manager.insert(Done, { id });
      await manager.insert(Payment, payment);
    });
  }
}
// end of recipe

// recipe: outbox
@Injectable()
class PaymentService {
  constructor(private readonly rocket: RocketTemplate) {}

  pay(payment: Payment): Promise<unknown> {
    return this.rocket.sendMessageInTransaction('payments', payment);
  }
}

@TransactionListener({ topic: 'payments' })
class PaymentTransaction implements LocalTransactionListener<Payment> {
  constructor(private readonly database: DataSource) {}

  async executeLocalTransaction(message: RocketMessage<Payment>): Promise<LocalTransactionState> {
    await this.database.transaction(async (manager) => {
      await manager.insert(Payment, message.payload);
      await manager.insert(Done, { id: idOf(message) });
    });
    return LocalTransactionState.COMMIT; // what throws counts as UNKNOWN, and is asked about
  }

  async checkLocalTransaction(message: RocketMessage<Payment>): Promise<LocalTransactionState> {
    const isDone = await this.database.manager.existsBy(Done, { id: idOf(message) });
    return isDone ? LocalTransactionState.COMMIT : LocalTransactionState.ROLLBACK;
  }
}

const idOf = (message: RocketMessage): string => String(message.headers[RocketHeaders.TRANSACTION_ID]);
// end of recipe

// recipe: saga
@MessageListener({ topic: 'order-placed', consumerGroup: 'stock' })
class StockListener implements RocketListener<Order> {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly stock: Stock,
  ) {}

  async onMessage(order: Order): Promise<void> {
    if (this.stock.reserve(order.orderNo)) return;
    // No stock is an answer, not a failure: a retry would not change it. The message back is on disk before this one counts as done.
    await this.rocket.convertAndSend('order-refused', order);
  }
}

@MessageListener({ topic: 'order-refused', consumerGroup: 'refunds' })
class RefundListener implements RocketListener<Order> {
  constructor(private readonly refunds: Refunds) {}

  onMessage({ orderNo }: Order): void {
    this.refunds.add(orderNo); // a set: coming twice, it does nothing twice
  }
}
// end of recipe

// recipe: delayed close
@Injectable()
class OrderService {
  readonly open = new Set<string>();

  constructor(private readonly rocket: RocketTemplate) {}

  async place(orderNo: string): Promise<void> {
    // The message first: without an order it does no harm, and an order without it would never be closed.
    await this.rocket.syncSend('close-order', { orderNo }, { delayMs: 15 * 60_000, keys: orderNo });
    this.open.add(orderNo);
  }
}

@MessageListener({ topic: 'close-order', consumerGroup: 'order-closer' })
class OrderCloser implements RocketListener<Order> {
  constructor(private readonly orders: OrderService) {}

  onMessage({ orderNo }: Order): void {
    this.orders.open.delete(orderNo);
  }
}
// end of recipe

interface Step extends Order {
  readonly step: string;
}

// recipe: ordered steps
@Injectable()
class Steps {
  constructor(private readonly rocket: RocketTemplate) {}

  async add(orderNo: string, step: string): Promise<void> {
    await this.rocket.syncSendOrderly('steps', { orderNo, step }, orderNo); // one key, one queue, one order
  }
}

@MessageListener({ topic: 'steps', consumerGroup: 'steps', consumeMode: 'ORDERLY' })
class StepsListener implements RocketListener<Step> {
  constructor(private readonly worker: Worker) {}

  async onMessage({ orderNo, step }: Step): Promise<void> {
    await this.worker.work(orderNo, step); // throws: the step comes again, and those behind it wait
  }
}
// end of recipe

describe('the recipe', () => {
  let app: TestingModule;
  let rocket: RocketTestBench;

  async function start(...providers: (new (...args: never[]) => object)[]): Promise<void> {
    app = await Test.createTestingModule({
      imports: [RocketTestingModule.forRoot()],
      providers: [...providers, { provide: DataSource, useFactory: openDatabase }],
    })
      .setLogger(new LogLines())
      .compile();
    await app.init();
    rocket = app.get(RocketTestBench);
  }

  const payments = (): Promise<Payment[]> => app.get(DataSource).manager.find(Payment);
  const payment: Payment = { paymentId: 'P1', amountCents: 995 };

  afterEach(() => app.close());

  it('for idempotent consumers handles a message once that comes twice', async () => {
    await start(AccountsListener);
    const { msgId } = await app.get(RocketTemplate).syncSend('payments', payment);
    const [attempt] = await rocket.waitFor(AccountsListener);
    await app.get(AccountsListener).onMessage(payment, attempt!.message);
    expect(await payments()).toEqual([payment]);
    expect(await app.get(DataSource).manager.find(Done)).toEqual([{ id: `accounts ${msgId}` }]);
  });

  it('for idempotent consumers takes nothing for done that failed', async () => {
    await start(AccountsListener);
    await app.get(DataSource).manager.insert(Payment, payment);
    await app.get(RocketTemplate).syncSend('payments', payment);
    await rocket.drain();
    expect(rocket.attempts(AccountsListener)).toMatchObject([{ outcome: 'FAILED' }]);
    await app.get(DataSource).manager.delete(Payment, { paymentId: 'P1' });
    await rocket.advance('10s');
    expect(await payments()).toEqual([payment]);
  });

  it('for idempotent consumers does not take the note of an outbox for its own', async () => {
    await start(PaymentService, PaymentTransaction, AccountsListener);
    await app.get(PaymentService).pay(payment);
    await rocket.drain();
    // Its effect is the row of the outbox here, so it can only be done when that has gone.
    await app.get(DataSource).manager.delete(Payment, { paymentId: 'P1' });
    await rocket.advance('10s');
    expect(await payments()).toEqual([payment]);
  });

  it('for an outbox publishes what was written, and only that', async () => {
    await start(PaymentService, PaymentTransaction);
    await app.get(PaymentService).pay(payment);
    await app.get(PaymentService).pay(payment); // the row is there: the insert fails, and the check finds nothing done
    await rocket.advance('5m');
    expect(await rocket.published('payments')).toMatchObject([{ payload: payment }]);
    expect(await payments()).toEqual([payment]);
  });

  it('for an outbox lets the check-back publish what was written before the process lost its answer', async () => {
    await start(PaymentService, PaymentTransaction);
    const transaction = app.get(PaymentTransaction);
    const execute = transaction.executeLocalTransaction.bind(transaction);
    transaction.executeLocalTransaction = async (message) => {
      await execute(message);
      throw new Error('the connection is lost');
    };
    await app.get(PaymentService).pay(payment);
    expect(await rocket.published('payments')).toEqual([]);
    await rocket.advance('2m');
    expect(await rocket.published('payments')).toHaveLength(1);
  });

  it('for a saga compensates what can not be done', async () => {
    await start(StockListener, RefundListener, Stock, Refunds);
    await app.get(RocketTemplate).convertAndSend('order-placed', { orderNo: '1100' });
    await app.get(RocketTemplate).convertAndSend('order-placed', { orderNo: '2200' });
    await rocket.drain();
    expect([...app.get(Refunds)]).toEqual(['2200']);
  });

  it('for a delayed close closes after its time', async () => {
    await start(OrderService, OrderCloser);
    await app.get(OrderService).place('1100');
    await rocket.advance('14m');
    expect([...app.get(OrderService).open]).toEqual(['1100']);
    await rocket.advance('1m');
    expect([...app.get(OrderService).open]).toEqual([]);
  });

  it('for ordered steps keeps them in order through a failure', async () => {
    await start(Steps, StepsListener, Worker);
    app.get(Worker).failures = 2;
    for (const step of ['create', 'payment', 'push', 'done']) await app.get(Steps).add('1100', step);
    await rocket.advance('1m');
    expect(app.get(Worker).done).toEqual(['1100 create', '1100 payment', '1100 push', '1100 done']);
  });
});
