import { StoreClosedError } from '../../errors/index.js';
import type { ServiceContext } from '../types/index.js';
import { LitePullConsumer } from './lite-pull-consumer.js';
import { groupOffsets, passingOffsets, type OffsetBook } from './offset-book.js';
import { resolvePullOptions, type ResolvedPullOptions } from './pull-options.js';
import type { PullDependencies, PullRoom } from './pull-room.js';
import type { PullConsumer, PullConsumerOptions } from '../types/index.js';
import { TopicShare } from './topic-share.js';

/** Neither name may hold an `@`. */
const keyOf = (topic: string, group: string): string => `${topic}@${group}`;

/** Pull consumers, and what those of one group share. */
export class PullService {
  readonly #room: PullRoom;
  readonly #consumers = new Map<LitePullConsumer, ResolvedPullOptions>();
  /** Of clustering groups; see {@link keyOf}. */
  readonly #shares = new Map<string, TopicShare>();
  #closing: Promise<void> | undefined;

  constructor(context: ServiceContext, dependencies: PullDependencies) {
    const { store, topics, groups, clock, logger, activity, brokerName } = context;
    this.#room = { store, topics, groups, clock, logger, activity, brokerName, ...dependencies };
  }

  /** @throws PullGroupMissingError, NameIllegalError, InvalidOptionError, GroupUseConflictError, StoreClosedError */
  async createConsumer(options: PullConsumerOptions): Promise<PullConsumer> {
    this.#checkOpen();
    const { clock, groups, checkGroupName, offsets } = this.#room;
    const resolved = resolvePullOptions(options, clock.now(), checkGroupName);
    const release = this.#room.claimGroup(resolved.group);
    try {
      await groups.ensure(resolved.group);
      this.#checkOpen();
    } catch (error) {
      release();
      throw error;
    }
    const isClustering = resolved.start.messageModel === 'CLUSTERING';
    const book = isClustering ? groupOffsets(offsets, resolved.group) : passingOffsets();
    const shares = isClustering ? this.#shares : new Map<string, TopicShare>();
    const consumer: LitePullConsumer = new LitePullConsumer(this.#room, resolved, {
      offsets: book,
      findShare: (topic) => shares.get(keyOf(topic, resolved.group)),
      openShare: (topic) => this.#openShare(shares, topic, resolved.group, book),
      onClosed: () => {
        this.#consumers.delete(consumer);
        release();
      },
    });
    this.#consumers.set(consumer, resolved);
    return consumer;
  }

  /** The pull consumers of a group that have not been closed. */
  members(group: string): readonly PullConsumer[] {
    return [...this.#consumers.keys()].filter((consumer) => consumer.group === group);
  }

  /** Names of groups whose pull consumers are subscribed to a topic, or have queues of it. */
  groupsOf(topic: string): readonly string[] {
    return [...this.#consumers.keys()].filter((consumer) => consumer.uses(topic)).map(({ group }) => group);
  }

  /**
   * Lets a group's pull consumer that reads a queue go on from another offset. Whoever resets a group's offset in the table has to call this, too; else the next
   * commit undoes it.
   */
  moveGroup(group: string, topic: string, queueId: number, offset: number): void {
    for (const [consumer, { start }] of this.#consumers) {
      if (consumer.group === group && start.messageModel === 'CLUSTERING') consumer.moveTo(topic, queueId, offset);
    }
  }

  /** Looks again at topics and groups; call it after they have been changed. Otherwise polls find it out, within 20 s. */
  refresh(): void {
    for (const consumer of this.#consumers.keys()) consumer.refresh();
  }

  /** Closes all pull consumers. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers.keys()].map((consumer) => consumer.close()));
  }

  #openShare(shares: Map<string, TopicShare>, topic: string, group: string, offsets: OffsetBook): TopicShare {
    const key = keyOf(topic, group);
    let share = shares.get(key);
    if (share === undefined) {
      share = new TopicShare(this.#room, topic, group, offsets, () => shares.delete(key));
      shares.set(key, share);
    }
    return share;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new StoreClosedError({ operation: 'create a pull consumer', state: 'closing' });
  }
}
