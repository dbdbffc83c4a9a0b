import type {
  Activity,
  ClaimGroup,
  Clock,
  ConsumeFromWhere,
  EngineLogger,
  MaybePromise,
  MessageModel,
  MessageSelector,
  MessageStore,
  StoredRecord,
  SubscriptionGroupTable,
  TopicTable,
} from '../types/index.js';

/** What a selector comes down to: neither function means that everything is accepted. */
export interface SelectorFunctions {
  readonly acceptsTagsCode?: ((tagsCode: number) => boolean) | undefined;
  readonly accepts?: ((message: StoredRecord) => boolean) | undefined;
}

/** What decides where a group begins that has no offset. */
export interface StartRule {
  readonly messageModel: MessageModel;
  readonly consumeFromWhere: ConsumeFromWhere;
  readonly consumeTimestampMs: number;
}

/** The broker's offsets of consumer groups. */
export interface OffsetTable {
  get(topic: string, group: string, queueId: number): number | undefined;
  set(topic: string, group: string, queueId: number, offset: number): void;
  /** Sets where a group begins, which must be on disk before anybody goes on from there. */
  start(topic: string, group: string, queueId: number, offset: number): void;
  /** The group begins in this queue, and that may not be on disk. */
  isUnwrittenStart(topic: string, group: string, queueId: number): boolean;
  /** Resolves when all that was set before is on disk. */
  flush(): Promise<void>;
}

/** What the room needs of other rooms. */
export interface PullDependencies {
  readonly offsets: OffsetTable;
  /** Checks a selector and makes it ready to run; throws for one that is wrong. */
  readonly compileSelector: (selector: MessageSelector) => SelectorFunctions;
  readonly startPosition: (
    store: MessageStore,
    topic: string,
    queueId: number,
    rule: StartRule,
  ) => MaybePromise<number>;
  /** Gives the index of the owner by queue id. Listeners and pull consumers share queues by one rule. */
  readonly allocateQueues: (queueCount: number, memberCount: number) => readonly number[];
  readonly claimGroup: ClaimGroup;
  /** Throws for a name that breaks RocketMQ's rules. */
  readonly checkGroupName: (group: string) => void;
  /** Throws for a name that breaks RocketMQ's rules. */
  readonly checkTopicName: (topic: string) => void;
}

/** What everything in this room works with. */
export interface PullRoom extends PullDependencies {
  readonly store: MessageStore;
  readonly topics: TopicTable;
  readonly groups: SubscriptionGroupTable;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
  readonly brokerName: string;
}
