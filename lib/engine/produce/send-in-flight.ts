import { SendTimeoutError } from '../../errors/index.js';
import type { AppendedRecord, AppendWaiter, SendResult } from '../types/index.js';
import type { PendingSend } from './send-deadlines.js';

/** What every answer says of the broker. */
export interface BrokerIdentity {
  readonly brokerName: string;
  /** The offset message id of a record. */
  readonly offsetMsgId: (physicalOffset: number) => string;
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
  readonly #topic: string;
  readonly #timeoutMs: number;
  readonly #broker: BrokerIdentity;
  readonly #resolve: (result: SendResult) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    topic: string,
    timeoutMs: number,
    nowMs: number,
    broker: BrokerIdentity,
    resolve: (result: SendResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.#topic = topic;
    this.#timeoutMs = timeoutMs;
    this.deadlineMs = nowMs + timeoutMs;
    this.#broker = broker;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onStored(record: AppendedRecord): void {
    this.#answer(this.#broker.offsetMsgId(record.physicalOffset), record.queueOffset);
  }

  /** All messages of a batch are stored. @param records in the order of the messages */
  onBatchStored(records: readonly AppendedRecord[]): void {
    const offsetIds = records.map((record) => this.#broker.offsetMsgId(record.physicalOffset));
    this.#answer(offsetIds.join(','), records[0]!.queueOffset);
  }

  onFailed(error: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    this.#reject(error);
  }

  expire(): void {
    this.onFailed(new SendTimeoutError({ topic: this.#topic, timeoutMs: this.#timeoutMs }));
  }

  #answer(offsetMsgId: string, queueOffset: number): void {
    if (this.isDone) return;
    this.isDone = true;
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
}
