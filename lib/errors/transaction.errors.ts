import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class TransactionNotFoundError extends defineError<{ transactionId: string }>({
  code: 'TRANSACTION_NOT_FOUND',
  meaning: 'No pending half message has this transaction id: it is unknown, or decided already.',
  remedy: 'Nothing is to be done if the transaction was ended twice.',
  message: ({ transactionId }) => `No pending transaction has the id "${transactionId}".`,
}) {}

export class TransactionListenerMissingError extends defineError<{ topic: string; producerGroup: string }>({
  code: 'TRANSACTION_LISTENER_MISSING',
  meaning: 'A transaction message has no @TransactionListener that could run or check its local transaction.',
  remedy: 'Provide a class with @TransactionListener for the topic, or one without a topic for all of them.',
  message: ({ topic, producerGroup }) =>
    `No transaction listener is bound to topic "${topic}" or to producer group "${producerGroup}".`,
}) {}

export class TransactionListenerConflictError extends defineError<{ binding: string; first: string; second: string }>({
  code: 'TRANSACTION_LISTENER_CONFLICT',
  meaning: 'Two transaction listeners are bound to the same topic or producer group. The app does not start.',
  remedy: 'Bind each to topics of its own.',
  message: ({ binding, first, second }) => `${first} and ${second} are both bound to ${binding}.`,
}) {}

export class TransactionStateIllegalError extends defineError<{ listener: string; method: string; value: unknown }>({
  code: 'TRANSACTION_STATE_ILLEGAL',
  meaning: 'A transaction listener returned something other than COMMIT, ROLLBACK or UNKNOWN. It counts as UNKNOWN.',
  remedy: 'Return one of LocalTransactionState.',
  message: ({ listener, method, value }) => `${listener}.${method} returned ${describe(value)}.`,
}) {}

export class TransactionCheckFailedError extends defineError<{
  transactionId: string;
  producerGroup: string;
  reason: string;
}>({
  code: 'TRANSACTION_CHECK_FAILED',
  meaning: 'A check-back brought no answer. Nobody is thrown this error: it is told to those who listen to events.',
  remedy: 'Let the checker answer COMMIT, ROLLBACK or UNKNOWN in time; the transaction is asked about again.',
  message: ({ transactionId, producerGroup, reason }) =>
    `Transaction ${transactionId} of producer group "${producerGroup}" could not be checked: ${reason}.`,
}) {}
