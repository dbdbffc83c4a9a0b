import { SendTimeoutError } from '../../errors/index.js';
import type { AppendedRecord, AppendWaiter, Clock, MessageTypeName, SendObserver, SendResult } from '../types/index.js';
import type { FailurePacer } from './failure-pacer.js';
import type { DeadlineLane, PendingSend } from './send-deadlines.js';

/** What every answer says of the broker. */
export interface BrokerIdentity {
  readonly brokerName: string;
  /** The offset message id of a record. */
  readonly offsetMsgId: (physicalOffset: number) => string;
}

/** What a send needs beside its message. */
export interface SendEnvironment extends BrokerIdentity {
  readonly clock: Clock;
  readonly failures: FailurePacer;
  /** Undefined: nobody is told how sends go. */
  readonly observer?: SendObserver | undefined;
}

/** One send between its call and its answer. Every message has one, so it holds what it needs itself, without objects around it. */
export class SendInFlight implements AppendWaiter, PendingSend {
  isDone = false;
  readonly promise: Promise<SendResult>;
  readonly deadlineMs: number;
  lane: DeadlineLane | undefined;
  before: PendingSend | undefined;
  behind: PendingSend | undefined;
  /** Known when the message has been given a queue and an id. */
  queueId = 0;
  msgId = '';
  transactionId: string | undefined;
  recallHandle: string | undefined;
  messageType: MessageTypeName = 'NORMAL';
  readonly #topic: string;
  readonly #timeoutMs: number;
  readonly #startedMs: number;
  readonly #broker: SendEnvironment;
  #resolve!: (result: SendResult) => void;
  #reject!: (error: unknown) => void;

  constructor(topic: string, timeoutMs: number, broker: SendEnvironment) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
    this.#startedMs = broker.clock.monotonicMs();
    this.deadlineMs = this.#startedMs + timeoutMs;
    this.#broker = broker;
  }

  onStored(record: AppendedRecord, atMs: number = this.#broker.clock.monotonicMs()): void {
    this.#answer(this.#broker.offsetMsgId(record.physicalOffset), record.queueOffset, 1, record.sizeBytes, atMs);
  }

  /** All messages of a batch are stored. @param records in the order of the messages */
  onBatchStored(records: readonly AppendedRecord[]): void {
    const offsetIds = records.map((record) => this.#broker.offsetMsgId(record.physicalOffset));
    const sizeBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0);
    const nowMs = this.#broker.clock.monotonicMs();
    this.#answer(offsetIds.join(','), records[0]!.queueOffset, records.length, sizeBytes, nowMs);
  }

  onFailed(error: unknown): void {
    if (!this.#end()) return;
    this.#broker.observer?.sendFailed(this.#topic, error, this.#broker.clock.monotonicMs() - this.#startedMs);
    this.#broker.failures.tell(() => this.#reject(error));
  }

  expire(): void {
    this.onFailed(new SendTimeoutError({ topic: this.#topic, timeoutMs: this.#timeoutMs }));
  }

  #answer(offsetMsgId: string, queueOffset: number, messages: number, sizeBytes: number, atMs: number): void {
    if (!this.#end()) return;
    this.#broker.observer?.sent(this.#topic, this.messageType, messages, sizeBytes, atMs - this.#startedMs);
    const messageQueue = { topic: this.#topic, brokerName: this.#broker.brokerName, queueId: this.queueId };
    const { msgId, transactionId, recallHandle } = this;
    const result: SendResult = { sendStatus: 'SEND_OK', msgId, offsetMsgId, messageQueue, queueOffset };
    // Most messages are neither of a transaction nor delayed.
    if (transactionId !== undefined) this.#resolve(withTransactionId(result, transactionId));
    else this.#resolve(recallHandle === undefined ? result : { ...result, recallHandle });
  }

  /** Returns false when it has ended before. */
  #end(): boolean {
    if (this.isDone) return false;
    this.isDone = true;
    this.lane?.remove(this);
    return true;
  }
}

/** Not by a spread, which costs more than all the rest of the answer. */
function withTransactionId(result: SendResult, transactionId: string): SendResult {
  const { sendStatus, msgId, offsetMsgId, messageQueue, queueOffset } = result;
  return { sendStatus, msgId, offsetMsgId, messageQueue, queueOffset, transactionId };
}
