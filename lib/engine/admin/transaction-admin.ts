import type { AdminParts, UndecidedTransaction } from './admin-parts.js';
import { checkName, checkText } from './argument-checks.js';

export interface PendingTransactionInfo extends UndecidedTransaction {
  /** Since its half message was stored, or stored again for a check-back, in milliseconds. */
  readonly ageMs: number;
}

/** Transactions whose second phase is missing. */
export class TransactionAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /** Half messages that wait for a decision, oldest first. */
  pending(): readonly PendingTransactionInfo[] {
    const nowMs = this.#parts.context.clock.now();
    return this.#parts.transactions
      .pending()
      .map((pending) => ({ ...pending, ageMs: Math.max(0, nowMs - pending.storeTimestampMs) }))
      .toSorted((a, b) => a.storeTimestampMs - b.storeTimestampMs);
  }

  /**
   * Decides a transaction by hand; resolves when that is on disk. A producer that wants to end it afterwards is told that it is decided.
   *
   * @throws TransactionNotFoundError, InvalidOptionError
   */
  async resolve(transactionId: string, state: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    checkText('transactionId', transactionId);
    await this.#parts.transactions.end(transactionId, checkName('state', state, ['COMMIT', 'ROLLBACK']));
  }
}
