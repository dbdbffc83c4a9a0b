import type { PayloadType, RocketMessage } from '../converter/index.js';
import type { TransactionState } from '../engine/index.js';
import { TRANSACTION_LISTENER_METADATA } from '../rocket.constants.js';

/** Which half messages a transaction listener is asked about. */
export interface TransactionListenerOptions {
  /** The store of the app whose transactions they are, by the `name` of its `RocketModule.forRoot`. Default: the one without a name. */
  readonly store?: string | undefined;
  /**
   * The topics whose transactions it runs and checks. Goes before any binding to a producer group.
   */
  readonly topic?: string | readonly string[] | undefined;
  /**
   * The producer group whose transactions it runs and checks, where no listener is bound to the topic. Default: the module's
   * `producer.group`. Together with `topic`: the group under which transactions of these topics are sent.
   */
  readonly producerGroup?: string | undefined;
  /** What the payload is made into, for both methods; see {@link PayloadType}. Default: what the message's content type says. */
  readonly payloadType?: PayloadType | undefined;
}

/** What a local transaction came to. */
export type LocalTransactionState = TransactionState;

/** What a local transaction came to. */
export const LocalTransactionState = {
  /** Listeners get the message. */
  COMMIT: 'COMMIT',
  /** Nobody ever gets the message. */
  ROLLBACK: 'ROLLBACK',
  /** Not known yet: `checkLocalTransaction` is asked later. */
  UNKNOWN: 'UNKNOWN',
} as const satisfies Record<LocalTransactionState, LocalTransactionState>;

/**
 * Runs the local transaction that belongs to a message, and knows later how it went. Both methods get the payload as it was stored,
 * made into `payloadType`.
 */
export interface LocalTransactionListener<T = unknown> {
  /**
   * Called once, after the half message is on disk. A throw counts as UNKNOWN, and the sender finds it in the result's `error`.
   *
   * @param arg what the sender gave to `sendMessageInTransaction`
   */
  executeLocalTransaction(
    message: RocketMessage<T>,
    arg?: unknown,
  ): LocalTransactionState | Promise<LocalTransactionState>;
  /**
   * Called when the outcome did not arrive, also after a restart and more than once. Must tell it from what the local transaction left
   * behind, such as a row in the same database. A throw counts as UNKNOWN.
   */
  checkLocalTransaction(message: RocketMessage<T>): LocalTransactionState | Promise<LocalTransactionState>;
}

/** Decorates a class that implements {@link LocalTransactionListener}. */
export type TransactionListenerDecorator = (
  target: abstract new (...args: never[]) => {
    executeLocalTransaction(message: RocketMessage<never>, arg: never): unknown;
    checkLocalTransaction(message: RocketMessage<never>): unknown;
  },
) => void;

/**
 * Makes a provider the one that runs and checks the local transactions of some topics, of a producer group, or (without options) of all
 * transactions of the app that no other listener is bound to. Any number of them can be in an app.
 *
 * @publicApi
 */
export function TransactionListener(options: TransactionListenerOptions = {}): TransactionListenerDecorator {
  return (target) => {
    const before = (Reflect.getOwnMetadata(TRANSACTION_LISTENER_METADATA, target) ??
      []) as readonly TransactionListenerOptions[];
    Reflect.defineMetadata(TRANSACTION_LISTENER_METADATA, [options, ...before], target);
  };
}
