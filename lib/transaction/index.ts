export { TransactionChecks } from './transaction.checks.js';
export { TransactionListenerExplorer } from './transaction-listener.explorer.js';
export { TransactionListenerRegistry } from './transaction-listener.registry.js';
export { TransactionSender, type TransactionSendResult } from './transaction-sender.js';
