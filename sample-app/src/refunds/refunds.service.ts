import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { MessageBuilder, RocketHeaders, RocketTemplate } from 'nestjs-rocket';
import { fromCents, toCents } from '../database/money.js';
import { ShopDatabase } from '../database/shop-database.js';
import { FeesService } from '../fees/fees.service.js';
import { LocalRollback } from '../transactions/local-rollback.js';
import { answerOf, type TransactionAnswer } from '../transactions/transaction-answer.js';
import { FEE_REFUNDED_TOPIC, type FeeRefunded, type Refund, type RefundRequest } from './refunds.types.js';

interface RefundRow {
  readonly fee_id: string;
  readonly amount_cents: number;
  readonly transaction_id: string;
  readonly refunded_at: number;
}

@Injectable()
export class RefundsService {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly database: ShopDatabase,
    private readonly fees: FeesService,
  ) {}

  async refund({ refundId, feeId, outcome = 'commit' }: RefundRequest): Promise<TransactionAnswer> {
    if (this.#row(refundId) !== undefined) throw new ConflictException(`There is a refund ${refundId} already.`);
    const { amount, state } = this.fees.find(feeId);
    if (state === 'REFUNDED') throw new ConflictException(`Fee ${feeId} is refunded already.`);
    const payload: FeeRefunded = { refundId, feeId, amount, refundedAt: new Date() };
    const message = MessageBuilder.withPayload(payload).setHeader(RocketHeaders.KEYS, refundId).build();
    return answerOf(await this.rocket.sendMessageInTransaction(FEE_REFUNDED_TOPIC, message, outcome));
  }

  /** Part of a local transaction. */
  insert({ refundId, feeId, amount, refundedAt }: FeeRefunded, transactionId: string): void {
    this.fees.markRefunded(feeId);
    const inserted = this.database.run(
      `INSERT INTO refunds (refund_id, fee_id, amount_cents, transaction_id, refunded_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
      refundId,
      feeId,
      toCents(amount),
      transactionId,
      refundedAt.getTime(),
    );
    if (inserted === 0) throw new LocalRollback(`refund ${refundId} belongs to another transaction`);
  }

  find(refundId: string): Refund {
    const row = this.#row(refundId);
    if (row === undefined) throw new NotFoundException(`There is no refund ${refundId}.`);
    const { fee_id, amount_cents, transaction_id, refunded_at } = row;
    return {
      refundId,
      feeId: fee_id,
      amount: fromCents(amount_cents),
      transactionId: transaction_id,
      refundedAt: new Date(refunded_at).toISOString(),
    };
  }

  #row(refundId: string): RefundRow | undefined {
    return this.database.all<RefundRow>('SELECT * FROM refunds WHERE refund_id = ?', refundId)[0];
  }
}
