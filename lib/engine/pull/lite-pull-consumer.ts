import {
  InvalidOptionError,
  PullConsumerClosedError,
  PullModeConflictError,
  PullNotSubscribedError,
  PullQueueNotAssignedError,
} from '../../errors/index.js';
import { messageOf, stackOf } from '../../errors/thrown.js';
import type { MessageExt, MessageQueue, MessageSelector, TimerHandle } from '../types/index.js';
import { Assignment } from './assignment.js';
import { nextTurn, whileBusy } from './busy.js';
import { checkIsQueue, checkIsQueueList, knownQueue, presentQueuesOf, queuesOf } from './known-queues.js';
import type { OffsetBook } from './offset-book.js';
import { Poller, REFRESH_INTERVAL_MS } from './poller.js';
import { integer, resolvePoll, type ResolvedPullOptions } from './pull-options.js';
import type { PullRoom } from './pull-room.js';
import { pullSelector, type PullSelector } from './pull-selector.js';
import type { PollOptions, PullConsumer } from '../types/index.js';
import type { QueueCursor } from './queue-cursor.js';
import { fixStartOffsets, startOffsets } from './start-offsets.js';
import type { ShareMember, TopicShare } from './topic-share.js';

/** What a pull consumer needs of the service that has made it. */
export interface PullConsumerParts {
  readonly offsets: OffsetBook;
  /** The share of a topic that the consumer would be a member of, if it has members. */
  readonly findShare: (topic: string) => TopicShare | undefined;
  /** The same; made when there is none. It has to be joined at once. */
  readonly openShare: (topic: string) => TopicShare;
  readonly onClosed: () => void;
}

/** See {@link PullConsumer}. */
export class LitePullConsumer implements PullConsumer, ShareMember {
  readonly group: string;
  readonly #room: PullRoom;
  readonly #options: ResolvedPullOptions;
  readonly #parts: PullConsumerParts;
  readonly #assignment: Assignment;
  readonly #poller: Poller;
  #mode: 'subscribe' | 'assign' | undefined;
  /** By topic. Empty unless the mode is subscribe. */
  readonly #subscriptions = new Map<string, { readonly share: TopicShare; readonly selector: PullSelector }>();
  /** What reads or writes the store, polls aside. */
  readonly #running = new Set<Promise<unknown>>();
  #commitTimer: TimerHandle | undefined;
  #closing: Promise<void> | undefined;

  constructor(room: PullRoom, options: ResolvedPullOptions, parts: PullConsumerParts) {
    this.group = options.group;
    this.#room = room;
    this.#options = options;
    this.#parts = parts;
    this.#assignment = new Assignment(room, options, parts.offsets, () => this.#poller.wake());
    const { cursors } = this.#assignment;
    this.#poller = new Poller(room, { group: this.group, cursors, refresh: () => this.#refreshShares() });
  }

  async queues(topic: string): Promise<readonly MessageQueue[]> {
    this.#checkOpen('look up queues');
    return queuesOf(this.#room, topic);
  }

  async assign(queues: readonly MessageQueue[], selector?: MessageSelector | string): Promise<void> {
    this.#checkMode('assign');
    checkIsQueueList(queues);
    if (queues.length === 0) {
      throw new InvalidOptionError({ option: 'queues', value: queues, expected: 'at least one queue' });
    }
    const wanted = queues.map((queue) => knownQueue(this.#room, queue));
    const { functions } = pullSelector(this.#room, this.#options, wanted[0]!.topic, selector);
    const { start, autoCommit } = this.#options;
    // Without automatic commits the table is left alone until commit is called: many who assign keep offsets of their own.
    const begin = autoCommit ? fixStartOffsets : startOffsets;
    const starts = await this.#whileBusy(() => begin(this.#room, this.#parts.offsets, start, wanted));
    // From here on nothing waits; what may have changed meanwhile is looked at again.
    this.#checkMode('assign');
    this.#mode = 'assign';
    this.#keepOnly(wanted);
    for (const [index, queue] of wanted.entries()) {
      const cursor = this.#assignment.cursors.find(queue.topic, queue.queueId);
      // Somebody may have moved it meanwhile.
      const offset = this.#parts.offsets.get(queue.topic, queue.queueId) ?? starts[index]!;
      if (cursor === undefined) this.#assignment.add(queue, functions, offset);
      else cursor.select(functions);
      this.#assignment.listen(queue.topic, () => undefined);
    }
    this.#poller.wake();
  }

  async subscribe(topic: string, selector?: MessageSelector | string): Promise<void> {
    this.#checkMode('subscribe');
    const present = presentQueuesOf(this.#room, topic);
    const chosen = pullSelector(this.#room, this.#options, topic, selector);
    this.#parts.findShare(topic)?.checkAgrees(this, chosen.text);
    const { offsets } = this.#parts;
    await this.#whileBusy(() => fixStartOffsets(this.#room, offsets, this.#options.start, present));
    // From here on nothing waits; what may have changed meanwhile is looked at again.
    this.#checkMode('subscribe');
    const share = this.#parts.openShare(topic);
    share.checkAgrees(this, chosen.text);
    this.#mode = 'subscribe';
    this.#subscriptions.set(topic, { share, selector: chosen });
    for (const cursor of this.#assignment.cursors.ofTopic(topic)) cursor.select(chosen.functions);
    share.join(this, chosen.text);
    this.#assignment.listen(topic, () => share.refresh());
    this.#poller.wake();
  }

  async unsubscribe(topic: string): Promise<void> {
    this.#checkOpen('unsubscribe');
    this.#leave(topic);
  }

  assignment(): readonly MessageQueue[] {
    return this.#assignment.queues();
  }

  async seek(queue: MessageQueue, offset: number): Promise<void> {
    const cursor = this.#cursorOf(queue, 'seek');
    this.#move(cursor, integer('offset of seek', offset, 0));
  }

  async seekToBegin(queue: MessageQueue): Promise<void> {
    this.#cursorOf(queue, 'seek');
    await this.seek(queue, this.#room.store.queueRange(queue.topic, queue.queueId).minOffset);
  }

  async seekToEnd(queue: MessageQueue): Promise<void> {
    this.#cursorOf(queue, 'seek');
    await this.seek(queue, this.#room.store.queueRange(queue.topic, queue.queueId).maxOffset);
  }

  async seekToTimestamp(queue: MessageQueue, timestampMs: number): Promise<void> {
    const { topic, queueId } = this.#cursorOf(queue, 'seek').queue;
    integer('timestampMs of seekToTimestamp', timestampMs, 0);
    const offset = await this.#whileBusy(() => this.#room.store.offsetByTime(topic, queueId, timestampMs));
    // The queue may have gone to another member meanwhile.
    this.#move(this.#cursorOf(queue, 'seek'), offset);
  }

  async poll(options: PollOptions = {}): Promise<readonly MessageExt[]> {
    try {
      this.#checkOpen('poll');
      const { maxCount, timeoutMs } = resolvePoll(options, this.#options.pullBatchSize);
      return await this.#poll(maxCount, timeoutMs);
    } catch (error) {
      // Many loops poll again whatever has happened, until their app is told to end. It would never get the turn to tell them.
      await nextTurn(this.#room.clock);
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.#checkOpen('commit');
    this.#assignment.confirm();
    this.#assignment.commit();
    await this.#whileBusy(() => this.#parts.offsets.flush());
  }

  async committed(queue: MessageQueue): Promise<number | undefined> {
    this.#checkOpen('look up an offset');
    const { topic, queueId } = knownQueue(this.#room, queue);
    return this.#parts.offsets.get(topic, queueId);
  }

  /** Whether it is subscribed to a topic, or has queues of it. */
  uses(topic: string): boolean {
    return this.#subscriptions.has(topic) || this.#assignment.cursors.ofTopic(topic).length > 0;
  }

  position(queue: MessageQueue): number {
    return this.#cursorOf(queue, 'look up a position').position;
  }

  pause(queues: readonly MessageQueue[]): void {
    this.#setPaused(queues, true);
  }

  resume(queues: readonly MessageQueue[]): void {
    this.#setPaused(queues, false);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<MessageExt, void> {
    while (this.#closing === undefined) {
      const [message] = await this.#poll(1, REFRESH_INTERVAL_MS);
      if (message !== undefined) yield message;
    }
  }

  /** Only {@link TopicShare} calls this. */
  release(topic: string, kept: ReadonlySet<number>): void {
    for (const cursor of this.#assignment.cursors.ofTopic(topic)) {
      if (!kept.has(cursor.queue.queueId)) this.#assignment.drop(cursor);
    }
  }

  /** Only {@link TopicShare} calls this. */
  acquire(topic: string, queueIds: ReadonlySet<number>): void {
    const { functions } = this.#subscriptions.get(topic)!.selector;
    for (const queueId of queueIds) {
      if (this.#assignment.cursors.find(topic, queueId) !== undefined) continue;
      const startOffset = this.#parts.offsets.get(topic, queueId)!;
      this.#assignment.add({ topic, brokerName: this.#room.brokerName, queueId }, functions, startOffset);
    }
  }

  /** Looks again at the topics that are subscribed to. */
  refresh(): void {
    this.#refreshShares();
    this.#poller.wake();
  }

  /** Goes on from another offset in a queue, if this consumer reads it. */
  moveTo(topic: string, queueId: number, offset: number): void {
    const cursor = this.#assignment.cursors.find(topic, queueId);
    if (cursor !== undefined) this.#move(cursor, offset);
  }

  async #poll(maxCount: number, timeoutMs: number): Promise<readonly MessageExt[]> {
    if (this.#mode === undefined) throw new PullNotSubscribedError({ group: this.group });
    this.#poller.checkFree();
    this.#assignment.confirm();
    this.#commitLater();
    return this.#poller.poll(maxCount, timeoutMs);
  }

  #refreshShares(): void {
    for (const { share } of this.#subscriptions.values()) share.refresh();
  }

  #keepOnly(wanted: readonly MessageQueue[]): void {
    const isWanted = ({ topic, queueId }: MessageQueue): boolean =>
      wanted.some((other) => other.topic === topic && other.queueId === queueId);
    for (const cursor of this.#assignment.cursors.all()) {
      if (!isWanted(cursor.queue)) this.#assignment.drop(cursor);
    }
    for (const topic of this.#assignment.listenedTopics()) {
      if (!wanted.some((queue) => queue.topic === topic)) this.#assignment.stopListening(topic);
    }
  }

  #leave(topic: string): void {
    const subscription = this.#subscriptions.get(topic);
    if (subscription === undefined) return;
    this.#assignment.stopListening(topic);
    this.release(topic, new Set());
    this.#subscriptions.delete(topic);
    subscription.share.leave(this);
  }

  #move(cursor: QueueCursor, offset: number): void {
    cursor.moveTo(offset);
    this.#commitLater();
    this.#poller.wake();
  }

  #setPaused(queues: readonly MessageQueue[], paused: boolean): void {
    checkIsQueueList(queues);
    const cursors = queues.map((queue) => this.#cursorOf(queue, paused ? 'pause' : 'resume'));
    for (const cursor of cursors) cursor.paused = paused;
    this.#poller.wake();
  }

  #commitLater(): void {
    if (!this.#options.autoCommit) return;
    this.#commitTimer ??= this.#room.clock.setTimer(() => {
      this.#commitTimer = undefined;
      this.#assignment.commit();
    }, this.#options.autoCommitIntervalMs);
  }

  /** Nothing of the consumer is left in the broker when this is done, and nothing reads the store any more. */
  async #close(): Promise<void> {
    this.#commitTimer?.cancel();
    for (const topic of this.#subscriptions.keys()) this.#leave(topic);
    this.#keepOnly([]);
    await this.#poller.stop();
    await Promise.allSettled(this.#running);
    try {
      await this.#whileBusy(() => this.#parts.offsets.flush());
    } catch (error) {
      // The consumer has left all the same. The offsets stay in memory and are written with the next change, or when the store is closed.
      this.#room.logger.error(
        `The offsets of a pull consumer could not be written: ${messageOf(error)}`,
        stackOf(error),
      );
    }
    this.#parts.onClosed();
  }

  async #whileBusy<T>(work: () => Promise<T>): Promise<T> {
    const running = whileBusy(this.#room.activity, work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #cursorOf(queue: MessageQueue, operation: string): QueueCursor {
    this.#checkOpen(operation);
    checkIsQueue(queue);
    const { topic, brokerName, queueId } = queue;
    const cursor = brokerName === this.#room.brokerName ? this.#assignment.cursors.find(topic, queueId) : undefined;
    if (cursor === undefined) throw new PullQueueNotAssignedError({ group: this.group, topic, queueId });
    return cursor;
  }

  #checkMode(asked: 'subscribe' | 'assign'): void {
    this.#checkOpen(asked);
    const present = this.#mode;
    if (present !== undefined && present !== asked) {
      throw new PullModeConflictError({ group: this.group, asked, present });
    }
  }

  #checkOpen(operation: string): void {
    if (this.#closing !== undefined) throw new PullConsumerClosedError({ group: this.group, operation });
  }
}
