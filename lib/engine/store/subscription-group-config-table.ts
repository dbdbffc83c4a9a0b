import type {
  Clock,
  MaybePromise,
  StateDirectory,
  SubscriptionGroupConfig,
  SubscriptionGroupTable,
} from '../types/index.js';
import { ConfigTable } from './config-table.js';
import { checkQueueNums } from './queue-place.js';

const FILE_NAME = 'subscriptionGroup.json';

/** `config/subscriptionGroup.json` (RocketMQ: `SubscriptionGroupManager`). */
export class SubscriptionGroupConfigTable implements SubscriptionGroupTable {
  readonly #table: ConfigTable<SubscriptionGroupConfig>;

  constructor(clock: Clock) {
    this.#table = new ConfigTable('subscriptionGroupTable', clock);
  }

  open(directory: StateDirectory): Promise<void> {
    return this.#table.open(directory, FILE_NAME, (name, stated) => {
      const config = { ...groupConfig(name), ...stated };
      checkQueueNums(FILE_NAME, `group "${name}"`, 'retryQueueNums', config.retryQueueNums);
      return config;
    });
  }

  get(groupName: string): SubscriptionGroupConfig | undefined {
    return this.#table.get(groupName);
  }

  ensure(groupName: string): MaybePromise<SubscriptionGroupConfig> {
    const known = this.#table.get(groupName);
    if (known !== undefined) return known;
    const made = groupConfig(groupName);
    return this.#table.put(groupName, made).then(() => made);
  }

  list(): readonly SubscriptionGroupConfig[] {
    return this.#table.list();
  }
}

/** All fields as a broker writes them, so that it reads a group of ours as one of its own. */
function groupConfig(groupName: string): SubscriptionGroupConfig & Readonly<Record<string, unknown>> {
  return {
    attributes: {},
    brokerId: 0,
    consumeBroadcastEnable: true,
    consumeEnable: true,
    consumeFromMinEnable: true,
    consumeMessageOrderly: false,
    consumeTimeoutMinute: 15,
    groupName,
    groupRetryPolicy: { type: 'CUSTOMIZED' },
    groupSysFlag: 0,
    notifyConsumerIdsChangedEnable: true,
    retryMaxTimes: 16,
    retryQueueNums: 1,
    whichBrokerWhenConsumeSlowly: 1,
  };
}
