import type { ConsumeFromWhere, MessageModel, MessageSelector } from './consumption.js';
import type { MessageExt, MessageQueue } from './message.js';

/** What a pull consumer is to be. What is left out has RocketMQ's default (`DefaultLitePullConsumer`). */
export interface PullConsumerOptions {
  /** Whose offsets it goes on from, and with whom it shares queues. Required. */
  readonly group: string;
  /**
   * CLUSTERING (default): the pull consumers of a group share the queues of their topics. BROADCASTING: this one gets every message; its offsets are
   * kept in memory and are gone when it is closed.
   */
  readonly messageModel?: MessageModel | undefined;
  /** Where the group begins in a queue that it has no offset in. Default CONSUME_FROM_LAST_OFFSET. */
  readonly consumeFromWhere?: ConsumeFromWhere | undefined;
  /** For CONSUME_FROM_TIMESTAMP: epoch ms. Default: half an hour before the consumer is created. */
  readonly consumeTimestampMs?: number | undefined;
  /**
   * True (default): what counts as consumed is committed every {@link autoCommitIntervalMs} and at close. False: only {@link PullConsumer.commit} commits.
   *
   * What a poll returned counts as consumed when the next poll is called, never before. RocketMQ's lite pull consumer counts it at once and so loses
   * what was being handled when the process died.
   */
  readonly autoCommit?: boolean | undefined;
  /** Default 5000. */
  readonly autoCommitIntervalMs?: number | undefined;
  /** Messages of one queue that are read at a time, 1 to 1024. Default 10. At most this many a queue wait in memory between two polls. */
  readonly pullBatchSize?: number | undefined;
}

export interface PollOptions {
  /** Most messages in the answer, 1 to 10,000. Default: the consumer's `pullBatchSize`. About 4 MiB of messages end a poll, too. */
  readonly maxCount?: number | undefined;
  /** How long to wait for the first message, in milliseconds. 0: not at all. Default 5000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Consumes by hand (RocketMQ: `DefaultLitePullConsumer`): either {@link subscribe} to topics, whose queues are shared with the other pull consumers of the group, or
 * {@link assign} queues.
 *
 * Delivery is at least once. What the last poll returned comes again when the process dies, when the consumer is closed without {@link commit}, and, at another
 * member, when a member that joins or leaves moves the queue there.
 *
 * Iterating is the same as polling for one message at a time, without end: a message counts as consumed when the next one is asked for, so the one that a loop
 * was left at comes again unless it is committed. The loop ends when the consumer is closed.
 */
export interface PullConsumer extends AsyncIterable<MessageExt>, AsyncDisposable {
  readonly group: string;

  /**
   * The queues of a topic that can be read.
   *
   * @throws NameIllegalError, PullTopicUnknownError, NoPermissionError
   */
  queues(topic: string): Promise<readonly MessageQueue[]>;

  /**
   * Reads chosen queues, in place of those chosen before. Queues that stay go on where they are. Nobody is kept from reading them, too.
   *
   * @param selector which messages to return; default all. A text is a tag expression
   * @throws PullModeConflictError after {@link subscribe}; PullQueueUnknownError, PullTopicUnknownError, NoPermissionError; PullSelectorRefusedError;
   * InvalidOptionError for no queues; and the errors of the selector
   */
  assign(queues: readonly MessageQueue[], selector?: MessageSelector | string): Promise<void>;

  /**
   * Adds a topic. All its read queues, also those that it gets later, are shared among the group's pull consumers that subscribe to it. A topic need not exist
   * yet. A new group's start positions are fixed, and on disk, when this resolves. Subscribing again changes the selector.
   *
   * @param selector which messages to return; default all. A text is a tag expression
   * @throws PullModeConflictError after {@link assign}; GroupConflictError when another member has another selector; PullSelectorRefusedError;
   * NameIllegalError, NoPermissionError; and the errors of the selector
   */
  subscribe(topic: string, selector?: MessageSelector | string): Promise<void>;
  /** Gives the queues of a topic back to the group; harmless for a topic that is not subscribed to. */
  unsubscribe(topic: string): Promise<void>;
  /** The queues that this consumer reads now. */
  assignment(): readonly MessageQueue[];

  /**
   * Says where the next poll goes on in a queue, and takes everything before as consumed, everything after as not. An offset before the first message becomes the
   * first one's, one behind the last message becomes the end.
   *
   * @throws PullQueueNotAssignedError, InvalidOptionError for an offset that is no integer of at least 0
   */
  seek(queue: MessageQueue, offset: number): Promise<void>;
  seekToBegin(queue: MessageQueue): Promise<void>;
  /** Skips everything that is there. */
  seekToEnd(queue: MessageQueue): Promise<void>;
  /** Goes to the first message that was stored at `timestampMs` (epoch ms) or later; to the end when there is none. */
  seekToTimestamp(queue: MessageQueue, timestampMs: number): Promise<void>;

  /**
   * Messages that have not been polled yet: those that are there, else the first to arrive. An empty list when there is none in time, or when the consumer is
   * closed meanwhile. Queues take turns; messages of one queue come in order. What the poll before this one returned now counts as consumed.
   *
   * @throws PullNotSubscribedError, PullPollPendingError, PullConsumerClosedError, InvalidOptionError, UnknownOptionError, and the store's errors when it can not be read
   */
  poll(options?: PollOptions): Promise<readonly MessageExt[]>;

  /** Commits all that polls have returned, the last one's included. Resolves when it is on disk. */
  commit(): Promise<void>;
  /**
   * The group's committed offset in a queue, whoever reads it: everything before is consumed. Undefined when there is none yet.
   *
   * @throws PullQueueUnknownError, PullTopicUnknownError, NoPermissionError
   */
  committed(queue: MessageQueue): Promise<number | undefined>;
  /**
   * The offset from which the next poll goes on in a queue.
   *
   * @throws PullQueueNotAssignedError
   */
  position(queue: MessageQueue): number;

  /**
   * Leaves queues out of polls. They stay assigned.
   *
   * @throws PullQueueNotAssignedError; then none of the queues is paused
   */
  pause(queues: readonly MessageQueue[]): void;
  resume(queues: readonly MessageQueue[]): void;

  /**
   * Ends a poll that waits, gives the queues back to the group, and, with `autoCommit`, commits what counts as consumed: not what the last poll returned. A second
   * call waits for the first.
   */
  close(): Promise<void>;
}
