import { SendTimeoutError } from '../../errors/index.js';
import type { AppendedRecord, AppendWaiter, Clock, MessageTypeName, SendObserver, SendResult } from '../types/index.js';
import type { PendingSend } from './send-deadlines.js';

/** What every answer says of the broker. */
export interface BrokerIdentity {
  readonly brokerName: string;
  /** The offset message id of a record. */
  readonly offsetMsgId: (physicalOffset: number) => string;
}

/** What a send needs beside its message. */
export interface SendEnvironment extends BrokerIdentity {
  readonly clock: Clock;
  /** Undefined: nobody is told how sends go. */
  readonly observer?: SendObserver | undefined;
}

/** One send between its call and its answer. */
export class SendInFlight implements AppendWaiter, PendingSend {
  isDone = false;
  readonly deadlineMs: number;
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
  readonly #resolve: (result: SendResult) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    topic: string,
    timeoutMs: number,
    broker: SendEnvironment,
    resolve: (result: SendResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
    this.#startedMs = broker.clock.monotonicMs();
    this.deadlineMs = this.#startedMs + timeoutMs;
    this.#broker = broker;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onStored(record: AppendedRecord): void {
    this.#answer(this.#broker.offsetMsgId(record.physicalOffset), record.queueOffset, 1, record.sizeBytes);
  }

  /** All messages of a batch are stored. @param records in the order of the messages */
  onBatchStored(records: readonly AppendedRecord[]): void {
    const offsetIds = records.map((record) => this.#broker.offsetMsgId(record.physicalOffset));
    const sizeBytes = records.reduce((sum, record) => sum + record.sizeBytes, 0);
    this.#answer(offsetIds.join(','), records[0]!.queueOffset, records.length, sizeBytes);
  }

  onFailed(error: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#broker.observer?.sendFailed(this.#topic, error, this.#tookMs());
    this.#reject(error);
  }

  expire(): void {
    this.onFailed(new SendTimeoutError({ topic: this.#topic, timeoutMs: this.#timeoutMs }));
  }

  #answer(offsetMsgId: string, queueOffset: number, messages: number, sizeBytes: number): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#broker.observer?.sent(this.#topic, this.messageType, messages, sizeBytes, this.#tookMs());
    const messageQueue = { topic: this.#topic, brokerName: this.#broker.brokerName, queueId: this.queueId };
    const result: SendResult = { sendStatus: 'SEND_OK', msgId: this.msgId, offsetMsgId, messageQueue, queueOffset };
    this.#resolve(this.#withExtras(result));
  }

  /** Most messages are neither of a transaction nor delayed. */
  #withExtras(result: SendResult): SendResult {
    const { transactionId, recallHandle } = this;
    if (transactionId !== undefined) return { ...result, transactionId };
    return recallHandle === undefined ? result : { ...result, recallHandle };
  }

  #tookMs(): number {
    return this.#broker.clock.monotonicMs() - this.#startedMs;
  }
}
