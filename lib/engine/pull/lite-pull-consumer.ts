import {
  InvalidOptionError,
  PullConsumerClosedError,
  PullModeConflictError,
  PullNotSubscribedError,
  PullPollPendingError,
  PullQueueNotAssignedError,
} from '../../errors/index.js';
import { messageOf, stackOf } from '../../errors/thrown.js';
import type { MessageExt, MessageQueue, MessageSelector, TimerHandle } from '../types/index.js';
import { Assignment } from './assignment.js';
import { checkIsQueue, checkIsQueueList, knownQueue, queuesOf } from './known-queues.js';
import type { OffsetBook } from './offset-book.js';
import { integer, resolvePoll, type ResolvedPullOptions } from './pull-options.js';
import type { PullRoom } from './pull-room.js';
import { pullSelector, type PullSelector } from './pull-selector.js';
import type { PollOptions, PullConsumer } from './pull-types.js';
import type { QueueCursor } from './queue-cursor.js';
import { checkReadable, readableQueues, type ShareMember, type TopicShare } from './topic-share.js';
import { WakeSignal } from './wake-signal.js';

/** How often a poll that waits looks at its topics again, for changes that no arrival tells of (`RebalanceService.waitInterval`). */
const REFRESH_INTERVAL_MS = 20_000;

/** What a pull consumer needs of the service that has made it. */
export interface PullConsumerParts {
  readonly offsets: OffsetBook;
  /** The share of a topic that the consumer is to be a member of. */
  readonly shareOf: (topic: string) => TopicShare;
  readonly onClosed: () => void;
}

/** See {@link PullConsumer}. */
export class LitePullConsumer implements PullConsumer, ShareMember {
  readonly group: string;
  readonly #room: PullRoom;
  readonly #options: ResolvedPullOptions;
  readonly #parts: PullConsumerParts;
  readonly #assignment: Assignment;
  readonly #signal: WakeSignal;
  #mode: 'subscribe' | 'assign' | undefined;
  /** By topic. Empty unless the mode is subscribe. */
  readonly #subscriptions = new Map<string, { readonly share: TopicShare; readonly selector: PullSelector }>();
  #polling: Promise<unknown> | undefined;
  #commitTimer: TimerHandle | undefined;
  #closing: Promise<void> | undefined;

  constructor(room: PullRoom, options: ResolvedPullOptions, parts: PullConsumerParts) {
    this.group = options.group;
    this.#room = room;
    this.#options = options;
    this.#parts = parts;
    this.#signal = new WakeSignal(room.clock);
    this.#assignment = new Assignment(room, options, parts.offsets, () => this.#signal.wake());
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
    const starts = await this.#startOffsets(wanted);
    // From here on nothing waits; what may have changed meanwhile is looked at again.
    this.#checkMode('assign');
    this.#mode = 'assign';
    this.#keepOnly(wanted);
    for (const [index, queue] of wanted.entries()) {
      const cursor = this.#assignment.cursors.find(queue.topic, queue.queueId);
      if (cursor === undefined) this.#assignment.add(queue, functions, starts[index]!);
      else cursor.select(functions);
      this.#assignment.listen(queue.topic, () => undefined);
    }
    this.#commitLater();
  }

  async subscribe(topic: string, selector?: MessageSelector | string): Promise<void> {
    this.#checkMode('subscribe');
    this.#room.checkTopicName(topic);
    checkReadable(this.#room, topic);
    const chosen = pullSelector(this.#room, this.#options, topic, selector);
    this.#parts.shareOf(topic).checkAgrees(this, chosen.text);
    await this.#fixStartPositions(topic);
    // From here on nothing waits; what may have changed meanwhile is looked at again.
    this.#checkMode('subscribe');
    const share = this.#parts.shareOf(topic);
    share.checkAgrees(this, chosen.text);
    this.#mode = 'subscribe';
    this.#subscriptions.set(topic, { share, selector: chosen });
    for (const cursor of this.#assignment.cursors.ofTopic(topic)) cursor.select(chosen.functions);
    share.join(this, chosen.text);
    this.#assignment.listen(topic, () => share.refresh());
    this.#signal.wake();
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
    const { topic, queueId } = queue;
    this.#move(this.#cursorOf(queue, 'seek'), this.#room.store.queueRange(topic, queueId).minOffset);
  }

  async seekToEnd(queue: MessageQueue): Promise<void> {
    const { topic, queueId } = queue;
    this.#move(this.#cursorOf(queue, 'seek'), this.#room.store.queueRange(topic, queueId).maxOffset);
  }

  async seekToTimestamp(queue: MessageQueue, timestampMs: number): Promise<void> {
    const { topic, queueId } = this.#cursorOf(queue, 'seek').queue;
    integer('timestampMs of seekToTimestamp', timestampMs, 0);
    const offset = await this.#whileBusy(() => this.#room.store.offsetByTime(topic, queueId, timestampMs));
    // The queue may have gone to another member meanwhile.
    this.#move(this.#cursorOf(queue, 'seek'), offset);
  }

  async poll(options: PollOptions = {}): Promise<readonly MessageExt[]> {
    this.#checkOpen('poll');
    const { maxCount, timeoutMs } = resolvePoll(options, this.#options.pullBatchSize);
    return this.#poll(maxCount, timeoutMs);
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
    for (const { share } of this.#subscriptions.values()) share.refresh();
  }

  /** Goes on from another offset in a queue, if this consumer reads it. */
  moveTo(topic: string, queueId: number, offset: number): void {
    const cursor = this.#assignment.cursors.find(topic, queueId);
    if (cursor !== undefined) this.#move(cursor, offset);
  }

  async #poll(maxCount: number, timeoutMs: number): Promise<readonly MessageExt[]> {
    if (this.#mode === undefined) throw new PullNotSubscribedError({ group: this.group });
    if (this.#polling !== undefined) throw new PullPollPendingError({ group: this.group });
    this.#assignment.confirm();
    this.#commitLater();
    const polling = this.#awaitMessages(maxCount, this.#room.clock.monotonicMs() + timeoutMs);
    this.#polling = polling;
    try {
      return await polling;
    } finally {
      this.#polling = undefined;
    }
  }

  async #awaitMessages(maxCount: number, deadlineMs: number): Promise<readonly MessageExt[]> {
    const { clock } = this.#room;
    const { cursors } = this.#assignment;
    for (;;) {
      this.refresh();
      const { version } = this.#signal;
      await this.#whileBusy(() =>
        cursors.fill(maxCount, () => this.#closing !== undefined || clock.monotonicMs() >= deadlineMs),
      );
      if (this.#closing !== undefined) return [];
      const messages = cursors.take(maxCount);
      const restMs = deadlineMs - clock.monotonicMs();
      if (messages.length > 0 || restMs <= 0) return messages;
      await this.#signal.wait(version, Math.min(restMs, REFRESH_INTERVAL_MS));
    }
  }

  /** For each queue, where reading begins. With automatic commits the position is fixed: a restart before the first commit finds it again. */
  async #startOffsets(queues: readonly MessageQueue[]): Promise<readonly number[]> {
    const { offsets } = this.#parts;
    const starts: number[] = [];
    for (const { topic, queueId } of queues) {
      starts.push(offsets.get(topic, queueId) ?? (await this.#startPosition(topic, queueId)));
    }
    return starts;
  }

  /**
   * A new group begins in each queue at a place that is written down at once. Else whoever gets the queue next, or finds it after a crash, would apply the rule to
   * a longer queue, and pass over what came meanwhile.
   */
  async #fixStartPositions(topic: string): Promise<void> {
    const { offsets } = this.#parts;
    const queueCount = readableQueues(this.#room, topic, this.group);
    let isNew = false;
    for (let queueId = 0; queueId < queueCount; queueId++) {
      if (offsets.get(topic, queueId) !== undefined) continue;
      const offset = await this.#startPosition(topic, queueId);
      // Another member may have begun meanwhile.
      if (offsets.get(topic, queueId) !== undefined) continue;
      offsets.set(topic, queueId, offset);
      isNew = true;
    }
    if (isNew) await this.#whileBusy(() => offsets.flush());
  }

  async #startPosition(topic: string, queueId: number): Promise<number> {
    const { store, startPosition } = this.#room;
    return this.#whileBusy(async () => startPosition(store, topic, queueId, this.#options.start));
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
    this.#signal.wake();
  }

  #setPaused(queues: readonly MessageQueue[], paused: boolean): void {
    checkIsQueueList(queues);
    const cursors = queues.map((queue) => this.#cursorOf(queue, paused ? 'pause' : 'resume'));
    for (const cursor of cursors) cursor.paused = paused;
    this.#signal.wake();
  }

  #commitLater(): void {
    if (!this.#options.autoCommit) return;
    this.#commitTimer ??= this.#room.clock.setTimer(() => {
      this.#commitTimer = undefined;
      this.#assignment.commit();
    }, this.#options.autoCommitIntervalMs);
  }

  /** Nothing of the consumer is left in the broker when this is done, and no read of the store is under way. */
  async #close(): Promise<void> {
    this.#commitTimer?.cancel();
    for (const topic of this.#subscriptions.keys()) this.#leave(topic);
    this.#keepOnly([]);
    this.#signal.wake();
    await this.#polling?.catch(() => undefined);
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

  /** Lets those who wait for a quiet engine wait for this, too. */
  async #whileBusy<T>(work: () => Promise<T>): Promise<T> {
    const end = this.#room.activity.begin();
    try {
      return await work();
    } finally {
      end();
    }
  }
}
