import type { LocalTransactionState, SendStatus, TransactionSendResult } from 'nestjs-rocket';

/** What the caller of POST /fees and POST /refunds learns. */
export interface TransactionAnswer {
  readonly sendStatus: SendStatus;
  /** UNKNOWN: the check-back decides. */
  readonly localTransactionState: LocalTransactionState;
  readonly transactionId: string;
  /** What the transaction listener threw. */
  readonly error?: string;
}

export function answerOf(result: TransactionSendResult): TransactionAnswer {
  const { sendStatus, localTransactionState, transactionId, error } = result;
  const answer = { sendStatus, localTransactionState, transactionId };
  return error === undefined
    ? answer
    : { ...answer, error: error instanceof Error ? error.message : 'something that is no Error' };
}
