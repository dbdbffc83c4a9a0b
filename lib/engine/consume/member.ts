import { RECONSUME_LATER, type MessageExt, type SubscriptionSpec } from '../types/index.js';
import { BroadcastFailures } from './broadcast-failures.js';
import { ConcurrentFailures } from './concurrent-failures.js';
import type { ConsumeRoom } from './consume-room.js';
import { Dispatcher } from './dispatcher.js';
import type { FailurePolicy } from './failure-policy.js';
import { OrderlyFailures } from './orderly-failures.js';
import { PrefetchBudget } from './prefetch-budget.js';
import type { FetchLimits, QueueOwner } from './process-queue.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';

/** One member of a consumer group: its handlers, and how much it may hold. The queues that it works on belong to the group. */
export class Member implements QueueOwner {
  readonly spec: ResolvedConsumerSpec;
  readonly budget: PrefetchBudget;
  readonly #room: ConsumeRoom;
  readonly #dispatchers = new Map<string, Dispatcher>();
  /** For retries of topics that the group subscribes to no more. */
  readonly #unsubscribed: Dispatcher;
  #isPaused = false;
  /** Set while the member leaves: called when a dispatcher has become idle. */
  #whenIdle: (() => void) | undefined;

  constructor(room: ConsumeRoom, spec: ResolvedConsumerSpec) {
    this.#room = room;
    this.spec = spec;
    this.budget = new PrefetchBudget(spec.pullThresholdForConsumer, spec.pullThresholdSizeForConsumerBytes);
    for (const subscription of spec.subscriptions) {
      this.#dispatchers.set(subscription.topic, this.#dispatcher(subscription, this.#failurePolicy(subscription)));
    }
    const postpone = { concurrency: 1, consumeMode: 'CONCURRENTLY', handler: this.#postpone } as const;
    this.#unsubscribed = this.#dispatcher(postpone, new ConcurrentFailures(room, spec.group, 0, -1));
  }

  get clientId(): string {
    return this.spec.clientId;
  }

  get isPaused(): boolean {
    return this.#isPaused;
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

  pause(): void {
    this.#isPaused = true;
    for (const dispatcher of this.#all()) dispatcher.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const dispatcher of this.#all()) dispatcher.resume();
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

  #all(): readonly Dispatcher[] {
    return [...this.#dispatchers.values(), this.#unsubscribed];
  }

  #dispatcher(
    { handler, concurrency, consumeMode }: Pick<SubscriptionSpec, 'handler' | 'concurrency' | 'consumeMode'>,
    failures: FailurePolicy,
  ): Dispatcher {
    const onIdle = (): void => this.#whenIdle?.();
    return new Dispatcher(this.#room, { handler, concurrency, orderly: consumeMode === 'ORDERLY', failures, onIdle });
  }

  #failurePolicy(subscription: SubscriptionSpec): FailurePolicy {
    const { group, messageModel } = this.spec;
    const { consumeMode, delayLevelWhenNextConsume, maxReconsumeTimes, suspendCurrentQueueTimeMs } = subscription;
    if (messageModel === 'BROADCASTING') return new BroadcastFailures(this.#room, group);
    return consumeMode === 'ORDERLY'
      ? new OrderlyFailures(this.#room, group, suspendCurrentQueueTimeMs, maxReconsumeTimes)
      : new ConcurrentFailures(this.#room, group, delayLevelWhenNextConsume, maxReconsumeTimes);
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
