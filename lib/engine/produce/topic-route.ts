import { MessageIllegalError, NoPermissionError, TopicNotExistError } from '../../errors/index.js';
import { javaStringHash, PERM_WRITE } from '../store/index.js';
import {
  DEAD_LETTER_QUEUES,
  DEAD_LETTER_TOPIC_PREFIX,
  type MaybePromise,
  type Random,
  type TopicConfig,
  type TopicTable,
} from '../types/index.js';

export interface TopicRouteOptions {
  readonly autoCreateTopics: boolean;
  /** Queues of a topic that a send creates. RocketMQ: `defaultTopicQueueNums`. */
  readonly defaultTopicQueueNums: number;
}

/** Finds the queue that a message goes to, creating its topic where that is allowed. */
export class TopicRoute {
  readonly #topics: TopicTable;
  readonly #random: Random;
  readonly #options: TopicRouteOptions;
  /** Round robin position of each topic. A topic starts anywhere, so that restarts don't favour its first queue. */
  readonly #positions = new Map<string, number>();

  constructor(topics: TopicTable, random: Random, options: TopicRouteOptions) {
    this.#topics = topics;
    this.#random = random;
    this.#options = options;
  }

  /** @throws TopicNotExistError when the topic is missing and may not be created */
  topic(name: string): MaybePromise<TopicConfig> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    if (!this.#options.autoCreateTopics) throw new TopicNotExistError({ topic: name });
    const isForDeadLetters = name.startsWith(DEAD_LETTER_TOPIC_PREFIX);
    return this.#topics.ensure(name, isForDeadLetters ? DEAD_LETTER_QUEUES : this.#options.defaultTopicQueueNums);
  }

  /**
   * @param wanted the queue that the sender asks for
   * @param shardingKey else the key that chooses one
   * @throws NoPermissionError, MessageIllegalError
   */
  queueId(topic: TopicConfig, wanted: number | undefined, shardingKey: string | undefined): number {
    const { topicName, writeQueueNums } = topic;
    if ((topic.perm & PERM_WRITE) === 0) throw new NoPermissionError({ topic: topicName, operation: 'send' });
    if (wanted === undefined) {
      if (shardingKey !== undefined) return queueOfKey(shardingKey, writeQueueNums);
      return this.#nextQueueId(topicName, writeQueueNums);
    }
    if (Number.isInteger(wanted) && wanted >= 0 && wanted < writeQueueNums) return wanted;
    throw new MessageIllegalError({
      field: 'queueId',
      value: wanted,
      reason: `topic "${topicName}" has the write queues 0 to ${writeQueueNums - 1}`,
    });
  }

  #nextQueueId(topicName: string, queueNums: number): number {
    const position = this.#positions.get(topicName) ?? this.#random.nextInt(queueNums);
    const queueId = position % queueNums;
    this.#positions.set(topicName, queueId + 1);
    return queueId;
  }
}

/** RocketMQ: `SelectMessageQueueByHash`. The remainder keeps the sign of the hash, so it is made positive after. */
function queueOfKey(shardingKey: string, queueNums: number): number {
  return Math.abs(javaStringHash(shardingKey) % queueNums);
}
