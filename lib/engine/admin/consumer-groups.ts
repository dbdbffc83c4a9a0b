import type { MessageModel } from '../types/index.js';

/** A group that has members now. */
export interface LiveGroup {
  readonly group: string;
  readonly messageModel: MessageModel;
  readonly members: readonly LiveMember[];
  /** The queues that it consumes, and who of its members has each; undefined: nobody at the moment. */
  readonly queues: readonly LiveQueue[];
}

/** In BROADCASTING each member has its own view of a queue. */
export interface LiveQueue {
  readonly topic: string;
  readonly queueId: number;
  readonly owner: string | undefined;
  /** Everything before it is done. */
  readonly committedOffset: number;
}

export interface LiveMember {
  readonly clientId: string;
  readonly paused: boolean;
  /** Handlers that are running. */
  readonly running: number;
}

/** What the admin API needs of consumption; the broker puts it together from the rooms that consume. */
export interface ConsumerGroups {
  readonly offsets: CommittedOffsets;
  live(): readonly LiveGroup[];
  /**
   * Lets the running members of a group go on from another offset: what they have fetched and not begun is dropped, and what they are handling moves the
   * offset no more. Nothing for a queue that nobody consumes at the moment.
   */
  move(group: string, topic: string, queueId: number, offset: number): void;
  /** Lets members look again at topics that have been changed. */
  refresh(): void;
  /** Groups with a listener or a pull consumer that is subscribed to a topic, or has queues of it; sorted. */
  usersOf(topic: string): readonly string[];
  /** Forgets the offsets of all groups in a topic that is no more; resolves when that is on disk. */
  forgetTopic(topic: string): Promise<void>;
}

/** How far clustering groups have consumed: `config/consumerOffset.json`. */
export interface CommittedOffsets {
  list(): readonly {
    readonly topic: string;
    readonly group: string;
    readonly offsets: ReadonlyMap<number, number>;
  }[];
  /** Undefined: the group has never consumed this queue. */
  get(topic: string, group: string, queueId: number): number | undefined;
  set(topic: string, group: string, queueId: number, offset: number): void;
  /** Resolves when all that was set before is on disk. */
  flush(): Promise<void>;
}
