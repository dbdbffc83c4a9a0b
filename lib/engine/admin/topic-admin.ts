import { NameIllegalError, TopicExistsError, TopicInUseError } from '../../errors/index.js';
import { checkTopicName, topicConfig } from '../store/index.js';
import type { TopicConfig } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { checkKnown, requireTopic } from './argument-checks.js';
import { isGroupTopic, isSystemTopic } from './system-topics.js';
import { checkReadQueuesCanGo, checkSendersAreRead } from './topic-scaling.js';
import { topicInfo, withSettings, type TopicInfo, type TopicSettings } from './topic-settings.js';

/** One queue of a topic as it is now. */
export interface TopicQueueStats {
  readonly queueId: number;
  /** First message that can be read. */
  readonly minOffset: number;
  /** One past the last message. */
  readonly maxOffset: number;
  /** Store time of the last message, epoch ms; undefined when there is none. */
  readonly lastStoreTimestampMs: number | undefined;
}

export interface TopicStats {
  readonly topic: string;
  /** Messages that can be read, of all queues. */
  readonly messageCount: number;
  readonly queues: readonly TopicQueueStats[];
}

/** Topics: what there is, and how it is to be. */
export class TopicAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /**
   * Creates a topic; resolves when that is on disk.
   *
   * @throws NameIllegalError, TopicExistsError, InvalidOptionError, UnknownOptionError
   */
  async create(topic: string, settings: TopicSettings = {}): Promise<TopicInfo> {
    const { topics } = this.#parts.context;
    checkTopicName(topic);
    if (isSystemTopic(topic) || isGroupTopic(topic)) refuse(topic, 'only the broker itself makes such a topic');
    const config = withSettings(topicConfig(topic, this.#parts.defaultTopicQueueNums), settings);
    if (!(await topics.create(config))) throw new TopicExistsError({ topic });
    this.#parts.groups.refresh();
    return topicInfo(config);
  }

  /**
   * Changes a topic; what is left out stays as it is. Consumers take it up at once, senders with their next message.
   *
   * To take queues away without losing a message, lower `writeQueueNums`, wait until the groups have consumed the rest, then lower `readQueueNums`; to add queues,
   * raise `readQueueNums` first. Both lowered in one call go in that order, too; if the rest is not consumed, the call is refused and both are as before.
   *
   * @param options.force takes read queues away also when messages in them are not consumed; they come to nobody until `readQueueNums` is raised again
   * @throws TopicNotExistError, QueuesNotDrainedError, NameIllegalError, InvalidOptionError, UnknownOptionError
   */
  async update(topic: string, changes: TopicSettings, options: { readonly force?: boolean } = {}): Promise<TopicInfo> {
    checkKnown('Updating a topic', options, ['force']);
    const before = requireTopic(this.#parts.context, topic);
    if (isSystemTopic(topic)) refuse(topic, 'the broker itself works with it');
    const config = withSettings(before, changes);
    if (options.force !== true && config.readQueueNums < before.readQueueNums) {
      checkSendersAreRead(config);
      if (config.writeQueueNums < before.writeQueueNums) return this.#lowerBoth(before, config, changes);
      await checkReadQueuesCanGo(before, config, this.#parts);
      // The topic may have been changed or deleted meanwhile.
      if (this.#parts.context.topics.get(topic) !== before) return this.update(topic, changes, options);
    }
    await this.#parts.context.topics.put(config);
    this.#parts.groups.refresh();
    return topicInfo(config);
  }

  /** @throws TopicNotExistError, NameIllegalError */
  get(topic: string): TopicInfo {
    return topicInfo(requireTopic(this.#parts.context, topic));
  }

  /** All topics, sorted by name. @param options.all also those of groups and of the broker. Default false */
  list(options: { readonly all?: boolean } = {}): readonly TopicInfo[] {
    checkKnown('Listing topics', options, ['all']);
    return this.#parts.context.topics
      .list()
      .map((config) => topicInfo(config))
      .filter(({ kind }) => options.all === true || kind === 'APPLICATION')
      .toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
  }

  /** @throws TopicNotExistError, NameIllegalError */
  async stats(topic: string): Promise<TopicStats> {
    const { readQueueNums, writeQueueNums } = requireTopic(this.#parts.context, topic);
    const queues: TopicQueueStats[] = [];
    for (let queueId = 0; queueId < Math.max(readQueueNums, writeQueueNums); queueId++) {
      queues.push(await this.#queueStats(topic, queueId));
    }
    const messageCount = queues.reduce((sum, { minOffset, maxOffset }) => sum + maxOffset - minOffset, 0);
    return { topic, messageCount, queues };
  }

  /**
   * Deletes a topic with its queues and the offsets of all groups in it; resolves when that is on disk. A crash on the way leaves it whole, or gone. Messages that are
   * on their way get there and are deleted with it; from the call until it has ended, senders get a TopicBusyError. Then the name is free: a new topic begins at offset
   * 0 and shows nothing of the old one, whose messages stay in the log until retention removes them.
   *
   * What waits elsewhere is not deleted: messages that are delayed, half messages without a decision, and those in the retry or dead-letter topic of a group.
   *
   * After a TopicDeletionFailedError the topic is there as before; or it is not, for anybody, and what is left of it goes as soon as the disk allows it. In both cases it
   * can be called again.
   *
   * @throws TopicNotExistError, TopicInUseError while a listener or a pull consumer is subscribed to it, TopicDeletionFailedError, NameIllegalError
   */
  async delete(topic: string): Promise<void> {
    const { context, groups, store } = this.#parts;
    checkTopicName(topic);
    if (isSystemTopic(topic)) refuse(topic, 'the broker itself works with it');
    if (!store.isBeingDeleted(topic)) requireTopic(context, topic);
    const users = groups.usersOf(topic);
    if (users.length > 0) throw new TopicInUseError({ topic, groups: users });
    try {
      await store.deleteTopic(topic, (name) => groups.forgetTopic(name));
    } finally {
      groups.refresh();
    }
  }

  /** Senders leave the queues first: what they write to them while it is looked at whether these are consumed would be lost. */
  async #lowerBoth(before: TopicConfig, { writeQueueNums }: TopicConfig, changes: TopicSettings): Promise<TopicInfo> {
    const { topics } = this.#parts.context;
    const withoutSenders = { ...before, writeQueueNums };
    await topics.put(withoutSenders);
    try {
      return await this.update(before.topicName, changes);
    } catch (error) {
      if (topics.get(before.topicName) === withoutSenders) await topics.put(before);
      throw error;
    }
  }

  async #queueStats(topic: string, queueId: number): Promise<TopicQueueStats> {
    const { store } = this.#parts.context;
    const { minOffset, maxOffset } = store.queueRange(topic, queueId);
    const [last] = maxOffset > minOffset ? await store.entries(topic, queueId, maxOffset - 1, 1) : [];
    const record = last && (await store.readRecord(last.physicalOffset));
    return { queueId, minOffset, maxOffset, lastStoreTimestampMs: record?.storeTimestamp };
  }
}

function refuse(topic: string, reason: string): never {
  throw new NameIllegalError({ kind: 'topic', name: topic, reason });
}
