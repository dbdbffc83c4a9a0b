import { RocketMessage, type MessageConverter } from '../converter/index.js';
import type { Message } from '../engine/index.js';
import { MessageIllegalError } from '../errors/index.js';
import { isDelayed } from './delay.js';
import { composeMessage } from './outgoing-message.js';
import type { MessageOptions } from './send-options.js';

/** The messages of a batch. They go to one queue and lie one after the other. */
export type MessageBatch = readonly RocketMessage[];

/**
 * Whether what stands in the payload's place is a batch.
 *
 * RocketMQ's Spring template tells by the declared type; here the elements tell: an array of messages is a batch, every other array is one payload. Of two kinds
 * of arrays it can not be known which was meant: an empty one, and one that mixes messages with something else.
 *
 * @throws MessageIllegalError
 */
export function isBatch(payload: unknown): payload is MessageBatch {
  if (!Array.isArray(payload)) return false;
  if (payload.length === 0) {
    const reason = 'a batch has at least one message; to send an empty list as a payload, put it into a RocketMessage';
    throw new MessageIllegalError({ field: 'the batch', value: payload, reason });
  }
  const strangers = payload.filter((element) => !(element instanceof RocketMessage));
  if (strangers.length === payload.length) return false;
  if (strangers.length === 0) return true;
  const reason = 'all elements of a batch must be RocketMessages';
  throw new MessageIllegalError({ field: 'an element of the batch', value: strangers[0], reason });
}

/**
 * For methods that send one message.
 *
 * @throws MessageIllegalError
 */
export function refuseBatch(payload: unknown, reason: string): void {
  if (!Array.isArray(payload) || !payload.some((element) => element instanceof RocketMessage)) return;
  throw new MessageIllegalError({ field: 'the payload', value: payload, reason });
}

/** @throws MessageIllegalError, PayloadError */
export function composeBatch(
  destination: string,
  batch: MessageBatch,
  options: MessageOptions,
  converter: MessageConverter,
): readonly Message[] {
  return batch.map((each) => {
    const message = composeMessage(destination, each, options, converter);
    if (!isDelayed(message)) return message;
    const { delayLevel, delayMs, deliverAtMs } = message;
    const reason = 'a message of a batch can not be delayed';
    throw new MessageIllegalError({ field: 'its delay', value: delayLevel ?? delayMs ?? deliverAtMs, reason });
  });
}
