import { isPayloadType, type PayloadOf, type PayloadType } from '../converter/index.js';
import { MessageIllegalError } from '../errors/index.js';
import type { DelayOptions } from './delay.js';
import { refuseBesideOptions } from './send-arguments.js';
import { checkHashKey, checkRequestOptions, type SendMessageOptions } from './send-options.js';
import { isCallback, type OutcomeCallback } from './send-outcome.js';

/** How a request is sent. It can not be delayed: whoever asks waits for the answer. */
export interface RequestOptions<P extends PayloadType = PayloadType> extends Omit<
  SendMessageOptions,
  keyof DelayOptions
> {
  /** What the reply is made into; see {@link PayloadType}. Default: what the reply's content type says. */
  readonly replyType?: P | undefined;
}

/** Told how a request went: exactly one of its functions is called, once. RocketMQ's Spring template calls it `RocketMQLocalRequestCallback`. */
export interface RequestCallback<P extends PayloadType = PayloadType> extends OutcomeCallback<PayloadOf<P>> {
  /** What the reply is made into; see {@link PayloadType}. Default: what the reply's content type says. */
  readonly replyType?: P | undefined;
}

/** What follows the payload of a request. */
export type RequestThirdArgument = PayloadType | RequestOptions | RequestCallback<never> | undefined;

/** @throws MessageIllegalError for half a callback */
export function callbackOf(third: RequestThirdArgument): OutcomeCallback<unknown> | undefined {
  return isPayloadType(third) || !isCallback(third) ? undefined : third;
}

/**
 * Reads what follows the payload: an options object; or a type or a callback, followed by a hash key, a timeout or both, as rocketmq-spring has them.
 *
 * @param rest all further arguments: that a hash key is there, but undefined, can be told by their number only
 * @throws MessageIllegalError, UnknownOptionError
 */
export function readRequestOptions(third: RequestThirdArgument, rest: readonly unknown[]): RequestOptions {
  if (third === undefined || isPayloadType(third)) return checkRequestOptions(withRest({ replyType: third }, rest));
  if (isCallback(third))
    return checkRequestOptions(withRest({ replyType: (third as RequestCallback).replyType }, rest));
  for (const argument of rest) refuseBesideOptions('behind the options', argument);
  return checkRequestOptions(third);
}

function withRest(options: RequestOptions, rest: readonly unknown[]): RequestOptions {
  const [first, second] = rest;
  if (rest.length === 0 || (rest.length === 1 && typeof first !== 'string')) {
    return { ...options, timeoutMs: first as number | undefined };
  }
  if (typeof first === 'number' || rest.length > 2) {
    const reason = 'whoever asks waits for the answer, so a request has no delay level';
    throw new MessageIllegalError({ field: 'the last argument of sendAndReceive', value: rest.at(-1), reason });
  }
  checkHashKey(first);
  return { ...options, hashKey: first, timeoutMs: second as number | undefined };
}
