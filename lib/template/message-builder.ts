import { RocketMessage, type MessageHeaders } from '../converter/index.js';

/**
 * Builds a {@link RocketMessage} step by step.
 *
 * @example
 * ```ts
 * MessageBuilder.withPayload(order).setHeader(RocketHeaders.KEYS, order.orderNo).build()
 * ```
 */
export class MessageBuilder<T> {
  readonly #payload: T;
  readonly #headers = new Map<string, unknown>();

  private constructor(payload: T) {
    this.#payload = payload;
  }

  static withPayload<T>(payload: T): MessageBuilder<T> {
    return new MessageBuilder(payload);
  }

  /** Begins with the payload and the headers of another message. */
  static fromMessage<T>(message: RocketMessage<T>): MessageBuilder<T> {
    return new MessageBuilder(message.payload).copyHeaders(message.headers);
  }

  /** Undefined or null takes the header away. */
  setHeader(name: string, value: unknown): this {
    if (value === undefined || value === null) this.#headers.delete(name);
    else this.#headers.set(name, value);
    return this;
  }

  setHeaderIfAbsent(name: string, value: unknown): this {
    return this.#headers.has(name) ? this : this.setHeader(name, value);
  }

  removeHeader(name: string): this {
    this.#headers.delete(name);
    return this;
  }

  copyHeaders(headers: MessageHeaders): this {
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    return this;
  }

  build(): RocketMessage<T> {
    return new RocketMessage(this.#payload, Object.fromEntries(this.#headers));
  }
}
