import type {
  EngineEventListener,
  EngineLogger,
  EngineObserver,
  HandlerObserver,
  MessageTypeName,
  ObservedTransaction,
} from '../types/index.js';
import { EventHub } from './event-hub.js';
import { HandlerStats } from './handler-stats.js';
import { COUNT_BOUNDS, DURATION_BOUNDS_MS, Histogram } from './histogram.js';
import { SendStats } from './send-stats.js';
import { TallyByName } from './tally-by-name.js';

/** Codes of errors that say that the store, not the message, was the reason. */
const STORE_CODES: ReadonlySet<string> = new Set(['DISK_FULL', 'STORE_WRITE_FAILED', 'SEND_TIMEOUT']);

/** Counts what the rooms of a broker tell it, and hands on what has failed. */
export class EngineMonitor implements EngineObserver {
  readonly sends = new SendStats();
  readonly flushTimesMs = new Histogram(DURATION_BOUNDS_MS);
  readonly syncTimesMs = new Histogram(DURATION_BOUNDS_MS);
  readonly flushSizes = new Histogram(COUNT_BOUNDS);
  readonly commits = new TallyByName('topic');
  readonly rollbacks = new TallyByName('topic');
  /** There are as many producer groups as the app registers checkers for. */
  readonly checkFailures = new TallyByName('producer_group');
  flushFailures = 0;
  readonly #events: EventHub;
  /** By group, then by topic. */
  readonly #handlers = new Map<string, Map<string, HandlerStats>>();

  constructor(logger: EngineLogger) {
    this.#events = new EventHub(logger);
  }

  /** @returns a function that ends it */
  listen(listener: EngineEventListener): () => void {
    return this.#events.listen(listener);
  }

  sent(topic: string, type: MessageTypeName, messages: number, bytes: number, tookMs: number): void {
    this.sends.sent(topic, type, messages, bytes, tookMs);
  }

  sendFailed(topic: string, error: unknown, tookMs: number): void {
    const code = codeOf(error);
    this.sends.failed(code, tookMs);
    if (!this.#events.isHeard) return;
    this.#events.emit({ type: 'sendFailed', topic, error });
    if (STORE_CODES.has(code)) this.#events.emit({ type: 'storeRefused', topic, error });
  }

  replyDropped(topic: string, msgId: string): void {
    this.sends.droppedReplies++;
    if (this.#events.isHeard) this.#events.emit({ type: 'replyDropped', topic, msgId });
  }

  flushed(messages: number, tookMs: number): void {
    this.flushSizes.record(messages);
    this.flushTimesMs.record(tookMs);
  }

  synced(tookMs: number): void {
    this.syncTimesMs.record(tookMs);
  }

  flushFailed(error: unknown, lostMessages: number): void {
    this.flushFailures++;
    if (this.#events.isHeard) this.#events.emit({ type: 'flushFailed', error, lostMessages });
  }

  handler(group: string, topic: string): HandlerObserver {
    const topics = this.#handlers.get(group) ?? new Map<string, HandlerStats>();
    this.#handlers.set(group, topics);
    const stats = topics.get(topic) ?? new HandlerStats(group, this.#events);
    topics.set(topic, stats);
    return stats;
  }

  transactionEnded({ topic }: ObservedTransaction, state: 'COMMIT' | 'ROLLBACK'): void {
    (state === 'COMMIT' ? this.commits : this.rollbacks).add(topic);
  }

  checkFailed({ transactionId, producerGroup, topic }: ObservedTransaction, error: unknown): void {
    this.checkFailures.add(producerGroup);
    if (!this.#events.isHeard) return;
    this.#events.emit({ type: 'checkFailed', producerGroup, transactionId, topic, error });
  }

  transactionSetAside({ transactionId, producerGroup, topic }: ObservedTransaction, checkTimes: number): void {
    if (!this.#events.isHeard) return;
    this.#events.emit({ type: 'transactionSetAside', producerGroup, transactionId, topic, checkTimes });
  }

  /** The handlers that there are or were, of groups and topics that still exist. What is let go of must not be in use. */
  handlers(
    hasGroup: (group: string) => boolean,
    hasTopic: (topic: string) => boolean,
  ): readonly {
    readonly consumer_group: string;
    readonly topic: string;
    readonly stats: HandlerStats;
  }[] {
    for (const [group, topics] of this.#handlers) {
      if (!hasGroup(group)) this.#handlers.delete(group);
      for (const topic of topics.keys()) if (!hasTopic(topic)) topics.delete(topic);
    }
    return [...this.#handlers].flatMap(([group, topics]) =>
      [...topics].map(([topic, stats]) => ({ consumer_group: group, topic, stats })),
    );
  }
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'OTHER';
}
