import {
  TransactionListener,
  type LocalTransactionListener,
  type LocalTransactionState,
  type RocketMessage,
} from 'nestjs-rocket';
import { LocalTransactions, transactionIdOf } from '../transactions/local-transactions.js';
import type { Rehearsal } from '../transactions/transaction-rehearsal.js';
import { RefundsService } from './refunds.service.js';
import { FEE_REFUNDED_TOPIC, FeeRefunded } from './refunds.types.js';

/** Pays fees back. Bound to a topic of its own: half messages of refunds come here, also when they are checked after a restart. */
@TransactionListener({ topic: FEE_REFUNDED_TOPIC, payloadType: FeeRefunded })
export class RefundTransactionListener implements LocalTransactionListener<FeeRefunded> {
  constructor(
    private readonly refunds: RefundsService,
    private readonly transactions: LocalTransactions,
  ) {}

  executeLocalTransaction(message: RocketMessage<FeeRefunded>, rehearsal: Rehearsal = 'commit'): LocalTransactionState {
    const refund = message.payload;
    const transactionId = transactionIdOf(message);
    return this.transactions.execute({ transactionId, kind: 'REFUND', reference: refund.refundId, rehearsal }, () => {
      this.refunds.insert(refund, transactionId);
    });
  }

  checkLocalTransaction(message: RocketMessage<FeeRefunded>): LocalTransactionState {
    return this.transactions.check(transactionIdOf(message));
  }
}
