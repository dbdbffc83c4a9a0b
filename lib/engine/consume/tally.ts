import type { ConsumeCounters, HandlerObserver, StoredRecord } from '../types/index.js';
import type { HeldMessage } from './failure-policy.js';

/** Counts what becomes of the messages of one subscription of a member, and tells its observer. */
export class Tally implements ConsumeCounters {
  consumed = 0;
  failed = 0;
  retried = 0;
  deadLettered = 0;
  timedOut = 0;
  filtered = 0;
  /** Undefined: nobody is told. */
  readonly #observer: HandlerObserver | undefined;

  constructor(observer?: HandlerObserver) {
    this.#observer = observer;
  }

  handOver(record: StoredRecord): void {
    this.#observer?.handedOver(record.storeSize);
  }

  /** A handler has ended, or was given up, after `tookMs`. */
  endCall(tookMs: number): void {
    this.#observer?.ended(tookMs);
  }

  consume(messages: number): void {
    this.consumed += messages;
    this.#observer?.succeeded(messages);
  }

  /** @param reason what was thrown, or `RECONSUME_LATER` */
  fail(messages: readonly HeldMessage[], reason: unknown): void {
    this.failed += messages.length;
    for (const { record } of messages) this.#observer?.failed(record, reason);
  }

  timeOut(messages: readonly HeldMessage[]): void {
    this.timedOut += messages.length;
    for (const { record } of messages) this.#observer?.timedOut(record);
  }

  /** The message comes again: it is stored for that, or is kept in memory. */
  retry(record: StoredRecord): void {
    this.retried++;
    this.#observer?.retried(record);
  }

  deadLetter(record: StoredRecord, deadLetterTopic: string): void {
    this.deadLettered++;
    this.#observer?.deadLettered(record, deadLetterTopic);
  }

  redeliveryFailed(record: StoredRecord, error: unknown): void {
    this.#observer?.redeliveryFailed(record, error);
  }

  /** The counts as they are now; what is counted later does not change them. */
  snapshot(): ConsumeCounters {
    const { consumed, failed, retried, deadLettered, timedOut, filtered } = this;
    return { consumed, failed, retried, deadLettered, timedOut, filtered };
  }
}

/** Adds up several counts. */
export function sumOf(counters: readonly ConsumeCounters[]): ConsumeCounters {
  const sum = new Tally();
  for (const each of counters) {
    sum.consumed += each.consumed;
    sum.failed += each.failed;
    sum.retried += each.retried;
    sum.deadLettered += each.deadLettered;
    sum.timedOut += each.timedOut;
    sum.filtered += each.filtered;
  }
  return sum.snapshot();
}
