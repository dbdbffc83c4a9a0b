export const LEDGER_GROUP = 'ledger';

export type LedgerKind = 'FEE' | 'REFUND' | 'TRANSFER' | 'COMPENSATION';

export interface LedgerEntry {
  readonly kind: LedgerKind;
  /** The id of the fee, refund or transfer. */
  readonly reference: string;
  /** Refunds and transfers are negative. */
  readonly amount: number;
  readonly bookedAt: string;
}

export interface LedgerView {
  /** The sum of all entries. */
  readonly balance: number;
  readonly count: number;
  /** The newest 1000, in the order of booking. */
  readonly entries: readonly LedgerEntry[];
}
