import { InvalidOptionError, StoreClosedError } from '../../errors/index.js';
import { messageOf, stackOf } from '../../errors/thrown.js';
import {
  retryTopicOf,
  type ClaimGroup,
  type EngineObserver,
  type Redelivery,
  type ServiceContext,
  type TimerHandle,
} from '../types/index.js';
import type { ConsumeRoom, SelectorCompiler } from './consume-room.js';
import { ConsumerGroup, type GroupStatus } from './consumer-group.js';
import { GroupConsumer } from './group-consumer.js';
import { conflictBetween, signatureOf, type GroupSignature } from './group-signature.js';
import { offsetsOf } from './member-offsets.js';
import { Member } from './member.js';
import { takeBackToEnds } from './offset-ends.js';
import { OffsetStore } from './offset-store.js';
import { resolveSpec, type ConsumerOptions, type ResolvedConsumerSpec } from './resolved-spec.js';
import { SliceScheduler } from './slice-scheduler.js';
import { startPosition } from './start-position.js';
import type { OffsetSource } from './topic-queues.js';
import { WorkGauge } from './work-gauge.js';

/** How often topics are looked at again, for changes that no arrival tells of (`RebalanceService.waitInterval`). */
const REFRESH_INTERVAL_MS = 20_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 3000;

/** What the room needs of other rooms. */
export interface ConsumeDependencies {
  readonly redelivery: Redelivery;
  readonly compileSelector: SelectorCompiler;
  readonly claimGroup: ClaimGroup;
  /** Undefined: nobody is told what handlers do. */
  readonly observer?: Pick<EngineObserver, 'handler'> | undefined;
}

/**
 * Consumption: groups and their members, who share queues, read ahead, call handlers, and commit offsets.
 *
 * Topics are never made here, as in RocketMQ. A group that subscribes to a topic before it exists gets it from the first message on.
 */
export class ConsumeService {
  /** How far clustering groups are: `config/consumerOffset.json`. Usable from {@link start} on. */
  readonly offsets: OffsetStore;
  readonly #broadcastOffsets: OffsetStore;
  readonly #room: ConsumeRoom;
  readonly #claimGroup: ClaimGroup;
  readonly #groups = new Map<string, ConsumerGroup>();
  /** Called when a group has lost its last member. */
  readonly #groupWaiters = new Map<string, (() => void)[]>();
  readonly #consumers = new Set<GroupConsumer>();
  #state: 'not started' | 'running' | 'closing' | 'closed' = 'not started';
  #madeClientIds = 0;
  #refreshTimer: TimerHandle | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: ServiceContext, dependencies: ConsumeDependencies) {
    this.offsets = new OffsetStore(context);
    this.#broadcastOffsets = new OffsetStore(context, 'broadcastOffset.json');
    const { store, topics, groups, clock, logger } = context;
    const gauge = new WorkGauge(context.activity);
    const scheduler = new SliceScheduler(clock, gauge);
    const { claimGroup, ...others } = dependencies;
    this.#claimGroup = claimGroup;
    this.#room = { store, topics, groups, clock, logger, gauge, scheduler, ...others };
  }

  /** Reads the offsets. To be called before anything is stored. */
  async start(): Promise<void> {
    await this.offsets.open();
    await this.#broadcastOffsets.open();
    const { store, logger } = this.#room;
    for (const offsets of [this.offsets, this.#broadcastOffsets]) await takeBackToEnds(offsets, store, logger);
    this.#state = 'running';
  }

  /**
   * Adds a member to a group; makes the group when it is the first.
   *
   * @throws NameIllegalError, InvalidOptionError, GroupConflictError, GroupUseConflictError, StoreClosedError, and what the selector's compiler throws
   */
  async subscribe(options: ConsumerOptions): Promise<GroupConsumer> {
    this.#assertRunning();
    const spec = resolveSpec(options, this.#room.clock.now(), () => this.#makeClientId());
    // What is wrong is found before anything is stored for a group that will never be.
    for (const { topic, selector } of spec.subscriptions) {
      const { doubt } = this.#room.compileSelector(selector);
      if (doubt !== undefined) {
        this.#room.logger.warn(`The selector of group "${spec.group}" for topic "${topic}" selects little: ${doubt}.`);
      }
    }
    const release = this.#claimGroup(spec.group);
    try {
      return await this.#joinWhenOpen(spec, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** @param release is called when the consumer has been closed */
  async #joinWhenOpen(spec: ResolvedConsumerSpec, release: () => void): Promise<GroupConsumer> {
    const signature = signatureOf(spec);
    while (!this.#isOpenTo(signature)) await this.#untilEnded(spec.group);
    await this.#room.groups.ensure(spec.group);
    const offsets = offsetsOf(spec, { clustering: this.offsets, broadcasting: this.#broadcastOffsets });
    if (await this.#fixStartPositions(spec, offsets)) await this.#flushOffsets();
    // Others may have come and gone meanwhile.
    while (!this.#isOpenTo(signature)) await this.#untilEnded(spec.group);
    this.#assertRunning();
    return this.#join(spec, signature, offsets, release);
  }

  /** Looks again at topics and groups; call it after they have been changed, or within 20 s it happens by itself. */
  refresh(): void {
    for (const group of this.#groups.values()) group.refresh();
  }

  /**
   * Lets the members of a group go on from another offset in a queue. Whoever changes a group's offset in the table has to call this, too; else the next commit undoes
   * it.
   */
  move(group: string, topic: string, queueId: number, offset: number): void {
    this.#groups.get(group)?.move(topic, queueId, offset);
  }

  /** Forgets how far groups, and members of broadcasting groups, are in a topic that is no more; resolves when that is on disk. */
  async forgetTopic(topic: string): Promise<void> {
    this.offsets.removeTopic(topic);
    this.#broadcastOffsets.removeTopic(topic);
    await this.#flushOffsets();
  }

  /** Names of groups with members that are subscribed to a topic, or whose last member of them is leaving. */
  groupsOf(topic: string): readonly string[] {
    return [...this.#groups].filter(([, group]) => group.isSubscribedTo(topic)).map(([name]) => name);
  }

  /** All groups that have members. */
  groups(): readonly GroupStatus[] {
    return [...this.#groups.values()].map((group) => group.status());
  }

  /** Closes all consumers and brings the offsets to the disk. A second call waits for the first. */
  close({ timeoutMs = DEFAULT_CLOSE_TIMEOUT_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#state === 'not started') {
      this.#state = 'closed';
      return;
    }
    this.#state = 'closing';
    await Promise.all([...this.#consumers].map((consumer) => consumer.close({ timeoutMs })));
    await this.#flushOffsets();
    this.#state = 'closed';
  }

  #join(
    spec: ResolvedConsumerSpec,
    signature: GroupSignature,
    offsets: OffsetSource,
    release: () => void,
  ): GroupConsumer {
    let group = this.#groups.get(spec.group);
    if (group?.hasClientId(spec.clientId) === true) {
      const expected = `a name that no other member of consumer group "${spec.group}" has`;
      throw new InvalidOptionError({ option: 'clientId', value: spec.clientId, expected });
    }
    if (group === undefined) {
      group = new ConsumerGroup(this.#room, spec, signature, () => this.#groupEnded(spec.group));
      this.#groups.set(spec.group, group);
    }
    const member = new Member(this.#room, spec);
    if (spec.paused === true) member.pause(undefined);
    const consumer: GroupConsumer = new GroupConsumer(member, group, () => this.#consumerClosed(consumer, release));
    group.join(member, offsets);
    this.#consumers.add(consumer);
    this.#keepRefreshing();
    return consumer;
  }

  /**
   * Whether a member with this signature may join: there is no group, or it has the same. Must be asked in the same step as the joining.
   *
   * @returns false when a group with other subscriptions only waits for its last handlers
   * @throws GroupConflictError when it has members
   */
  #isOpenTo(signature: GroupSignature): boolean {
    const group = this.#groups.get(signature.group);
    const conflict = group && conflictBetween(group.signature, signature);
    if (conflict !== undefined && group!.hasMembers) throw conflict;
    return conflict === undefined;
  }

  #untilEnded(group: string): Promise<void> {
    return new Promise((resolve) => {
      this.#groupWaiters.set(group, [...(this.#groupWaiters.get(group) ?? []), resolve]);
    });
  }

  #groupEnded(group: string): void {
    this.#groups.delete(group);
    const waiters = this.#groupWaiters.get(group) ?? [];
    this.#groupWaiters.delete(group);
    for (const waiter of waiters) waiter();
  }

  /** @returns true when a position may not be on disk, be it that another member has fixed it */
  async #fixStartPositions(spec: ResolvedConsumerSpec, offsets: OffsetSource): Promise<boolean> {
    const topics = spec.subscriptions.map(({ topic }) => topic);
    if (spec.messageModel === 'CLUSTERING') topics.push(retryTopicOf(spec.group));
    let isUnwritten = false;
    for (const topic of topics) {
      const queueNums = this.#room.topics.get(topic)?.readQueueNums ?? 0;
      for (let queueId = 0; queueId < queueNums; queueId++) {
        const cell = offsets.cell(topic, queueId);
        if (cell.offset === undefined) {
          const offset = await startPosition(this.#room.store, topic, queueId, spec);
          // Meanwhile another member may have begun, or the topic been deleted: in a new one of that name the offset would mean something else.
          const isThere = offset <= this.#room.store.queueRange(topic, queueId).maxOffset;
          if (cell.offset === undefined && isThere) offsets.start(topic, queueId, offset);
        }
        isUnwritten ||= offsets.isUnwrittenStart(topic, queueId);
      }
    }
    return isUnwritten;
  }

  async #consumerClosed(consumer: GroupConsumer, release: () => void): Promise<void> {
    this.#consumers.delete(consumer);
    release();
    this.#keepRefreshing();
    try {
      await this.#flushOffsets();
    } catch (error) {
      // The member has left all the same. The offsets stay in memory and are written with the next change, or when the store is closed.
      this.#room.logger.error(`The offsets of consumers could not be written: ${messageOf(error)}`, stackOf(error));
    }
  }

  async #flushOffsets(): Promise<void> {
    await Promise.all([this.offsets.flush(), this.#broadcastOffsets.flush()]);
  }

  /** The timer also keeps the process alive for as long as there is somebody to hand messages to: an app of listeners alone must not exit. */
  #keepRefreshing(): void {
    if (this.#consumers.size === 0) {
      this.#refreshTimer?.cancel();
      this.#refreshTimer = undefined;
      return;
    }
    this.#refreshTimer ??= this.#room.clock.setTimer(
      () => {
        this.#refreshTimer = undefined;
        this.refresh();
        this.#keepRefreshing();
      },
      REFRESH_INTERVAL_MS,
      { keepsProcessAlive: true },
    );
  }

  #makeClientId(): string {
    this.#madeClientIds++;
    return `client-${String(this.#madeClientIds).padStart(6, '0')}`;
  }

  #assertRunning(): void {
    if (this.#state !== 'running') throw new StoreClosedError({ operation: 'subscribe', state: this.#state });
  }
}
