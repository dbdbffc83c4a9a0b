import type { Clock, MaybePromise, StateDirectory, TopicConfig, TopicTable } from '../types/index.js';
import { ConfigTable } from './config-table.js';

/** PermName: 4 read, 2 write. */
export const PERM_READ = 4;
export const PERM_WRITE = 2;

/** `config/topics.json` (RocketMQ: `TopicConfigManager`). */
export class TopicConfigTable implements TopicTable {
  readonly #table: ConfigTable<TopicConfig>;
  /** Topics that are being made: a second sender waits for the first one's write. */
  readonly #making = new Map<string, Promise<TopicConfig>>();

  constructor(clock: Clock) {
    this.#table = new ConfigTable('topicConfigTable', clock);
  }

  open(directory: StateDirectory): Promise<void> {
    return this.#table.open(directory, 'topics.json', (name, stated) => ({ ...topicConfig(name, 16), ...stated }));
  }

  get(topicName: string): TopicConfig | undefined {
    // A topic counts as made when it is on disk.
    return this.#making.has(topicName) ? undefined : this.#table.get(topicName);
  }

  ensure(topicName: string, queueNums: number): MaybePromise<TopicConfig> {
    const making = this.#making.get(topicName);
    if (making !== undefined) return making;
    const known = this.#table.get(topicName);
    return known ?? this.#make(topicConfig(topicName, queueNums));
  }

  put(config: TopicConfig): Promise<void> {
    return this.#table.put(config.topicName, config);
  }

  /** Resolves when the topic is gone from the disk. */
  delete(topicName: string): Promise<void> {
    return this.#table.delete(topicName);
  }

  list(): readonly TopicConfig[] {
    return this.#table.list();
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
