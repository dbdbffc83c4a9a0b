import { InvalidOptionError } from '../../errors/index.js';
import {
  RECONSUME_LATER,
  retryTopicOf,
  type ConsumeCounters,
  type MessageExt,
  type SubscriptionSpec,
  type SubscriptionStatus,
} from '../types/index.js';
import { BroadcastFailures } from './broadcast-failures.js';
import { ConcurrentFailures } from './concurrent-failures.js';
import type { ConsumeRoom } from './consume-room.js';
import { Dispatcher } from './dispatcher.js';
import type { FailurePolicy } from './failure-policy.js';
import { OrderlyFailures } from './orderly-failures.js';
import { PrefetchBudget } from './prefetch-budget.js';
import type { FetchLimits, QueueOwner } from './process-queue.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';
import { sumOf, Tally } from './tally.js';

/** One member of a consumer group: its handlers, and how much it may hold. The queues that it works on belong to the group. */
export class Member implements QueueOwner {
  readonly spec: ResolvedConsumerSpec;
  readonly budget: PrefetchBudget;
  readonly #room: ConsumeRoom;
  readonly #dispatchers = new Map<string, Dispatcher>();
  /** For retries of topics that the group subscribes to no more. */
  readonly #unsubscribed: Dispatcher;
  /** Set while the member leaves: called when a dispatcher has become idle. */
  #whenIdle: (() => void) | undefined;

  constructor(room: ConsumeRoom, spec: ResolvedConsumerSpec) {
    this.#room = room;
    this.spec = spec;
    this.budget = new PrefetchBudget(spec.pullThresholdForConsumer, spec.pullThresholdSizeForConsumerBytes);
    for (const subscription of spec.subscriptions) {
      this.#dispatchers.set(subscription.topic, this.#dispatcher(subscription, subscription.topic));
    }
    const postponed = {
      ...spec.subscriptions[0]!,
      handler: this.#postpone,
      batchHandler: undefined,
      batchSize: 1,
      concurrency: 1,
      consumeMode: 'CONCURRENTLY',
      delayLevelWhenNextConsume: 0,
      maxReconsumeTimes: -1,
    } satisfies SubscriptionSpec;
    this.#unsubscribed = this.#dispatcher(postponed, retryTopicOf(spec.group));
  }

  get clientId(): string {
    return this.spec.clientId;
  }

  /** In all topics. */
  get isPaused(): boolean {
    return [...this.#dispatchers.values()].every((dispatcher) => dispatcher.isPaused);
  }

  /** Handlers that are running. */
  get running(): number {
    return this.#all().reduce((sum, dispatcher) => sum + dispatcher.running, 0);
  }

  /** The retry topic, which no subscription names, gets the widest limits of all. */
  fetchLimits(topic: string): FetchLimits {
    const own = this.spec.subscriptions.filter((subscription) => subscription.topic === topic);
    const meant = own.length > 0 ? own : this.spec.subscriptions;
    return {
      maxCount: Math.max(...meant.map(({ pullThresholdForQueue }) => pullThresholdForQueue)),
      maxBytes: Math.max(...meant.map(({ pullThresholdSizeForQueueBytes }) => pullThresholdSizeForQueueBytes)),
    };
  }

  dispatcherOf(laneTopic: string | undefined): Dispatcher {
    return (laneTopic === undefined ? undefined : this.#dispatchers.get(laneTopic)) ?? this.#unsubscribed;
  }

  passedOver(topic: string, count: number): void {
    const tally = this.#dispatchers.get(topic)?.tally;
    if (tally !== undefined) tally.filtered += count;
  }

  pause(topic: string | undefined): void {
    for (const dispatcher of this.#chosen(topic)) dispatcher.pause();
  }

  resume(topic: string | undefined): void {
    for (const dispatcher of this.#chosen(topic)) dispatcher.resume();
  }

  /** Of each topic that the member subscribes to. */
  subscriptions(): readonly SubscriptionStatus[] {
    return [...this.#dispatchers].map(([topic, { isPaused, running, tally }]) => {
      return { topic, paused: isPaused, running, ...tally.snapshot() };
    });
  }

  /** Over all topics, and over retries of topics that the group subscribes to no more. */
  counters(): ConsumeCounters {
    return sumOf(this.#all().map(({ tally }) => tally));
  }

  /**
   * Waits until all handlers have ended and what failed is stored again, at most `timeoutMs`; then gives up the rest. The member's
   * queues must have been given away before.
   *
   * @returns how many handlers were given up
   */
  async drain(timeoutMs: number): Promise<number> {
    if (!this.#isIdle()) await this.#idleOrTimeout(timeoutMs);
    const { running } = this;
    for (const dispatcher of this.#all()) dispatcher.abandonRunning();
    return running;
  }

  async #idleOrTimeout(timeoutMs: number): Promise<void> {
    const { clock } = this.#room;
    // Without time there is still the present turn: a handler that is on the stack, or whose promise is settled, has done its work.
    if (timeoutMs === 0) return new Promise<void>((resolve) => clock.defer(resolve));
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(resolve, timeoutMs, { keepsProcessAlive: true });
      this.#whenIdle = () => {
        if (!this.#isIdle()) return;
        timer.cancel();
        resolve();
      };
    });
    this.#whenIdle = undefined;
  }

  #isIdle(): boolean {
    return this.#all().every((dispatcher) => dispatcher.isIdle);
  }

  #chosen(topic: string | undefined): readonly Dispatcher[] {
    if (topic === undefined) return this.#all();
    const dispatcher = this.#dispatchers.get(topic);
    if (dispatcher !== undefined) return [dispatcher];
    const expected = `a topic that this member of group "${this.spec.group}" subscribes to`;
    throw new InvalidOptionError({ option: 'topic', value: topic, expected });
  }

  #all(): readonly Dispatcher[] {
    return [...this.#dispatchers.values(), this.#unsubscribed];
  }

  /** @param observedTopic under which its observer knows it */
  #dispatcher(subscription: SubscriptionSpec, observedTopic: string): Dispatcher {
    const { handler, batchHandler, batchSize, concurrency, consumeMode, consumeTimeoutMs } = subscription;
    const tally = new Tally(this.#room.observer?.handler(this.spec.group, observedTopic));
    return new Dispatcher(this.#room, {
      group: this.spec.group,
      handler,
      batchHandler,
      batchSize,
      concurrency,
      orderly: consumeMode === 'ORDERLY',
      consumeTimeoutMs,
      failures: this.#failurePolicy(subscription, tally),
      tally,
      onIdle: () => this.#whenIdle?.(),
    });
  }

  #failurePolicy(subscription: SubscriptionSpec, tally: Tally): FailurePolicy {
    const { group, messageModel } = this.spec;
    const { consumeMode, delayLevelWhenNextConsume, maxReconsumeTimes, suspendCurrentQueueTimeMs } = subscription;
    if (messageModel === 'BROADCASTING') return new BroadcastFailures(this.#room, group, tally);
    return consumeMode === 'ORDERLY'
      ? new OrderlyFailures(this.#room, group, suspendCurrentQueueTimeMs, maxReconsumeTimes, tally)
      : new ConcurrentFailures(this.#room, group, delayLevelWhenNextConsume, maxReconsumeTimes, tally);
  }

  /**
   * A retry whose topic has lost its listener waits for the next level, as after a failure: the listener may come back. If it never does, the message becomes
   * a dead letter, where people look.
   */
  readonly #postpone = ({ msgId, topic }: MessageExt): typeof RECONSUME_LATER => {
    const what = `A retry of message ${msgId} can not be handled: consumer group "${this.spec.group}"`;
    this.#room.logger.warn(`${what} does not subscribe to topic "${topic}" any more. It is tried again later.`);
    return RECONSUME_LATER;
  };
}
