import { TopicBusyError } from '../../errors/index.js';
import type { Clock, MaybePromise, StateDirectory, TopicConfig, TopicTable } from '../types/index.js';
import { ConfigTable } from './config-table.js';
import type { DeletedTopics } from './deleted-topics.js';
import { checkQueueNums } from './queue-place.js';

const FILE_NAME = 'topics.json';

/** PermName: 4 read, 2 write. */
export const PERM_READ = 4;
export const PERM_WRITE = 2;

/** `config/topics.json` (RocketMQ: `TopicConfigManager`). A topic that is being deleted is not there for anybody, and can't be made until that has ended. */
export class TopicConfigTable implements TopicTable {
  readonly #table: ConfigTable<TopicConfig>;
  readonly #deletedTopics: DeletedTopics;
  /** Topics that are being made: a second sender waits for the first one's write. */
  readonly #making = new Map<string, Promise<TopicConfig>>();
  /** Topics that get more write queues: as they are until that is on disk. */
  readonly #raising = new Map<string, TopicConfig>();

  constructor(clock: Clock, deletedTopics: DeletedTopics) {
    this.#table = new ConfigTable('topicConfigTable', clock);
    this.#deletedTopics = deletedTopics;
  }

  open(directory: StateDirectory): Promise<void> {
    return this.#table.open(directory, FILE_NAME, (topicName, stated) => {
      const config = { ...topicConfig(topicName, 16), ...stated, topicName };
      checkQueueNums(FILE_NAME, `topic "${topicName}"`, 'readQueueNums', config.readQueueNums);
      checkQueueNums(FILE_NAME, `topic "${topicName}"`, 'writeQueueNums', config.writeQueueNums);
      return config;
    });
  }

  get(topicName: string): TopicConfig | undefined {
    // A topic counts as made when it is on disk.
    if (this.#making.has(topicName) || this.#deletedTopics.isClosed(topicName)) return undefined;
    return this.#raising.get(topicName) ?? this.#table.get(topicName);
  }

  ensure(topicName: string, queueNums: number): MaybePromise<TopicConfig> {
    this.#assertFree(topicName);
    const making = this.#making.get(topicName);
    if (making !== undefined) return making;
    return this.get(topicName) ?? this.#make(topicConfig(topicName, queueNums));
  }

  async create(config: TopicConfig): Promise<boolean> {
    const { topicName } = config;
    this.#assertFree(topicName);
    if (this.#making.has(topicName) || this.#table.get(topicName) !== undefined) return false;
    await this.#make(config);
    return true;
  }

  async put(config: TopicConfig): Promise<void> {
    const { topicName } = config;
    this.#assertFree(topicName);
    const before = this.get(topicName);
    // Nobody may send to a new queue before it is on disk: a write that fails takes it back.
    const writeQueueNums = Math.min(config.writeQueueNums, before?.writeQueueNums ?? Infinity);
    const meanwhile = { ...config, writeQueueNums };
    this.#raising.set(topicName, meanwhile);
    try {
      await this.#table.put(topicName, config);
    } finally {
      if (this.#raising.get(topicName) === meanwhile) this.#raising.delete(topicName);
    }
  }

  /** Resolves when the topic is gone from the disk. */
  delete(topicName: string): Promise<void> {
    return this.#table.delete(topicName);
  }

  list(): readonly TopicConfig[] {
    return this.#table.list().filter(({ topicName }) => !this.#deletedTopics.isClosed(topicName));
  }

  #assertFree(topic: string): void {
    if (this.#deletedTopics.isClosed(topic)) throw new TopicBusyError({ topic });
  }

  #make(config: TopicConfig): Promise<TopicConfig> {
    const making = this.#table
      .put(config.topicName, config)
      .then(() => config)
      .finally(() => this.#making.delete(config.topicName));
    this.#making.set(config.topicName, making);
    return making;
  }
}

/** A topic with RocketMQ's defaults. */
export function topicConfig(topicName: string, queueNums: number): TopicConfig {
  return {
    topicName,
    readQueueNums: queueNums,
    writeQueueNums: queueNums,
    perm: PERM_READ | PERM_WRITE,
    topicFilterType: 'SINGLE_TAG',
    topicSysFlag: 0,
    order: false,
    attributes: {},
  };
}
