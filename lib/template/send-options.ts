import { isPayloadType, type MessageHeaders, type PayloadType } from '../converter/index.js';
import type { MessageQueueSelector } from '../engine/index.js';
import { MessageIllegalError, UnknownOptionError } from '../errors/index.js';
import {
  aBoolean,
  aFunction,
  anObject,
  checkOptions,
  integer,
  nonBlankText,
  type OptionRule,
  type OptionRules,
} from '../rocket.option-rules.js';
import type { DelayOptions } from './delay.js';

/** What can be said about one message besides its payload. */
export interface MessageOptions extends DelayOptions {
  /**
   * Messages of one key go to one queue, in which they keep their order, as long as the topic has the same number of write queues. Kept in the property
   * `__SHARDINGKEY`. A key that is given must not be undefined: the order would be lost without a word.
   */
  readonly hashKey?: string;
  /** Chooses the queue of this send, whether it has a `hashKey` or not. Default: the module's `producer.messageQueueSelector`, for sends with a `hashKey`. */
  readonly selectQueue?: MessageQueueSelector | undefined;
  /** Business keys by which the message can be found. */
  readonly keys?: string | readonly string[] | undefined;
  /** The tag. The same as in the destination `topic:tag`. */
  readonly tags?: string | undefined;
  /** User properties, and RocketMQ's headers (see `RocketHeaders`). */
  readonly headers?: MessageHeaders | undefined;
  /** An integer of 32 bits that the application may use as it likes. Default 0. */
  readonly flag?: number | undefined;
  /** `false`: the send resolves before the message is on disk. Default true. */
  readonly waitStoreMsgOK?: boolean | undefined;
}

/** How one message is sent. */
export interface SendMessageOptions extends MessageOptions {
  /** Bounds the whole call, in milliseconds. Default: the module's `producer.sendMessageTimeoutMs` (3000). The message may still be stored after a timeout. */
  readonly timeoutMs?: number | undefined;
}

/** How a batch is sent. What it says of messages holds for each of them. */
export type SendBatchOptions = Omit<SendMessageOptions, keyof DelayOptions>;

/** How a message is sent whose delay is an argument. */
export type DelayedSendOptions = Omit<SendMessageOptions, keyof DelayOptions>;

const KEYS_RULE: OptionRule = {
  expected: 'a string or an array of strings',
  accepts: (value) => typeof value === 'string' || Array.isArray(value),
};

const TIME_RULE: OptionRule = {
  expected: 'a valid Date, or a whole number of epoch milliseconds',
  accepts: (value) => (value instanceof Date ? !Number.isNaN(value.valueOf()) : integer(0).accepts(value)),
};

const DELAY_RULES: OptionRules<DelayOptions> = {
  delayLevel: integer(0),
  delayMs: integer(0),
  deliverAt: TIME_RULE,
};

const UNDELAYED_RULES: OptionRules<Omit<MessageOptions, keyof DelayOptions>> = {
  hashKey: nonBlankText,
  selectQueue: aFunction,
  keys: KEYS_RULE,
  tags: { expected: 'a string', accepts: (value) => typeof value === 'string' },
  headers: anObject,
  flag: integer(-(2 ** 31), 2 ** 31 - 1),
  waitStoreMsgOK: aBoolean,
};

const MESSAGE_RULES: OptionRules<MessageOptions> = { ...UNDELAYED_RULES, ...DELAY_RULES };

export const TIMEOUT_RULE: OptionRule = {
  expected: 'a number of milliseconds over 0',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
};

const SEND_RULES: OptionRules<SendMessageOptions> = { ...MESSAGE_RULES, timeoutMs: TIMEOUT_RULE };

type RequestSendOptions = Omit<SendMessageOptions, keyof DelayOptions> & {
  readonly replyType?: PayloadType | undefined;
};

const REQUEST_RULES: OptionRules<RequestSendOptions> = {
  ...UNDELAYED_RULES,
  timeoutMs: TIMEOUT_RULE,
  replyType: { expected: 'a class, or an array with one class in it', accepts: isPayloadType },
};

/** @throws MessageIllegalError, UnknownOptionError */
export function checkSendOptions(method: string, options: SendMessageOptions): SendMessageOptions {
  return checkSends(method, options, SEND_RULES);
}

/** For sends whose answer nobody waits for. */
export function checkMessageOptions(method: string, options: MessageOptions): MessageOptions {
  return checkSends(method, options, MESSAGE_RULES);
}

/** For requests: they have a type of their answer, and no delay. */
export function checkRequestOptions<Options extends RequestSendOptions>(options: Options): Options {
  return checkSends('sendAndReceive', options, REQUEST_RULES);
}

/**
 * Checks the options of a template's method.
 *
 * @throws MessageIllegalError, UnknownOptionError
 */
export function checkMethodOptions<Options extends object>(
  method: string,
  options: Options,
  rules: Readonly<Record<string, OptionRule>>,
): Options {
  if (!anObject.accepts(options)) {
    throw new MessageIllegalError({
      field: `the options of ${method}`,
      value: options,
      reason: 'they must be an object',
    });
  }
  checkOptions(options, rules, {
    invalid: (option, value, expected) =>
      new MessageIllegalError({ field: option, value, reason: `it must be ${expected}` }),
    unknown: (option, nearest, known) =>
      new UnknownOptionError({ owner: `The options object of ${method}`, option, nearest, known }),
  });
  return options;
}

/** @throws MessageIllegalError */
export function checkHashKey(hashKey: unknown): asserts hashKey is string {
  if (nonBlankText.accepts(hashKey)) return;
  throw new MessageIllegalError({ field: 'hashKey', value: hashKey, reason: `it must be ${nonBlankText.expected}` });
}

function checkSends<Options extends Pick<MessageOptions, 'hashKey'>>(
  method: string,
  options: Options,
  rules: Readonly<Record<string, OptionRule>>,
): Options {
  checkMethodOptions(method, options, rules);
  // Other options that are undefined count as left out. A key that is, such as one of an object that has none, would scatter what belongs together.
  if ('hashKey' in options) checkHashKey(options.hashKey);
  return options;
}
