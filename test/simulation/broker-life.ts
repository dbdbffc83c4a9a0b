import { EmbeddedBroker } from '../../lib/engine/broker.js';
import { SeededRandom } from '../../lib/engine/io/index.js';
import {
  RECONSUME_LATER,
  type Consumer,
  type MessageExt,
  type MessageHandler,
  type TransactionState,
} from '../../lib/engine/types/index.js';
import { NonRetryableError } from '../../lib/errors/index.js';
import type { BroadcastMember } from './broadcast-member.js';
import { PRODUCER_GROUP, type GroupPlan } from './consumer-plan.js';
import type { QueueReader } from './queue-reader.js';
import { RemovalWatch } from './removal-watch.js';
import { idOf } from './sent-message.js';
import { SimulatedProcess } from './simulated-process.js';
import { SimulationLogger } from './simulation-logger.js';
import type { World } from './world.js';

/** Errors that any call may end with, whatever the disk does. */
const ALWAYS_POSSIBLE = new Set(['SEND_TIMEOUT', 'STORE_CLOSED', 'PULL_CONSUMER_CLOSED', 'TRANSACTION_NOT_FOUND']);

/** One life of the broker, from its start to its end, with its users: consumers, and the checker of transactions. */
export class BrokerLife {
  readonly number: number;
  state: 'starting' | 'running' | 'closing' | 'ended' = 'starting';
  readonly broker: EmbeddedBroker;
  /** The disk has failed, or was told to, in this life: then errors are no surprise. */
  sawFaults = false;
  /** The broker takes no more sends. */
  hasFailed = false;
  readonly consumers: { readonly plan: GroupPlan; readonly consumer: Consumer }[] = [];
  readonly broadcastMembers: BroadcastMember[] = [];
  readonly readers: QueueReader[] = [];
  /** Nothing that its users wait for expires in it. */
  readonly keepsAll: boolean;
  /** Subscriptions that are under way. */
  readonly subscribing = new Set<GroupPlan>();
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #inOrderRunning = new Map<string, number>();
  /** Handlers were left behind by a consumer that was closed: their messages run twice. */
  #hasAbandoned = false;

  constructor(world: World, number: number) {
    this.#world = world;
    this.number = number;
    this.keepsAll = world.keepsAll;
    const watch = world.retention && new RemovalWatch(world, world.retention);
    this.#process = new SimulatedProcess(world.clock, world.disk, watch);
    const { clock, fileSystem } = this.#process;
    const random = new SeededRandom(world.seed + number + 0.75);
    const logger = new SimulationLogger((line) => world.log(line));
    this.broker = new EmbeddedBroker(world.brokerOptions, { fileSystem, clock, random, logger });
  }

  get isAlive(): boolean {
    return this.#process.isAlive;
  }

  start(): void {
    this.#follow('start', this.broker.start(), () => {
      this.state = 'running';
      this.broker.registerTransactionChecker(PRODUCER_GROUP, (half) => this.#check(half));
    });
  }

  close(): void {
    this.state = 'closing';
    this.#follow('close', this.broker.close(), () => this.kill());
  }

  kill(): void {
    this.state = 'ended';
    this.#process.kill();
  }

  subscribe(plan: GroupPlan): void {
    const { group, topics, mode, expression, maxReconsumeTimes, concurrency } = plan;
    const subscriptions = topics.map((topic) => ({
      topic,
      selector: { type: 'TAG', expression } as const,
      consumeMode: mode,
      maxReconsumeTimes,
      concurrency,
      delayLevelWhenNextConsume: 1,
      handler: this.#handler(plan),
    }));
    this.subscribing.add(plan);
    const subscribing = this.broker.subscribe({
      group,
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions,
    });
    this.follow(
      `subscription of ${group}`,
      subscribing,
      (consumer) => {
        this.subscribing.delete(plan);
        this.consumers.push({ plan, consumer });
        this.#world.log(`  ${group} is subscribed`);
      },
      () => this.subscribing.delete(plan),
    );
  }

  /** Takes one consumer out of its group. */
  leave(index: number, timeoutMs: number): void {
    const [left] = this.consumers.splice(index, 1);
    if (left === undefined) return;
    if (timeoutMs === 0) this.#hasAbandoned = true;
    this.follow(`leaving of ${left.plan.group}`, left.consumer.close({ timeoutMs }), (abandoned) => {
      if (abandoned > 0) this.#hasAbandoned = true;
    });
  }

  /** Hears the end of a call; an error is a fault of the broker unless the disk had one. */
  follow<T>(
    what: string,
    work: Promise<T>,
    onValue: (value: T) => void,
    onError: (code: string) => void = () => undefined,
  ): void {
    this.#process.heard(work).then(onValue, (error: unknown) => {
      const code = codeOf(error);
      this.#world.log(`  ${what} failed: ${String(error)}`);
      if (code === 'STORE_WRITE_FAILED') this.hasFailed = true;
      if (!this.isExpected(code)) this.#world.violated(`${what} failed though the disk works: ${String(error)}`);
      onError(code);
    });
  }

  isExpected(code: string): boolean {
    // What a crash leaves can always be opened, and no error of the disk makes it corrupt.
    if (code === 'STORE_CORRUPT' || code === 'STORE_FORMAT' || code === 'STORE_LOCKED') return false;
    return this.sawFaults || ALWAYS_POSSIBLE.has(code);
  }

  /** Start and close end the life when they fail. */
  #follow(what: string, work: Promise<void>, onEnd: () => void): void {
    const noted = (): void => {
      this.#world.log(`  ${what} of life ${this.number} has ended`);
      onEnd();
    };
    this.follow(`${what} of life ${this.number}`, work, noted, () => this.kill());
  }

  #check(half: MessageExt): TransactionState {
    const world = this.#world;
    const sent = world.model.get(idOf(half.body));
    if (!this.isAlive || sent === undefined) return 'UNKNOWN';
    world.log(`  asked about ${sent.id}`);
    if (!world.isHealing) {
      if (world.chance(20)) throw new Error('the database is away');
      if (world.chance(30)) return 'UNKNOWN';
    }
    if (sent.outcome === 'COMMIT') sent.commitAsked = true;
    return sent.outcome;
  }

  #handler(plan: GroupPlan): MessageHandler {
    return (message) => {
      if (!this.isAlive) return new Promise(() => undefined);
      const world = this.#world;
      const id = idOf(message.body);
      world.counts.deliveries += 1;
      world.sawVisible(message);
      world.log(
        `  ${plan.group} gets ${id} (${message.queueId}@${message.queueOffset}, attempt ${message.reconsumeTimes})`,
      );
      world.violated(...world.model.faultsOfDelivery(plan, message, world.clock.now()));
      const sent = world.model.get(id);
      if (sent !== undefined) sent.isDelivered = true;
      const delivery = world.model.delivery(plan.group, id);
      delivery.times += 1;
      if (delivery.done || delivery.givenUp) delivery.repeated = true;
      const end = this.#began(plan, message);
      const succeed = (): void => {
        end();
        delivery.done = true;
      };
      const fail = (error: Error): never => {
        end();
        const { code } = error as { code?: string };
        const isLast = plan.maxReconsumeTimes >= 0 && message.reconsumeTimes >= plan.maxReconsumeTimes;
        if (isLast || code === 'NON_RETRYABLE') delivery.givenUp = true;
        throw error;
      };
      const kind = world.isHealing ? 'succeed' : this.#kindOfHandling(plan);
      switch (kind) {
        case 'succeed':
          return succeed();
        case 'succeed later':
          return this.#later(succeed);
        case 'fail':
          return fail(new Error('simulated failure'));
        case 'fail later':
          return this.#later(() => fail(new Error('simulated failure')));
        case 'give up':
          return fail(new NonRetryableError('simulated failure for good'));
        case 'reconsume later':
          end();
          if (plan.maxReconsumeTimes >= 0 && message.reconsumeTimes >= plan.maxReconsumeTimes) delivery.givenUp = true;
          return RECONSUME_LATER;
      }
    };
  }

  #kindOfHandling(plan: GroupPlan) {
    const kinds = ['succeed', 'succeed later', 'fail', 'fail later', 'reconsume later', 'give up'] as const;
    const weights = plan.mode === 'ORDERLY' ? [45, 35, 10, 10, 0, 0] : [45, 30, 8, 8, 6, 3];
    let rest = this.#world.choices.nextInt(100);
    return kinds.find((_, index) => (rest -= weights[index]!) < 0) ?? 'succeed';
  }

  /** Notes that a handler runs; in a queue that is consumed in order there is one at a time. */
  #began(plan: GroupPlan, message: MessageExt): () => void {
    if (plan.mode !== 'ORDERLY') return () => undefined;
    const queue = `${plan.group} ${message.topic} ${message.queueId}`;
    const running = (this.#inOrderRunning.get(queue) ?? 0) + 1;
    this.#inOrderRunning.set(queue, running);
    if (running > 1 && !this.#hasAbandoned) this.#world.violated(`${running} handlers run at once in ${queue}`);
    return () => this.#inOrderRunning.set(queue, this.#inOrderRunning.get(queue)! - 1);
  }

  async #later(end: () => void): Promise<void> {
    for (let turns = 1 + this.#world.choices.nextInt(12); turns > 0; turns--) {
      await new Promise<void>((resolve) => this.#process.clock.defer(resolve));
    }
    end();
  }
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return String(error);
}
