import type { OpenStore } from '../store/index.js';
import type { ServiceContext, TopicConfig, TransactionState } from '../types/index.js';
import type { ConsumerGroups } from './consumer-groups.js';

/** A transaction without a decision. */
export interface UndecidedTransaction {
  readonly transactionId: string;
  readonly producerGroup: string;
  /** The topic that a commit delivers to. */
  readonly topic: string;
  /** When its half message was stored, or stored again for a check-back; epoch ms. */
  readonly storeTimestampMs: number;
  /** Check-backs so far. */
  readonly checkTimes: number;
  /** Its local transaction is running in this process. */
  readonly executing: boolean;
}

/** What the admin API needs of the transactions. */
export interface TransactionDesk {
  pending(): readonly UndecidedTransaction[];
  end(transactionId: string, state: TransactionState): Promise<void>;
}

/** What the admin API needs of the delay levels. */
export interface DelayLevels {
  /** Delay of level 1, 2, … in milliseconds. */
  readonly delaysMs: readonly number[];
  /** The first record in the queue of a level that is not delivered. */
  undeliveredFrom(level: number): number;
}

/** Messages with a time of their own that wait. */
export interface TimerCounts {
  readonly total: number;
  /** By the topic that they go to. Topics without timers are left out. */
  readonly byTopic: Readonly<Record<string, number>>;
}

/** A message that waits for its time. */
export interface PendingTimer {
  /** The topic that it goes to. */
  readonly topic: string;
  readonly msgId: string;
  /** Epoch ms. */
  readonly deliverAtMs: number;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  /** When it was sent, epoch ms. */
  readonly bornTimestamp: number;
  /** Takes it back; undefined for a message that can not be recalled. */
  readonly recallHandle: string | undefined;
}

/** What the admin API needs of the timers. */
export interface Timers {
  readonly pending: TimerCounts;
  /** The messages that are due next, earliest first. */
  next(maxCount: number): Promise<readonly PendingTimer[]>;
}

/** What the admin API stands on. */
export interface AdminParts {
  readonly context: ServiceContext;
  readonly store: Pick<
    OpenStore,
    'keyIndex' | 'deleteTopic' | 'whenQueuesAreQuiet' | 'isBeingDeleted' | 'isOfDeletedTopic'
  >;
  readonly groups: ConsumerGroups;
  readonly transactions: TransactionDesk;
  readonly delays: DelayLevels;
  readonly timers: Timers;
  /** Chooses the queue of a message as a send does: by its sharding key, else in turn. */
  readonly route: { queueId(topic: TopicConfig, wanted: undefined, shardingKey: string | undefined): number };
  /** Queues of a topic that is created without saying how many. */
  readonly defaultTopicQueueNums: number;
}
