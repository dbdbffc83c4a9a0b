import type { Clock } from './clock.js';
import type { EngineLogger } from './logger.js';
import type { Random } from './random.js';
import type {
  Activity,
  MessageStore,
  StateDirectory,
  StoredRecord,
  SubscriptionGroupTable,
  TopicTable,
} from './store.js';

/** What every service of the broker is built on. */
export interface ServiceContext {
  readonly store: MessageStore;
  readonly topics: TopicTable;
  readonly groups: SubscriptionGroupTable;
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: EngineLogger;
  readonly activity: Activity;
  /** The broker's name in message queues. */
  readonly brokerName: string;
}

/** Where consumption hands a message that its handler could not do. */
export interface Redelivery {
  /**
   * Stores the message again for a later delivery to the group, or as a dead letter. Resolves when that is on disk: only then may the
   * failed delivery count as done.
   */
  sendBack(message: StoredRecord, options: SendBackOptions): Promise<'RETRY' | 'DEAD_LETTER'>;
}

export interface SendBackOptions {
  readonly group: string;
  /** −1: dead letter at once. 0: level 3 + reconsumeTimes. 1..18: that level. RocketMQ: `delayLevelWhenNextConsume`. */
  readonly delayLevel: number;
  /** Retries after which the message becomes a dead letter. */
  readonly maxReconsumeTimes: number;
  /** What a dead letter says in addition to the message's own properties. Default: nothing. */
  readonly deadLetterProperties?: Readonly<Record<string, string>> | undefined;
}

/** How a consumer group is used: pushed to listeners, or pulled from. Never both at once. */
export type GroupUse = 'listener' | 'pull consumer';

/** Notes that a group is used; throws when it is used in the other way. Returns a function that takes the note back, harmless when called twice. */
export type ClaimGroup = (group: string) => () => void;
