/** Headers of a message by name. See {@link RocketHeaders} for the names that RocketMQ gives a meaning. */
export type MessageHeaders = Readonly<Record<string, unknown>>;

const NO_HEADERS: MessageHeaders = Object.freeze({});

/**
 * A payload together with its headers.
 *
 * Only instances of this class are taken for messages: a plain object that happens to have a `payload` property is a payload.
 */
export class RocketMessage<T = unknown> {
  readonly payload: T;
  readonly headers: MessageHeaders;

  constructor(payload: T, headers: MessageHeaders = NO_HEADERS) {
    this.payload = payload;
    this.headers = headers === NO_HEADERS ? headers : Object.freeze({ ...headers });
  }
}
