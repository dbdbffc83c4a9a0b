import type { PayloadType } from '../converter/index.js';
import type {
  MessageExt,
  MessageQueue,
  MessageSelector,
  PollOptions,
  PullConsumer,
  PullConsumerOptions,
} from '../engine/index.js';
import { PulledMessage } from './pulled-message.js';

/** What a pull consumer of the template is to be. */
export interface RocketPullConsumerOptions<P extends PayloadType = PayloadType> extends PullConsumerOptions {
  /** What payloads are made into; see {@link PayloadType}. Default: what a message's content type says. */
  readonly payloadType?: P | undefined;
}

/**
 * Consumes by hand (RocketMQ: `DefaultLitePullConsumer`): either {@link subscribe} to topics, whose queues are shared with the other pull consumers of the group, or {@link assign} queues. It is
 * the engine's {@link PullConsumer}, which says more about each method, with payloads.
 *
 * Delivery is at least once. What a poll returned counts as consumed when the next poll is called, and is committed every `autoCommitIntervalMs` and at {@link close}; with
 * `autoCommit: false` only {@link commit} commits. What the last poll returned comes again after a crash or a close, unless it was committed.
 *
 * Iterating polls for one message at a time, until the consumer is closed. The message that a loop was left at comes again unless it is committed.
 *
 * @example
 * ```ts
 * await using consumer = await template.createPullConsumer({ group: 'audit', payloadType: Order });
 * await consumer.subscribe('orders');
 * for await (const { payload, message } of consumer) await archive(payload, message.msgId);
 * ```
 *
 * @publicApi
 */
export class RocketPullConsumer<T = unknown> implements AsyncIterable<PulledMessage<T>>, AsyncDisposable {
  readonly #consumer: PullConsumer;
  readonly #read: (message: MessageExt) => unknown;
  readonly #onClosed: (consumer: RocketPullConsumer<T>) => void;

  /** Made by {@link RocketTemplate.createPullConsumer}. */
  constructor(
    consumer: PullConsumer,
    read: (message: MessageExt) => unknown,
    onClosed: (consumer: RocketPullConsumer<T>) => void,
  ) {
    this.#consumer = consumer;
    this.#read = read;
    this.#onClosed = onClosed;
  }

  get group(): string {
    return this.#consumer.group;
  }

  /** The queues of a topic that can be read. */
  queues(topic: string): Promise<readonly MessageQueue[]> {
    return this.#consumer.queues(topic);
  }

  /** Reads chosen queues, in place of those chosen before. @param selector default: every message; a text is a tag expression */
  assign(queues: readonly MessageQueue[], selector?: MessageSelector | string): Promise<void> {
    return this.#consumer.assign(queues, selector);
  }

  /** Adds a topic, whose queues are shared with the group. @param selector default: every message; a text is a tag expression */
  subscribe(topic: string, selector?: MessageSelector | string): Promise<void> {
    return this.#consumer.subscribe(topic, selector);
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#consumer.unsubscribe(topic);
  }

  /** The queues that this consumer reads now. */
  assignment(): readonly MessageQueue[] {
    return this.#consumer.assignment();
  }

  /** Says where the next poll goes on in a queue. */
  seek(queue: MessageQueue, offset: number): Promise<void> {
    return this.#consumer.seek(queue, offset);
  }

  seekToBegin(queue: MessageQueue): Promise<void> {
    return this.#consumer.seekToBegin(queue);
  }

  seekToEnd(queue: MessageQueue): Promise<void> {
    return this.#consumer.seekToEnd(queue);
  }

  /** Goes to the first message that was stored at this time (epoch ms) or later. */
  seekToTimestamp(queue: MessageQueue, timestampMs: number): Promise<void> {
    return this.#consumer.seekToTimestamp(queue, timestampMs);
  }

  /** Messages that have not been polled yet: those that are there, else the first to arrive; none after `timeoutMs` (default 5000; 0: does not wait). */
  async poll(options?: PollOptions): Promise<PulledMessage<T>[]> {
    const messages = await this.#consumer.poll(options);
    return messages.map((message) => new PulledMessage<T>(message, this.#read));
  }

  /** Commits all that polls have returned, the last one's included. Resolves when it is on disk. */
  commit(): Promise<void> {
    return this.#consumer.commit();
  }

  /** The group's committed offset in a queue; undefined when there is none yet. */
  committed(queue: MessageQueue): Promise<number | undefined> {
    return this.#consumer.committed(queue);
  }

  /** The offset from which the next poll goes on in a queue. */
  position(queue: MessageQueue): number {
    return this.#consumer.position(queue);
  }

  /** Leaves queues out of polls. They stay assigned. */
  pause(queues: readonly MessageQueue[]): void {
    this.#consumer.pause(queues);
  }

  resume(queues: readonly MessageQueue[]): void {
    this.#consumer.resume(queues);
  }

  /** Ends a poll that waits and gives the queues back. The app does it at shutdown for all that are open. */
  async close(): Promise<void> {
    await this.#consumer.close();
    this.#onClosed(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<PulledMessage<T>, void> {
    for await (const message of this.#consumer) yield new PulledMessage<T>(message, this.#read);
  }
}
