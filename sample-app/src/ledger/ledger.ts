import { Injectable } from '@nestjs/common';
import type { MessageExt } from 'nestjs-rocket';
import { fromCents, toCents } from '../database/money.js';
import { ShopDatabase } from '../database/shop-database.js';
import { EventLog } from '../events/event-log.js';
import { LEDGER_GROUP, type LedgerKind, type LedgerView } from './ledger.types.js';

const MAX_SHOWN = 1000;

interface LedgerRow {
  readonly kind: LedgerKind;
  readonly reference: string;
  readonly amount_cents: number;
  readonly booked_at: number;
}

@Injectable()
export class Ledger {
  constructor(
    private readonly database: ShopDatabase,
    private readonly events: EventLog,
  ) {}

  /** Books once, however often the message comes: the entry's key is in the database, and so is what was seen of the message. */
  book(kind: LedgerKind, reference: string, amount: number, message: MessageExt): void {
    this.database.transaction(() => {
      const isNew = this.insert(kind, reference, amount);
      this.events.record(LEDGER_GROUP, message, isNew ? 'booked' : 'was booked before');
    });
  }

  /**
   * Part of a database transaction.
   *
   * @returns false when it was booked before
   */
  insert(kind: LedgerKind, reference: string, amount: number): boolean {
    const inserted = this.database.run(
      'INSERT INTO ledger (kind, reference, amount_cents, booked_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      kind,
      reference,
      toCents(amount),
      Date.now(),
    );
    return inserted === 1;
  }

  view(): LedgerView {
    const [total] = this.database.all<{ cents: number; count: number }>(
      'SELECT COALESCE(SUM(amount_cents), 0) AS cents, COUNT(*) AS count FROM ledger',
    );
    const rows = this.database.all<LedgerRow>(
      'SELECT * FROM (SELECT rowid AS seq, * FROM ledger ORDER BY seq DESC LIMIT ?) ORDER BY seq',
      MAX_SHOWN,
    );
    return {
      balance: fromCents(total?.cents ?? 0),
      count: total?.count ?? 0,
      entries: rows.map(({ kind, reference, amount_cents, booked_at }) => ({
        kind,
        reference,
        amount: fromCents(amount_cents),
        bookedAt: new Date(booked_at).toISOString(),
      })),
    };
  }
}
