import { allocateAveragely } from '../../../lib/engine/consume/allocation.js';
import { OffsetStore } from '../../../lib/engine/consume/index.js';
import { startPosition } from '../../../lib/engine/consume/start-position.js';
import { compileSelector } from '../../../lib/engine/filter/index.js';
import { checkGroupName, checkTopicName } from '../../../lib/engine/store/index.js';
import { PullService } from '../../../lib/engine/pull/index.js';
import type { PullConsumer, PullConsumerOptions } from '../../../lib/engine/types/index.js';
import { topicConfig } from '../../../lib/engine/store/index.js';
import type {
  MessageExt,
  MessageQueue,
  MessageStore,
  ServiceContext,
  TopicConfig,
} from '../../../lib/engine/types/index.js';
import { draftOf, StoreHarness, type RecordingLogger } from '../delivery/store-harness.js';

/** Takes the place of parts of the store, as the pull room sees it. */
export type StoreChange = (store: MessageStore) => Partial<MessageStore>;

/** Pull consumers on a real store and real offsets, on a disk in memory and a clock that the test moves. */
export class PullHarness {
  readonly store: StoreHarness;
  readonly pull: PullService;
  readonly offsets: OffsetStore;

  private constructor(store: StoreHarness, change: StoreChange) {
    this.store = store;
    this.offsets = new OffsetStore(store.context);
    const context: ServiceContext = { ...store.context, store: changed(store.context.store, change) };
    this.pull = new PullService(context, {
      offsets: this.offsets,
      compileSelector,
      claimGroup: () => () => undefined,
      startPosition,
      allocateQueues: allocateAveragely,
      checkGroupName: (group) => checkGroupName(group),
      checkTopicName: (topic) => checkTopicName(topic),
    });
  }

  static async open(change: StoreChange = () => ({})): Promise<PullHarness> {
    return PullHarness.on(await StoreHarness.open(), change);
  }

  static async on(store: StoreHarness, change: StoreChange = () => ({})): Promise<PullHarness> {
    const harness = new PullHarness(store, change);
    await harness.offsets.open();
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
    await this.pull.close();
    await this.store.close();
  }

  /** A clean stop, and a start on the same directory: what was in memory comes from the disk now. */
  async restart(): Promise<PullHarness> {
    await this.close();
    return PullHarness.on(await this.store.reopened());
  }

  /** What a process finds that starts after this one was killed now. */
  async crash(): Promise<PullHarness> {
    return PullHarness.on(await this.store.crashed());
  }

  async createTopic(topicName: string, queueNums: number, changes: Partial<TopicConfig> = {}): Promise<void> {
    await this.store.context.topics.put({ ...topicConfig(topicName, queueNums), ...changes });
  }

  /** Stores messages, one for each body, in the order given. */
  async send(topic: string, queueId: number, bodies: readonly string[], tags?: string): Promise<void> {
    const properties = tags === undefined ? {} : { TAGS: tags };
    const { store } = this.store.context;
    await Promise.all(bodies.map((body) => store.append({ ...draftOf(topic, body, properties), queueId })));
    await this.settle();
  }

  /** A pull consumer that begins with the oldest message. */
  create(changes: Partial<PullConsumerOptions> = {}): Promise<PullConsumer> {
    return this.pull.createConsumer({ group: 'readers', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET', ...changes });
  }

  async subscribed(changes: Partial<PullConsumerOptions> = {}, topic = 'log'): Promise<PullConsumer> {
    const consumer = await this.create(changes);
    await consumer.subscribe(topic);
    return consumer;
  }

  /** The committed offset of each queue, in the order of queue ids. */
  committed(topic = 'log', group = 'readers'): readonly (number | undefined)[] {
    const queueNums = this.store.context.topics.get(topic)?.readQueueNums ?? 0;
    return Array.from({ length: queueNums }, (_, queueId) => this.offsets.get(topic, group, queueId));
  }
}

function changed(store: MessageStore, change: StoreChange): MessageStore {
  return {
    append: (draft) => store.append(draft),
    submit: (draft, waiter) => store.submit(draft, waiter),
    onGroupClosing: (listener) => store.onGroupClosing(listener),
    pull: (request) => store.pull(request),
    entries: (topic, queueId, offset, maxCount) => store.entries(topic, queueId, offset, maxCount),
    readRecord: (physicalOffset) => store.readRecord(physicalOffset),
    queueRange: (topic, queueId) => store.queueRange(topic, queueId),
    offsetByTime: (topic, queueId, timestampMs) => store.offsetByTime(topic, queueId, timestampMs),
    onArrival: (topic, listener) => store.onArrival(topic, listener),
    syncWritten: () => store.syncWritten(),
    ...change(store),
  };
}

export const queue = (queueId: number, topic = 'log'): MessageQueue => ({ topic, brokerName: 'broker-a', queueId });

export const bodies = (messages: readonly MessageExt[]): readonly string[] =>
  messages.map((message) => message.body.toString());

/** What is there now. */
export const pollNow = async (consumer: PullConsumer, maxCount = 100): Promise<readonly string[]> =>
  bodies(await consumer.poll({ maxCount, timeoutMs: 0 }));

export { numbered } from '../../support/numbered.js';

/** Looks at a promise without waiting for it. */
export class Watched<T> {
  value: T | undefined;
  error: unknown;
  state: 'pending' | 'resolved' | 'rejected' = 'pending';

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => {
        this.state = 'resolved';
        this.value = value;
      },
      (error: unknown) => {
        this.state = 'rejected';
        this.error = error;
      },
    );
  }
}
