import { MessageIllegalError } from '../errors/index.js';
import {
  checkHashKey,
  checkMessageOptions,
  checkSendOptions,
  type DelayedSendOptions,
  type MessageOptions,
  type SendMessageOptions,
} from './send-options.js';

const NO_OPTIONS: SendMessageOptions = {};

/**
 * Reads what follows the payload: an options object, or timeout and delay level as rocketmq-spring has them.
 *
 * @throws MessageIllegalError, UnknownOptionError
 */
export function readSendArguments(
  method: string,
  timeoutOrOptions: number | SendMessageOptions | undefined,
  delayLevel: number | undefined,
): SendMessageOptions {
  if (timeoutOrOptions === undefined && delayLevel === undefined) return NO_OPTIONS;
  if (typeof timeoutOrOptions !== 'object' || timeoutOrOptions === null) {
    return checkSendOptions(method, { timeoutMs: timeoutOrOptions, delayLevel });
  }
  refuseBesideOptions('delayLevel', delayLevel);
  return checkSendOptions(method, timeoutOrOptions);
}

/** The same for a send whose hash key is an argument. */
export function readOrderlyArguments(
  method: string,
  hashKey: string,
  timeoutOrOptions: number | SendMessageOptions | undefined,
  delayLevel: number | undefined,
): SendMessageOptions {
  return withHashKey(hashKey, readSendArguments(method, timeoutOrOptions, delayLevel));
}

/** The same for a send whose answer nobody waits for. */
export function readOneWayOptions(method: string, hashKey: string, options: MessageOptions): MessageOptions {
  return withHashKey(hashKey, checkMessageOptions(method, options));
}

/**
 * The same for a send whose delay is an argument.
 *
 * @param delay one of the delays. Undefined in it is refused, as it would send at once
 */
export function readDelayedArguments(
  method: string,
  delay: { readonly delayMs: number } | { readonly deliverAt: Date | number },
  options: DelayedSendOptions,
): SendMessageOptions {
  for (const [argument, value] of Object.entries(delay) as [string, unknown][]) {
    if (value !== undefined) continue;
    throw new MessageIllegalError({ field: `the argument ${argument} of ${method}`, value, reason: 'it is needed' });
  }
  const given: SendMessageOptions = checkSendOptions(method, options);
  for (const name of ['delayLevel', 'delayMs', 'deliverAt'] as const) refuseTwice(method, name, given[name]);
  return checkSendOptions(method, { ...given, ...delay });
}

/**
 * What a method with an options object takes as arguments in its other form has to be in the object.
 *
 * @throws MessageIllegalError
 */
export function refuseBesideOptions(argument: string, value: unknown): void {
  if (value === undefined) return;
  throw new MessageIllegalError({
    field: `the argument ${argument}`,
    value,
    reason: 'with an options object it belongs into the object',
  });
}

function refuseTwice(method: string, option: string, value: unknown): void {
  if (value === undefined) return;
  const reason = `the delay is an argument of ${method}`;
  throw new MessageIllegalError({ field: `the option ${option}`, value, reason });
}

function withHashKey<Options extends MessageOptions>(hashKey: string, options: Options): Options {
  checkHashKey(hashKey);
  if (options.hashKey !== undefined && options.hashKey !== hashKey) {
    const reason = `the argument hashKey is ${JSON.stringify(hashKey)}`;
    throw new MessageIllegalError({ field: 'the option hashKey', value: options.hashKey, reason });
  }
  return { ...options, hashKey };
}
