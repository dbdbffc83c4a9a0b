export type { OffsetTable } from './offset-table.js';
export { DEFAULT_TRANSACTION_OPTIONS, type TransactionOptions } from './transaction-options.js';
export { TransactionService, type PendingTransaction, type PreparedTransaction } from './transaction-service.js';
