import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { MessageBuilder, RocketHeaders, RocketTemplate } from 'nestjs-rocket';
import { fromCents, toCents } from '../database/money.js';
import { ShopDatabase } from '../database/shop-database.js';
import { LocalRollback } from '../transactions/local-rollback.js';
import { answerOf, type TransactionAnswer } from '../transactions/transaction-answer.js';
import { FEE_PAID_TOPIC, type Fee, type FeePaid, type FeeRequest } from './fees.types.js';

interface FeeRow {
  readonly amount_cents: number;
  readonly state: Fee['state'];
  readonly transaction_id: string;
  readonly paid_at: number;
}

@Injectable()
export class FeesService {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly database: ShopDatabase,
  ) {}

  /** Half message, local transaction (see FeeTransactionListener), commit or rollback of the message. */
  async pay({ feeId, amount, outcome = 'commit' }: FeeRequest): Promise<TransactionAnswer> {
    if (this.#row(feeId) !== undefined) throw new ConflictException(`Fee ${feeId} is paid already.`);
    const payload: FeePaid = { feeId, amount, paidAt: new Date() };
    const message = MessageBuilder.withPayload(payload).setHeader(RocketHeaders.KEYS, feeId).build();
    return answerOf(await this.rocket.sendMessageInTransaction(FEE_PAID_TOPIC, message, outcome));
  }

  /** Part of a local transaction. */
  insert({ feeId, amount, paidAt }: FeePaid, transactionId: string): void {
    const inserted = this.database.run(
      `INSERT INTO fees (fee_id, amount_cents, state, transaction_id, paid_at) VALUES (?, ?, 'PAID', ?, ?)
       ON CONFLICT DO NOTHING`,
      feeId,
      toCents(amount),
      transactionId,
      paidAt.getTime(),
    );
    if (inserted === 0) throw new LocalRollback(`fee ${feeId} has been paid by another transaction`);
  }

  /** Part of a local transaction. */
  markRefunded(feeId: string): void {
    const updated = this.database.run(`UPDATE fees SET state = 'REFUNDED' WHERE fee_id = ? AND state = 'PAID'`, feeId);
    if (updated === 0) throw new LocalRollback(`fee ${feeId} has been refunded by another transaction`);
  }

  find(feeId: string): Fee {
    const row = this.#row(feeId);
    if (row === undefined) throw new NotFoundException(`There is no fee ${feeId}.`);
    const { amount_cents, state, transaction_id, paid_at } = row;
    return {
      feeId,
      amount: fromCents(amount_cents),
      state,
      transactionId: transaction_id,
      paidAt: new Date(paid_at).toISOString(),
    };
  }

  #row(feeId: string): FeeRow | undefined {
    return this.database.all<FeeRow>('SELECT * FROM fees WHERE fee_id = ?', feeId)[0];
  }
}
