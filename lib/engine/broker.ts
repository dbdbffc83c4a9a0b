import { DiskFullError, StateWriteFailedError, StoreClosedError } from '../errors/index.js';
import { ActivityCount } from './activity-count.js';
import { BrokerAdmin } from './admin/index.js';
import { resolveBrokerOptions, type BrokerOptions, type ResolvedBrokerOptions } from './broker-options.js';
import { allocateAveragely, ConsumeService, startPosition } from './consume/index.js';
import { DelayLevelService, RetryService, TimerService, toScheduled } from './delivery/index.js';
import { compileSelector } from './filter/index.js';
import { GroupUses } from './group-uses.js';
import {
  ConsoleLogger,
  hostIdentity,
  MemoryFileSystem,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
} from './io/index.js';
import { EngineMonitor, lookAt, readMetrics, type BrokerParts } from './observe/index.js';
import { BodyCompressor, FailurePacer, MessageProducer, RequestTable, TopicRoute, UniqueIds } from './produce/index.js';
import { PullService } from './pull/index.js';
import {
  asUnusable,
  checkGroupName,
  checkTopicName,
  offsetMessageIds,
  openStore,
  type OpenStore,
} from './store/index.js';
import { withSubscribeDefaults } from './subscribe-options.js';
import { TransactionService } from './transaction/index.js';
import type {
  Clock,
  Consumer,
  EngineCapabilities,
  EngineEventListener,
  EngineLogger,
  EngineMetrics,
  FileSystem,
  HalfSendResult,
  Message,
  MessageEngine,
  MessageExt,
  MessageQueue,
  PullConsumer,
  PullConsumerOptions,
  Random,
  Reply,
  SendOptions,
  SendResult,
  ServiceContext,
  SubscribeOptions,
  TransactionChecker,
  TransactionState,
} from './types/index.js';

/** What a broker stands on. Each part can be replaced: by a test, or by a simulation. */
export interface BrokerEnvironment {
  readonly fileSystem?: FileSystem | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger?: EngineLogger | undefined;
}

/** The services of a broker that has been started. */
interface RunningBroker {
  readonly store: OpenStore;
  readonly producer: MessageProducer;
  readonly requests: RequestTable;
  readonly consume: ConsumeService;
  readonly pull: PullService;
  readonly delay: DelayLevelService;
  readonly timers: TimerService;
  readonly transactions: TransactionService;
  readonly admin: BrokerAdmin;
  readonly observed: BrokerParts;
}

/**
 * A RocketMQ broker inside this process: a durable log of messages, with RocketMQ's rules of delivery. It wires its rooms together and does nothing else.
 */
export class EmbeddedBroker implements MessageEngine, AsyncDisposable {
  readonly capabilities: EngineCapabilities = {
    delayLevels: true,
    transactions: true,
    requestReply: true,
    timers: true,
    pull: true,
  };
  readonly options: ResolvedBrokerOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: EngineLogger;
  readonly #fileSystem: FileSystem;
  readonly #activity: ActivityCount;
  readonly #monitor: EngineMonitor;
  readonly #failures: FailurePacer;
  #state: 'not started' | 'starting' | 'running' | 'closing' | 'closed' = 'not started';
  #running: RunningBroker | undefined;
  #starting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws InvalidOptionError */
  constructor(options: BrokerOptions = {}, environment: BrokerEnvironment = {}) {
    this.options = resolveBrokerOptions(options);
    this.#clock = environment.clock ?? new SystemClock();
    this.#random = environment.random ?? new SystemRandom();
    this.#logger = environment.logger ?? new ConsoleLogger();
    const { type } = this.options.store;
    this.#fileSystem = environment.fileSystem ?? (type === 'memory' ? new MemoryFileSystem() : new NodeFileSystem());
    this.#activity = new ActivityCount(this.#clock);
    this.#monitor = new EngineMonitor(this.#logger);
    this.#failures = new FailurePacer(this.#clock);
  }

  /**
   * Opens the store, recovers it, and takes up what waits in it.
   *
   * @throws StoreLockedError, StoreUnusableError, StoreFormatError, StoreCorruptError
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#state = 'closed';
      throw error;
    });
    return this.#starting;
  }

  /**
   * Ends consumption, brings everything to the disk and gives the store free, also when it fails. A second call waits for the first.
   *
   * @throws StoreCloseFailedError something could not be written; the next start recovers the store
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  send(message: Message, options?: SendOptions): Promise<SendResult> {
    return this.#state === 'running' ? this.#running!.producer.send(message, options) : this.#refuse('send a message');
  }

  sendBatch(messages: readonly Message[], options?: SendOptions): Promise<SendResult> {
    if (this.#state !== 'running') return this.#refuse('send a batch');
    return this.#running!.producer.sendBatch(messages, options);
  }

  writeQueues(topic: string): Promise<readonly MessageQueue[]> {
    return this.#state === 'running' ? this.#running!.producer.writeQueues(topic) : this.#refuse('look up queues');
  }

  request(message: Message, options?: SendOptions): Promise<Reply> {
    return this.#state === 'running'
      ? this.#running!.producer.request(message, options)
      : this.#refuse('send a request');
  }

  async reply(request: MessageExt, reply: Reply): Promise<boolean> {
    return this.#running === undefined ? this.#refuse('reply') : this.#running.requests.answer(request, reply);
  }

  /** Answers to requests that came when nobody waited for them (any more), since the start. They were dropped. */
  get lateReplies(): number {
    return this.#running?.requests.lateReplies ?? 0;
  }

  sendHalf(message: Message, producerGroup: string, options?: SendOptions): Promise<HalfSendResult> {
    if (this.#state !== 'running') return this.#refuse('send a transaction message');
    return this.#running!.producer.sendHalf(message, producerGroup, options);
  }

  endTransaction(transactionId: string, state: TransactionState): Promise<void> {
    if (this.#state !== 'running') return this.#refuse('end a transaction');
    return this.#running!.transactions.end(transactionId, state);
  }

  registerTransactionChecker(
    producerGroup: string,
    checker: TransactionChecker,
    topics?: readonly string[],
  ): () => void {
    if (this.#running === undefined) throw this.#closedError('register a transaction checker');
    return this.#running.transactions.registerChecker(producerGroup, checker, topics);
  }

  /** @throws NameIllegalError, InvalidOptionError, GroupConflictError, GroupUseConflictError, FilterSyntaxError */
  async subscribe(options: SubscribeOptions): Promise<Consumer> {
    if (this.#state !== 'running') return this.#refuse('subscribe');
    return this.#running!.consume.subscribe(withSubscribeDefaults(options));
  }

  /** @throws RecallTooLateError, AlreadyRecalledError, RecallHandleIllegalError */
  recall(topic: string, recallHandle: string): Promise<string> {
    if (this.#state !== 'running') return this.#refuse('recall a message');
    return this.#running!.timers.recall(topic, recallHandle);
  }

  /**
   * Makes a consumer that asks for messages when it wants them (RocketMQ: `DefaultLitePullConsumer`).
   *
   * @throws PullGroupMissingError, NameIllegalError, InvalidOptionError, GroupUseConflictError
   */
  createPullConsumer(options: PullConsumerOptions): Promise<PullConsumer> {
    if (this.#state !== 'running') return this.#refuse('make a pull consumer');
    return this.#running!.pull.createConsumer(options);
  }

  /** Counted from the broker's start on. Of a broker that runs. */
  async metrics(): Promise<EngineMetrics> {
    if (this.#running === undefined) return this.#refuse('read metrics');
    return readMetrics(this.#monitor, await lookAt(this.#running.observed));
  }

  listen(listener: EngineEventListener): () => void {
    return this.#monitor.listen(listener);
  }

  /**
   * Looking at the broker and steering it. Of a broker that runs.
   *
   * @throws StoreClosedError
   */
  get admin(): BrokerAdmin {
    if (this.#running === undefined) throw this.#closedError('use the admin API');
    return this.#running.admin;
  }

  /** Resolves when nothing is under way: every send answered, every handler that could run has run. Delayed messages may still wait. */
  whenIdle(): Promise<void> {
    return this.#activity.whenIdle();
  }

  async #start(): Promise<void> {
    if (this.#state !== 'not started') throw this.#closedError('start');
    this.#state = 'starting';
    const store = await openStore(
      {
        ...this.options.store,
        brokerName: this.options.brokerName,
        storeHost: this.options.storeHost,
        delayLevelsMs: this.options.delayLevels.delaysMs,
        processId: hostIdentity().processId,
      },
      {
        fileSystem: this.#fileSystem,
        clock: this.#clock,
        logger: this.#logger,
        activity: this.#activity,
        observer: this.#monitor,
      },
    );
    const running = this.#wire(store);
    try {
      await running.consume.start();
      await store.finishDeletions((topic) => running.consume.forgetTopic(topic));
      await running.transactions.start();
      await running.delay.start();
      await running.timers.start();
      store.retention.hold('delayed messages', () => running.delay.oldestUndelivered());
      store.retention.hold('timers', () => running.timers.oldestPending());
      store.retention.hold('transactions without a decision', () => running.transactions.oldestPending());
      store.retention.start();
      this.#running = running;
      this.#state = 'running';
    } catch (error) {
      // What kept it from starting says more than what a part that has not started may say of its end.
      await this.#stop(running).catch(() => undefined);
      throw asUnusable(error, this.options.store.path);
    }
  }

  #wire(store: OpenStore): RunningBroker {
    const { options } = this;
    const clock = this.#clock;
    const random = this.#random;
    const context: ServiceContext = {
      store: store.messages,
      topics: store.topics,
      groups: store.groups,
      state: store.state,
      clock,
      random,
      logger: this.#logger,
      activity: this.#activity,
      brokerName: options.brokerName,
    };
    const redelivery = new RetryService(context, options.delayLevels);
    const uses = new GroupUses();
    const consume = new ConsumeService(context, {
      claimGroup: (group) => uses.claim(group, 'listener'),
      redelivery,
      compileSelector,
      observer: this.#monitor,
    });
    const transactions = new TransactionService(context, consume.offsets, options.transaction, this.#monitor);
    const pull = new PullService(context, {
      claimGroup: (group) => uses.claim(group, 'pull consumer'),
      offsets: consume.offsets,
      compileSelector,
      startPosition,
      allocateQueues: allocateAveragely,
      checkGroupName,
      checkTopicName,
    });
    const { processId, address } = hostIdentity();
    const ids = new UniqueIds(clock, random, address, processId);
    const clientId = `${options.brokerName}@${ids.next()}`;
    const requests = new RequestTable({ clock, random, clientId, observer: this.#monitor });
    const route = new TopicRoute(store.topics, random, options);
    const timers = new TimerService(
      context,
      { fileSystem: this.#fileSystem, path: options.store.path },
      options.timers,
    );
    const producer = new MessageProducer({
      store: store.messages,
      clock,
      observer: this.#monitor,
      route,
      ids,
      requests,
      failures: this.#failures,
      limits: { maxBodyBytes: options.maxMessageSizeBytes, maxDelayLevel: options.delayLevels.maxLevel },
      compressor: new BodyCompressor(options.compressMsgBodyOverBytes, this.#activity),
      brokerName: options.brokerName,
      refusal: () => store.disk.refusal(),
      offsetMsgId: offsetMessageIds(options.storeHost),
      schedule: toScheduled,
      timers,
      prepare: (draft, producerGroup) => transactions.prepare(draft, producerGroup),
      abandon: (transactionId) => {
        transactions.end(transactionId, 'ROLLBACK').catch((error: unknown) => {
          this.#logger.warn(
            `Transaction ${transactionId} could not be rolled back and is asked about: ${String(error)}`,
          );
        });
      },
    });
    const delay = new DelayLevelService(context, options.delayLevels);
    const admin = new BrokerAdmin({
      context,
      store,
      groups: {
        offsets: consume.offsets,
        live: () => consume.groups(),
        move: (group, topic, queueId, offset) => {
          consume.move(group, topic, queueId, offset);
          pull.moveGroup(group, topic, queueId, offset);
        },
        refresh: () => {
          consume.refresh();
          pull.refresh();
        },
        usersOf: (topic) => [...new Set([...consume.groupsOf(topic), ...pull.groupsOf(topic)])].toSorted(),
        forgetTopic: (topic) => consume.forgetTopic(topic),
      },
      transactions,
      delays: {
        delaysMs: options.delayLevels.delaysMs,
        undeliveredFrom: (level) => delay.undeliveredFrom(level),
      },
      timers,
      route,
      defaultTopicQueueNums: options.defaultTopicQueueNums,
    });
    const observed: BrokerParts = {
      store: store.messages,
      topics: store.topics,
      groups: store.groups,
      fileSystem: this.#fileSystem,
      path: options.store.path,
      logStatus: () => store.logStatus(),
      liveGroups: () => consume.groups(),
      isSubscribed: (topic) => consume.groupsOf(topic).length > 0,
      offsets: consume.offsets,
      maxDelayLevel: options.delayLevels.maxLevel,
      undeliveredFrom: (level) => delay.undeliveredFrom(level),
      timers: () => timers.pending.byTopic,
      transactions: () => transactions.pending(),
      refusal: () => store.disk.refusal(),
    };
    return { store, producer, requests, consume, pull, delay, timers, transactions, admin, observed };
  }

  async #close(): Promise<void> {
    if (this.#starting === undefined) {
      this.#state = 'closed';
      return;
    }
    await this.#starting.catch(() => undefined);
    this.#state = 'closing';
    try {
      if (this.#running !== undefined) await this.#stop(this.#running);
    } finally {
      this.#running = undefined;
      this.#state = 'closed';
    }
  }

  /**
   * Retention first, so that it takes nothing away that is read at the end; then consumers, so that nothing is handled twice for want of an offset; the store
   * last, and in any case: else its lock would outlive the broker.
   */
  async #stop(running: RunningBroker): Promise<void> {
    const { pull, consume, delay, timers, transactions, producer, requests, store } = running;
    const failures: unknown[] = [];
    for (const part of [store.retention, pull, consume, delay, timers, transactions, producer, requests]) {
      try {
        await part.close();
      } catch (error) {
        failures.push(error);
      }
    }
    await store.close();
    // What a part could not write the store has written by now, or it would have said so.
    const isWritten = (error: unknown): boolean =>
      error instanceof StateWriteFailedError || error instanceof DiskFullError;
    const failure = failures.find((error) => !isWritten(error));
    if (failure !== undefined) throw failure;
  }

  #refuse(operation: string): Promise<never> {
    return this.#failures.refuse(this.#closedError(operation));
  }

  #closedError(operation: string): StoreClosedError {
    return new StoreClosedError({ operation, state: this.#state });
  }
}
