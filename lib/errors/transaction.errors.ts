import { defineError } from './rocket-error.js';

export class TransactionNotFoundError extends defineError<{ transactionId: string }>({
  code: 'TRANSACTION_NOT_FOUND',
  meaning: 'No pending half message has this transaction id: it is unknown, or decided already.',
  remedy: 'Nothing is to be done if the transaction was ended twice.',
  message: ({ transactionId }) => `No pending transaction has the id "${transactionId}".`,
}) {}
