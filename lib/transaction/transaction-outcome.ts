import {
  payloadOf,
  receivedHeaders,
  RocketMessage,
  type MessageConverter,
  type ReceivedMessage,
} from '../converter/index.js';
import type { TransactionState } from '../engine/index.js';
import { TransactionStateIllegalError } from '../errors/index.js';
import type { TransactionListenerDefinition } from './transaction-listener-definition.js';

/** A half message as a transaction listener gets it. */
export interface HalfMessage extends ReceivedMessage {
  readonly body: Buffer;
}

/** What a transaction listener said; with the error, when it said nothing that can be used. The error may be undefined: promises are rejected without a reason. */
export interface TransactionOutcome {
  readonly state: TransactionState;
  readonly error?: unknown;
}

/**
 * Asks a listener about a half message. Both methods of a listener get the payload made from the stored bytes, so what works for the
 * one works for the other.
 *
 * Whatever goes wrong counts as UNKNOWN: a throw does not tell whether the local transaction took place.
 */
export async function askListener(
  listener: TransactionListenerDefinition,
  half: HalfMessage,
  converter: MessageConverter,
  method: 'executeLocalTransaction' | 'checkLocalTransaction',
  arg?: unknown,
): Promise<TransactionOutcome> {
  try {
    const message = new RocketMessage(payloadOf(converter, half, listener.payloadType), receivedHeaders(half));
    const answer = method === 'executeLocalTransaction' ? listener.execute(message, arg) : listener.check(message);
    const state: unknown = await answer;
    if (isTransactionState(state)) return { state };
    return {
      state: 'UNKNOWN',
      error: new TransactionStateIllegalError({ listener: listener.name, method, value: state }),
    };
  } catch (error) {
    return { state: 'UNKNOWN', error };
  }
}

function isTransactionState(value: unknown): value is TransactionState {
  return value === 'COMMIT' || value === 'ROLLBACK' || value === 'UNKNOWN';
}
