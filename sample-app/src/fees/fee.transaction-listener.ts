import {
  TransactionListener,
  type LocalTransactionListener,
  type LocalTransactionState,
  type RocketMessage,
} from 'nestjs-rocket';
import { LocalTransactions, transactionIdOf } from '../transactions/local-transactions.js';
import type { Rehearsal } from '../transactions/transaction-rehearsal.js';
import { FeesService } from './fees.service.js';
import { FEE_PAID_TOPIC, FeePaid } from './fees.types.js';

/** Pays fees: the row of the fee, and the row that remembers the transaction. */
@TransactionListener({ topic: FEE_PAID_TOPIC, payloadType: FeePaid })
export class FeeTransactionListener implements LocalTransactionListener<FeePaid> {
  constructor(
    private readonly fees: FeesService,
    private readonly transactions: LocalTransactions,
  ) {}

  executeLocalTransaction(message: RocketMessage<FeePaid>, rehearsal: Rehearsal = 'commit'): LocalTransactionState {
    const fee = message.payload;
    const transactionId = transactionIdOf(message);
    return this.transactions.execute({ transactionId, kind: 'FEE', reference: fee.feeId, rehearsal }, () => {
      this.fees.insert(fee, transactionId);
    });
  }

  checkLocalTransaction(message: RocketMessage<FeePaid>): LocalTransactionState {
    return this.transactions.check(transactionIdOf(message));
  }
}
