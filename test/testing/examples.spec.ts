// The tests that docs/testing.md shows to users; a test of the documents sees to it that they are the same.
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  LocalTransactionState,
  MessageListener,
  RocketTemplate,
  TransactionListener,
  type LocalTransactionListener,
  type RocketListener,
} from 'nestjs-rocket';
import { RocketTestBench, RocketTestingModule } from 'nestjs-rocket/testing';

interface Charge {
  readonly orderNo: string;
}

/** Stands for the bank of a user's app. */
@Injectable()
class Bank {
  isOpen = false;
  readonly charged: string[] = [];

  charge(orderNo: string): void {
    if (!this.isOpen) throw new Error('the bank is closed');
    this.charged.push(orderNo);
  }
}

@MessageListener({ topic: 'charges', consumerGroup: 'billing', maxReconsumeTimes: 2 })
class BillingListener implements RocketListener<Charge> {
  constructor(private readonly bank: Bank) {}

  onMessage({ orderNo }: Charge): void {
    this.bank.charge(orderNo);
  }
}

@TransactionListener({ topic: 'paid' })
class PaymentTransaction implements LocalTransactionListener<Charge> {
  rows: string[] = [];

  executeLocalTransaction(): LocalTransactionState {
    return LocalTransactionState.UNKNOWN; // the process may die before it knows
  }

  checkLocalTransaction({ payload }: { payload: Charge }): LocalTransactionState {
    return this.rows.includes(payload.orderNo) ? LocalTransactionState.COMMIT : LocalTransactionState.ROLLBACK;
  }
}

// example: retry
it('charges again when the bank was closed, and gives up after two retries', async () => {
  const imports = [RocketTestingModule.forRoot()];
  const app = await Test.createTestingModule({ imports, providers: [Bank, BillingListener] }).compile();
  await app.init();
  const rocket = app.get(RocketTestBench);

  await app.get(RocketTemplate).convertAndSend('charges', { orderNo: '1100' });
  await rocket.drain();
  expect(rocket.attempts(BillingListener)).toMatchObject([{ outcome: 'FAILED' }]);

  await rocket.advance('10s'); // the first retry
  await rocket.advance('30s'); // the second and last
  expect(await rocket.deadLetters('billing')).toMatchObject([{ payload: { orderNo: '1100' } }]);
  await app.close();
});
// end of example

// example: transaction
it('publishes a payment whose transaction is known only at the check-back', async () => {
  const imports = [RocketTestingModule.forRoot()];
  const app = await Test.createTestingModule({ imports, providers: [PaymentTransaction] }).compile();
  await app.init();
  const rocket = app.get(RocketTestBench);

  await app.get(RocketTemplate).sendMessageInTransaction('paid', { orderNo: '1100' });
  app.get(PaymentTransaction).rows = ['1100'];
  expect(await rocket.published('paid')).toEqual([]);

  await rocket.advance('2m'); // the check-back asks the listener
  expect(await rocket.published('paid')).toMatchObject([{ payload: { orderNo: '1100' } }]);
  await app.close();
});
// end of example
