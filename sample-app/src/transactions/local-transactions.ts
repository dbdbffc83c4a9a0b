import { Injectable } from '@nestjs/common';
import { LocalTransactionState, RocketHeaders, type RocketMessage } from 'nestjs-rocket';
import { ShopDatabase } from '../database/shop-database.js';
import { LocalRollback } from './local-rollback.js';
import type { Rehearsal } from './transaction-rehearsal.js';

export interface LocalTransaction {
  readonly transactionId: string;
  /** What kind of transaction, and of which fee or refund: for people who read the log. */
  readonly kind: string;
  readonly reference: string;
  readonly rehearsal: Rehearsal;
}

/** The half of a transaction that takes place in the database, and the memory of it. */
@Injectable()
export class LocalTransactions {
  constructor(private readonly database: ShopDatabase) {}

  /** Does `work` and logs the transaction, in one database transaction. */
  execute({ transactionId, kind, reference, rehearsal }: LocalTransaction, work: () => void): LocalTransactionState {
    try {
      this.database.transaction(() => {
        work();
        this.database.run(
          'INSERT INTO transaction_log (transaction_id, kind, reference, committed_at) VALUES (?, ?, ?, ?)',
          transactionId,
          kind,
          reference,
          Date.now(),
        );
        if (rehearsal === 'rollback') throw new LocalRollback('as asked');
        if (rehearsal === 'throw') throw new Error('the local transaction failed in the middle, as asked');
      });
    } catch (error) {
      if (error instanceof LocalRollback) return LocalTransactionState.ROLLBACK;
      // What else is thrown counts as UNKNOWN: a commit may have failed before or after it took effect. The log will tell.
      throw error;
    }
    return rehearsal === 'unknown' ? LocalTransactionState.UNKNOWN : LocalTransactionState.COMMIT;
  }

  /**
   * The log tells how the local transaction went, also after a restart. No row means that it did not take place and never will: it is over,
   * one way or the other, long before the first check-back is due.
   */
  check(transactionId: string): LocalTransactionState {
    const rows = this.database.all('SELECT 1 FROM transaction_log WHERE transaction_id = ?', transactionId);
    return rows.length === 0 ? LocalTransactionState.ROLLBACK : LocalTransactionState.COMMIT;
  }
}

export function transactionIdOf(message: RocketMessage): string {
  return String(message.headers[RocketHeaders.TRANSACTION_ID]);
}
