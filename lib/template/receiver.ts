import type { MessageConverter } from '../converter/index.js';
import type { MessageExt } from '../engine/index.js';
import { payloadReader } from './pulled-message.js';
import type { ReceiveOptions } from './receive-options.js';
import type { RocketPullConsumer } from './rocket-pull-consumer.js';

/**
 * Gives the payloads of polled messages.
 *
 * A message that can not be read fails one call, and by itself: what was polled before it is given first, what was polled behind it stays for the calls after. In
 * RocketMQ's Spring template it takes along all that were polled with it.
 */
export class Receiver {
  readonly #consumer: RocketPullConsumer;
  readonly #converter: MessageConverter;
  /** Polled, but not given yet. The engine takes them as consumed only at the next poll, which waits until there are none. */
  #left: readonly MessageExt[] = [];

  constructor(consumer: RocketPullConsumer, converter: MessageConverter) {
    this.#consumer = consumer;
    this.#converter = converter;
  }

  /** @throws PayloadUnreadableError, PullPollPendingError, PullConsumerClosedError */
  async receive({ payloadType, maxCount, timeoutMs }: ReceiveOptions): Promise<unknown[]> {
    if (this.#left.length === 0) {
      this.#left = (await this.#consumer.poll({ maxCount, timeoutMs })).map(({ message }) => message);
    }
    const read = payloadReader(this.#converter, payloadType, `the receiver of group "${this.#consumer.group}"`);
    const payloads: unknown[] = [];
    for (const message of this.#left.slice(0, maxCount)) {
      try {
        payloads.push(read(message));
      } catch (error) {
        if (payloads.length > 0) break;
        this.#left = this.#left.slice(1);
        throw error;
      }
    }
    this.#left = this.#left.slice(payloads.length);
    return payloads;
  }
}
