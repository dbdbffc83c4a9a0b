import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { MessageBuilder, RocketHeaders, RocketTemplate } from 'nestjs-rocket';
import { fromCents, toCents } from '../database/money.js';
import { ShopDatabase } from '../database/shop-database.js';
import { Ledger } from '../ledger/ledger.js';
import { LocalRollback } from '../transactions/local-rollback.js';
import { answerOf, type TransactionAnswer } from '../transactions/transaction-answer.js';
import { TRANSFER_TOPIC, type Transfer, type TransferMessage, type TransferRequest } from './transfers.types.js';

interface TransferRow {
  readonly amount_cents: number;
  readonly state: Transfer['state'];
}

/**
 * Pays by way of another bank. Our half (the money leaves the ledger) is in one transaction with the message to the other bank. Its half happens later, elsewhere; when
 * it fails, nothing can be rolled back any more, so a message back sets off the compensation: a booking in the opposite direction.
 */
@Injectable()
export class TransfersService {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly database: ShopDatabase,
    private readonly ledger: Ledger,
  ) {}

  async transfer({
    transferId,
    amount,
    refused = false,
    outcome = 'commit',
  }: TransferRequest): Promise<TransactionAnswer> {
    if (this.#row(transferId) !== undefined) throw new ConflictException(`There is a transfer ${transferId} already.`);
    const payload: TransferMessage = { transferId, amount, refused };
    const message = MessageBuilder.withPayload(payload).setHeader(RocketHeaders.KEYS, transferId).build();
    return answerOf(await this.rocket.sendMessageInTransaction(TRANSFER_TOPIC, message, outcome));
  }

  /** Part of a local transaction. */
  insert({ transferId, amount }: TransferMessage): void {
    const inserted = this.database.run(
      `INSERT INTO transfers (transfer_id, amount_cents, state) VALUES (?, ?, 'SENT') ON CONFLICT DO NOTHING`,
      transferId,
      toCents(amount),
    );
    if (inserted === 0) throw new LocalRollback(`transfer ${transferId} belongs to another transaction`);
    this.ledger.insert('TRANSFER', transferId, -amount);
  }

  /** The other bank has the money. */
  markBooked(transferId: string): void {
    this.database.run(`UPDATE transfers SET state = 'BOOKED' WHERE transfer_id = ? AND state = 'SENT'`, transferId);
  }

  /**
   * Part of a database transaction.
   *
   * @returns false when it was compensated before
   */
  compensate({ transferId, amount }: TransferMessage): boolean {
    if (!this.ledger.insert('COMPENSATION', transferId, amount)) return false;
    this.database.run(`UPDATE transfers SET state = 'COMPENSATED' WHERE transfer_id = ?`, transferId);
    return true;
  }

  find(transferId: string): Transfer {
    const row = this.#row(transferId);
    if (row === undefined) throw new NotFoundException(`There is no transfer ${transferId}.`);
    return { transferId, amount: fromCents(row.amount_cents), state: row.state };
  }

  #row(transferId: string): TransferRow | undefined {
    return this.database.all<TransferRow>('SELECT * FROM transfers WHERE transfer_id = ?', transferId)[0];
  }
}
