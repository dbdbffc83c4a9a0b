import {
  TransactionListener,
  type LocalTransactionListener,
  type LocalTransactionState,
  type RocketMessage,
} from 'nestjs-rocket';
import { LocalTransactions, transactionIdOf } from '../transactions/local-transactions.js';
import type { Rehearsal } from '../transactions/transaction-rehearsal.js';
import { TransfersService } from './transfers.service.js';
import { TRANSFER_TOPIC, TransferMessage } from './transfers.types.js';

@TransactionListener({ topic: TRANSFER_TOPIC, payloadType: TransferMessage })
export class TransferTransactionListener implements LocalTransactionListener<TransferMessage> {
  constructor(
    private readonly transfers: TransfersService,
    private readonly transactions: LocalTransactions,
  ) {}

  executeLocalTransaction(
    message: RocketMessage<TransferMessage>,
    rehearsal: Rehearsal = 'commit',
  ): LocalTransactionState {
    const transactionId = transactionIdOf(message);
    const reference = message.payload.transferId;
    return this.transactions.execute({ transactionId, kind: 'TRANSFER', reference, rehearsal }, () => {
      this.transfers.insert(message.payload);
    });
  }

  checkLocalTransaction(message: RocketMessage<TransferMessage>): LocalTransactionState {
    return this.transactions.check(transactionIdOf(message));
  }
}
