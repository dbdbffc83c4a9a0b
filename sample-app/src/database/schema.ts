/** Amounts are whole cents: sums of money are exact. Times are epoch milliseconds. */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS orders (
    order_no     TEXT PRIMARY KEY,
    amount_cents INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('CREATED', 'PAID', 'CLOSED')),
    created_at   INTEGER NOT NULL
  );

  CREATE TABLE IF NOT EXISTS fees (
    fee_id         TEXT PRIMARY KEY,
    amount_cents   INTEGER NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('PAID', 'REFUNDED')),
    transaction_id TEXT NOT NULL,
    paid_at        INTEGER NOT NULL
  );

  CREATE TABLE IF NOT EXISTS refunds (
    refund_id      TEXT PRIMARY KEY,
    fee_id         TEXT NOT NULL REFERENCES fees,
    amount_cents   INTEGER NOT NULL,
    transaction_id TEXT NOT NULL,
    refunded_at    INTEGER NOT NULL
  );

  CREATE TABLE IF NOT EXISTS transfers (
    transfer_id  TEXT PRIMARY KEY,
    amount_cents INTEGER NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('SENT', 'BOOKED', 'COMPENSATED'))
  );

  -- One row for each local transaction that was committed, written in that very transaction: the check-back looks here.
  CREATE TABLE IF NOT EXISTS transaction_log (
    transaction_id TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    reference      TEXT NOT NULL,
    committed_at   INTEGER NOT NULL
  );

  -- The primary key is what makes "at least once" an "exactly once": a message that comes again finds its entry.
  CREATE TABLE IF NOT EXISTS ledger (
    kind         TEXT NOT NULL,
    reference    TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    booked_at    INTEGER NOT NULL,
    PRIMARY KEY (kind, reference)
  );

  CREATE TABLE IF NOT EXISTS events (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL,
    topic          TEXT NOT NULL,
    tag            TEXT,
    consumer_group TEXT NOT NULL,
    attempt        INTEGER NOT NULL,
    msg_id         TEXT NOT NULL,
    note           TEXT NOT NULL,
    time           INTEGER NOT NULL
  );
  CREATE INDEX IF NOT EXISTS events_by_id ON events (id);
  CREATE INDEX IF NOT EXISTS events_by_msg_id ON events (msg_id);
`;
