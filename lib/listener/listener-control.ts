import type { Consumer, ConsumeCounters, ConsumerQueueStatus } from '../engine/index.js';
import type { ListenerDefinition } from './listener-definition.js';
import type { ListenerHandle, ListenerStatus } from './listener-handle.js';

const NOTHING_YET: ConsumeCounters = { consumed: 0, failed: 0, retried: 0, deadLettered: 0, timedOut: 0, filtered: 0 };

/** One listener's share in a member of its group. */
export class ListenerControl implements ListenerHandle {
  readonly definition: ListenerDefinition;
  #consumer: Consumer | undefined;
  #isPaused = false;
  #hasBegun = false;
  #isClosed = false;

  constructor(definition: ListenerDefinition) {
    this.definition = definition;
  }

  get id(): string {
    return this.definition.options.id;
  }

  get name(): string {
    return this.definition.name;
  }

  get topic(): string {
    return this.definition.options.topic;
  }

  get consumerGroup(): string {
    return this.definition.options.consumerGroup;
  }

  /** Before the listener begins this is kept for then. */
  pause(): void {
    this.#isPaused = true;
    if (this.#hasBegun) this.#consumer?.pause(this.topic);
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#hasBegun && !this.#isClosed) this.#consumer?.resume(this.topic);
  }

  status(): ListenerStatus {
    const { id, topic, consumerGroup } = this;
    const status = this.#consumer?.status();
    const own = status?.subscriptions.find((subscription) => subscription.topic === topic);
    const { consumed, failed, retried, deadLettered, timedOut, filtered } = own ?? NOTHING_YET;
    const queues = status?.queues.filter((queue) => queue.topic === topic) ?? [];
    return {
      id,
      topic,
      consumerGroup,
      state: this.#state(),
      running: own?.running ?? 0,
      queues,
      prefetched: sum(queues, ({ prefetched }) => prefetched),
      lag: sum(queues, ({ lag }) => lag),
      consumed,
      failed,
      retried,
      deadLettered,
      timedOut,
      filtered,
    };
  }

  /** The group has been joined; the consumer is paused. */
  joined(consumer: Consumer): void {
    this.#consumer = consumer;
  }

  /** The consumer has been resumed. */
  begin(): void {
    this.#hasBegun = true;
    if (this.#isPaused) this.#consumer?.pause(this.topic);
  }

  closed(): void {
    this.#isClosed = true;
  }

  #state(): ListenerStatus['state'] {
    if (this.#isClosed) return 'closed';
    if (this.#isPaused) return 'paused';
    return this.#hasBegun ? 'running' : 'waiting';
  }
}

function sum(queues: readonly ConsumerQueueStatus[], valueOf: (queue: ConsumerQueueStatus) => number): number {
  return queues.reduce((total, queue) => total + valueOf(queue), 0);
}
