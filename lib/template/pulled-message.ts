import { payloadOf, type MessageConverter, type PayloadType } from '../converter/index.js';
import type { MessageExt } from '../engine/index.js';
import { PayloadUnreadableError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';

/** A message that was polled. */
export class PulledMessage<T = unknown> {
  readonly message: MessageExt;
  readonly #read: (message: MessageExt) => unknown;
  #payload: { readonly value: T } | undefined;

  constructor(message: MessageExt, read: (message: MessageExt) => unknown) {
    this.message = message;
    this.#read = read;
  }

  /**
   * Made when it is first asked for, so that a message that can't be read does not take those along that were polled with it.
   *
   * @throws PayloadUnreadableError
   */
  get payload(): T {
    this.#payload ??= { value: this.#read(this.message) as T };
    return this.#payload.value;
  }
}

/** @param reader how errors name it */
export function payloadReader(
  converter: MessageConverter,
  payloadType: PayloadType | undefined,
  reader: string,
): (message: MessageExt) => unknown {
  return (message) => {
    try {
      return payloadOf(converter, message, payloadType);
    } catch (error) {
      const { topic, msgId } = message;
      throw new PayloadUnreadableError({ listener: reader, topic, msgId, reason: messageOf(error) }, error);
    }
  };
}
