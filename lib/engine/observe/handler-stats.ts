import { RECONSUME_LATER, type EngineEvent, type HandlerObserver, type StoredRecord } from '../types/index.js';
import type { EventHub } from './event-hub.js';
import { HANDLER_BOUNDS_MS, Histogram } from './histogram.js';

/** Counts what the handlers of one topic in one group do, and tells of what fails. */
export class HandlerStats implements HandlerObserver {
  messages = 0;
  bytes = 0;
  done = 0;
  failures = 0;
  timeouts = 0;
  retries = 0;
  deadLetters = 0;
  readonly durationsMs = new Histogram(HANDLER_BOUNDS_MS);
  readonly #group: string;
  readonly #events: EventHub;

  constructor(group: string, events: EventHub) {
    this.#group = group;
    this.#events = events;
  }

  handedOver(bytes: number): void {
    this.messages++;
    this.bytes += bytes;
  }

  ended(tookMs: number): void {
    this.durationsMs.record(tookMs);
  }

  succeeded(messages: number): void {
    this.done += messages;
  }

  failed(record: StoredRecord, reason: unknown): void {
    this.failures++;
    // A handler that asks for a retry knows what it does: that is no failure to be told of.
    if (reason === RECONSUME_LATER || !this.#events.isHeard) return;
    this.#emit({ type: 'handlerFailed', ...this.#delivery(record), error: reason });
  }

  timedOut(record: StoredRecord): void {
    this.timeouts++;
    if (this.#events.isHeard) this.#emit({ type: 'handlerTimedOut', ...this.#delivery(record) });
  }

  retried(record: StoredRecord): void {
    this.retries++;
    if (this.#events.isHeard) this.#emit({ type: 'messageRetried', ...this.#delivery(record) });
  }

  deadLettered(record: StoredRecord, deadLetterTopic: string): void {
    this.deadLetters++;
    if (!this.#events.isHeard) return;
    this.#emit({ type: 'messageDeadLettered', ...this.#delivery(record), deadLetterTopic });
  }

  redeliveryFailed(record: StoredRecord, error: unknown): void {
    if (this.#events.isHeard) this.#emit({ type: 'redeliveryFailed', ...this.#delivery(record), error });
  }

  #emit(event: EngineEvent): void {
    this.#events.emit(event);
  }

  #delivery({ topic, msgId, reconsumeTimes }: StoredRecord): {
    group: string;
    topic: string;
    msgId: string;
    attempt: number;
  } {
    return { group: this.#group, topic, msgId, attempt: reconsumeTimes + 1 };
  }
}
