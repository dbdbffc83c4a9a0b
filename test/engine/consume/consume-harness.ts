import { ConsumeService, type ConsumerOptions, type GroupConsumer } from '../../../lib/engine/consume/index.js';
import { DelayLevelService, RetryService } from '../../../lib/engine/delivery/index.js';
import { compileSelector } from '../../../lib/engine/filter/index.js';
import { topicConfig } from '../../../lib/engine/store/index.js';
import type {
  BatchMessageHandler,
  MessageExt,
  MessageHandler,
  RecordDraft,
  Redelivery,
  SubscriptionSpec,
  TopicConfig,
} from '../../../lib/engine/types/index.js';
import { draftOf, StoreHarness, type HarnessOptions, type RecordingLogger } from '../delivery/store-harness.js';

/** Consumption on a real store with real delay levels and retries, on a disk in memory and a clock that the test moves. */
export class ConsumeHarness {
  readonly store: StoreHarness;
  readonly consume: ConsumeService;
  readonly #delay: DelayLevelService;

  private constructor(store: StoreHarness, redelivery: Redelivery | undefined) {
    this.store = store;
    const retries = redelivery ?? new RetryService(store.context, store.levels);
    this.consume = new ConsumeService(store.context, {
      redelivery: retries,
      compileSelector,
      claimGroup: () => () => undefined,
    });
    this.#delay = new DelayLevelService(store.context, store.levels);
  }

  /** @param redelivery instead of the real one */
  static async open(options: HarnessOptions = {}, redelivery?: Redelivery): Promise<ConsumeHarness> {
    return ConsumeHarness.on(await StoreHarness.open(options), redelivery);
  }

  static async on(store: StoreHarness, redelivery?: Redelivery): Promise<ConsumeHarness> {
    const harness = new ConsumeHarness(store, redelivery);
    await harness.consume.start();
    await harness.#delay.start();
    return harness;
  }

  get logger(): RecordingLogger {
    return this.store.logger;
  }

  settle(): Promise<void> {
    return this.store.settle();
  }

  advance(durationMs: number): Promise<void> {
    return this.store.advance(durationMs);
  }

  async close(): Promise<void> {
    await this.consume.close({ timeoutMs: 0 });
    await this.#delay.close();
    await this.store.close();
  }

  /** A clean stop, and a start on the same directory. */
  async restart(): Promise<ConsumeHarness> {
    await this.close();
    return ConsumeHarness.on(await this.store.reopened());
  }

  /** What a process finds that starts after this one was killed now. */
  async crash(): Promise<ConsumeHarness> {
    return ConsumeHarness.on(await this.store.crashed());
  }

  async createTopic(topicName: string, queueNums: number, changes: Partial<TopicConfig> = {}): Promise<void> {
    await this.store.context.topics.put({ ...topicConfig(topicName, queueNums), ...changes });
  }

  /** Stores messages, one for each body, in the order given, and waits until what that sets off has come to rest. */
  async send(topic: string, bodies: readonly string[], changes: Partial<RecordDraft> = {}): Promise<void> {
    const { store } = this.store.context;
    const properties = changes.tags === undefined ? {} : { TAGS: changes.tags };
    const drafts = bodies.map((body) => ({ ...draftOf(topic, body, { UNIQ_KEY: body, ...properties }), ...changes }));
    await Promise.all(drafts.map((draft) => store.append(draft)));
    await this.settle();
  }

  subscribe(
    group: string,
    subscriptions: Partial<SubscriptionSpec> | readonly Partial<SubscriptionSpec>[],
    changes: Partial<ConsumerOptions> = {},
  ): Promise<GroupConsumer> {
    const list: readonly Partial<SubscriptionSpec>[] = Array.isArray(subscriptions) ? subscriptions : [subscriptions];
    return this.consume.subscribe({
      group,
      messageModel: 'CLUSTERING',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: list.map((subscription) => ({
        ...DEFAULT_SUBSCRIPTION,
        ...handlerOf(subscription),
        ...subscription,
      })),
      ...changes,
    });
  }

  /** The committed offset of each queue, in the order of queue ids. */
  offsets(topic: string, group: string): readonly (number | undefined)[] {
    const queueNums = this.store.context.topics.get(topic)?.readQueueNums ?? 0;
    return Array.from({ length: queueNums }, (_, queueId) => this.consume.offsets.get(topic, group, queueId));
  }

  async bodiesIn(topic: string): Promise<readonly string[]> {
    return (await this.store.read(topic)).map((message) => message.body.toString());
  }
}

const DEFAULT_SUBSCRIPTION: SubscriptionSpec = {
  topic: 'orders',
  selector: { type: 'TAG', expression: '*' },
  consumeMode: 'CONCURRENTLY',
  concurrency: 20,
  maxReconsumeTimes: -1,
  delayLevelWhenNextConsume: 0,
  suspendCurrentQueueTimeMs: 1000,
  consumeTimeoutMs: 15 * 60_000,
  batchSize: 1,
  pullThresholdForQueue: 1000,
  pullThresholdSizeForQueueBytes: 100 * 1024 * 1024,
};

/** A batch handler excludes the default one. */
const handlerOf = ({ batchHandler }: Partial<SubscriptionSpec>): Partial<SubscriptionSpec> =>
  batchHandler === undefined ? { handler: () => undefined } : { batchSize: 32 };

/** A handler that keeps what it saw; `answer` says what it does with each message. */
export class Witness {
  readonly seen: MessageExt[] = [];
  readonly handler: MessageHandler;

  constructor(answer: (message: MessageExt) => unknown = () => undefined) {
    this.handler = (message) => {
      this.seen.push(message);
      return answer(message);
    };
  }

  get bodies(): readonly string[] {
    return this.seen.map((message) => message.body.toString());
  }

  /** Bodies with the number of the attempt, from 1. */
  get attempts(): readonly string[] {
    return this.seen.map((message) => `${message.body.toString()}#${message.reconsumeTimes + 1}`);
  }
}

/** Handlers that run until the test ends them. */
export class Gate {
  readonly #running: { readonly body: string; end: (error?: unknown) => void }[] = [];
  readonly handler = (message: MessageExt): Promise<void> => {
    return new Promise((resolve, reject) => {
      const end = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#running.push({ body: message.body.toString(), end });
    });
  };

  /** Bodies of messages whose handlers are running, in the order of their starts. */
  get running(): readonly string[] {
    return this.#running.map(({ body }) => body);
  }

  end(body: string, error?: unknown): void {
    const index = this.#running.findIndex((other) => other.body === body);
    if (index === -1) throw new Error(`No handler runs for "${body}".`);
    this.#running.splice(index, 1)[0]!.end(error);
  }

  endAll(): void {
    for (const { end } of this.#running.splice(0)) end();
  }
}

/** A handler of batches that keeps what it saw; `answer` says what it does with each batch. */
export class BatchWitness {
  readonly seen: (readonly MessageExt[])[] = [];
  readonly handler: BatchMessageHandler;

  constructor(
    answer: (bodies: readonly string[], ...args: Parameters<BatchMessageHandler>) => unknown = () => undefined,
  ) {
    this.handler = (messages, context) => {
      this.seen.push(messages);
      return answer(
        messages.map(({ body }) => body.toString()),
        messages,
        context,
      );
    };
  }

  get bodies(): readonly (readonly string[])[] {
    return this.seen.map((batch) => batch.map(({ body }) => body.toString()));
  }

  /** Bodies with the number of the attempt, from 1. */
  get attempts(): readonly (readonly string[])[] {
    return this.seen.map((batch) =>
      batch.map(({ body, reconsumeTimes }) => `${body.toString()}#${reconsumeTimes + 1}`),
    );
  }
}

export { numbered } from '../../support/numbered.js';
