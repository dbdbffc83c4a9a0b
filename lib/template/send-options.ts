import type { MessageHeaders } from '../converter/index.js';
import { MessageIllegalError, UnknownOptionError } from '../errors/index.js';
import { anObject, checkOptions, integer, oneOf, type OptionRule, type OptionRules } from '../rocket.option-rules.js';

/** What can be said about one message besides its payload. */
export interface MessageOptions {
  /** One of RocketMQ's delay levels, 1 (1 s) to 18 (2 h). 0, the default: at once. */
  readonly delayLevel?: number | undefined;
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

const KEYS_RULE: OptionRule = {
  expected: 'a string or an array of strings',
  accepts: (value) => typeof value === 'string' || Array.isArray(value),
};

const MESSAGE_RULES: OptionRules<MessageOptions> = {
  delayLevel: integer(0),
  keys: KEYS_RULE,
  tags: { expected: 'a string', accepts: (value) => typeof value === 'string' },
  headers: anObject,
  flag: integer(-(2 ** 31), 2 ** 31 - 1),
  waitStoreMsgOK: { ...oneOf('true', 'false'), accepts: (value) => typeof value === 'boolean' },
};

const SEND_RULES: OptionRules<SendMessageOptions> = {
  ...MESSAGE_RULES,
  timeoutMs: { expected: 'a number of milliseconds over 0', accepts: (value) => isTimeout(value) },
};

/** @throws MessageIllegalError, UnknownOptionError */
export function checkSendOptions(method: string, options: SendMessageOptions): SendMessageOptions {
  return check(method, options, SEND_RULES);
}

/** For sends whose answer nobody waits for. */
export function checkMessageOptions(method: string, options: MessageOptions): MessageOptions {
  return check(method, options, MESSAGE_RULES);
}

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
  if (typeof timeoutOrOptions !== 'object' || timeoutOrOptions === null) {
    return checkSendOptions(method, { timeoutMs: timeoutOrOptions, delayLevel });
  }
  if (delayLevel !== undefined) {
    throw new MessageIllegalError({
      field: 'the argument delayLevel',
      value: delayLevel,
      reason: 'with an options object it belongs into the object',
    });
  }
  return checkSendOptions(method, timeoutOrOptions);
}

function check<Options extends object>(method: string, options: Options, rules: OptionRules<Options>): Options {
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

function isTimeout(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
