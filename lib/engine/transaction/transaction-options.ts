export interface TransactionOptions {
  /**
   * Age of a half message, in milliseconds, at which the producer is asked about it for the first time (RocketMQ: `transactionTimeOut`).
   * The message's property CHECK_IMMUNITY_TIME_IN_SECONDS overrides it.
   */
  readonly transactionTimeoutMs: number;
  /** Time between two check-backs of one half message, in milliseconds (RocketMQ: `transactionCheckInterval`). */
  readonly checkIntervalMs: number;
  /** Check-backs of one half message, then it is set aside (RocketMQ: `transactionCheckMax`). */
  readonly checkMax: number;
}

/** RocketMQ's defaults. */
export const DEFAULT_TRANSACTION_OPTIONS: TransactionOptions = Object.freeze({
  transactionTimeoutMs: 6000,
  checkIntervalMs: 30_000,
  checkMax: 15,
});
