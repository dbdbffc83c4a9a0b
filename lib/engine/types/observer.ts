import type { StoredRecord } from './store.js';

/** RocketMQ's types of messages. */
export type MessageTypeName = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION';

/** Learns how sends go. */
export interface SendObserver {
  /** Messages of one send are stored. */
  sent(topic: string, type: MessageTypeName, messages: number, bytes: number, tookMs: number): void;
  sendFailed(topic: string, error: unknown, tookMs: number): void;
  replyDropped(topic: string, msgId: string): void;
}

/** Learns how records get to the disk. */
export interface FlushObserver {
  /** A group of records has become visible. */
  flushed(messages: number, tookMs: number): void;
  synced(tookMs: number): void;
  flushFailed(error: unknown, lostMessages: number): void;
}

/** Learns how the handler of one subscription does. All members of a group with the same topic share one. */
export interface HandlerObserver {
  handedOver(bytes: number): void;
  /** A call of the handler has ended, or was given up. */
  ended(tookMs: number): void;
  succeeded(messages: number): void;
  /** @param reason what was thrown, or `RECONSUME_LATER` */
  failed(record: StoredRecord, reason: unknown): void;
  timedOut(record: StoredRecord): void;
  retried(record: StoredRecord): void;
  deadLettered(record: StoredRecord, deadLetterTopic: string): void;
  redeliveryFailed(record: StoredRecord, error: unknown): void;
}

/** A transaction, as far as an observer is told of it. */
export interface ObservedTransaction {
  readonly transactionId: string;
  readonly producerGroup: string;
  readonly topic: string;
}

/** Learns what becomes of transactions. */
export interface TransactionObserver {
  transactionEnded(transaction: ObservedTransaction, state: 'COMMIT' | 'ROLLBACK'): void;
  checkFailed(transaction: ObservedTransaction, error: unknown): void;
  transactionSetAside(transaction: ObservedTransaction, checkTimes: number): void;
}

/**
 * Told by the rooms of the engine what they do, at the place where it happens. Some of these calls are made for each message, so an observer counts
 * and returns; and it never throws.
 */
export interface EngineObserver extends SendObserver, FlushObserver, TransactionObserver {
  handler(group: string, topic: string): HandlerObserver;
}
