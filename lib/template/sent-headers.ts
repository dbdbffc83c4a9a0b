import { ROCKET_HEADER_PREFIX, RocketHeaders, type MessageHeaders } from '../converter/index.js';
import { MessageIllegalError } from '../errors/index.js';

/** What headers say about a message that is to be sent. Undefined: nothing. */
export interface SentHeaders {
  readonly keys: string | undefined;
  readonly tags: string | undefined;
  readonly flag: number | undefined;
  readonly delayLevel: number | undefined;
  readonly waitStoreMsgOK: boolean | undefined;
  readonly properties: Readonly<Record<string, string>>;
}

const NOTHING_SAID: SentHeaders = {
  keys: undefined,
  tags: undefined,
  flag: undefined,
  delayLevel: undefined,
  waitStoreMsgOK: undefined,
  properties: {},
};

/** RocketMQ's own name of the property behind `WAIT_STORE_MSG_OK`. */
const WAIT = 'WAIT';

const acting: ReadonlySet<string> = new Set([
  RocketHeaders.KEYS,
  RocketHeaders.TAGS,
  RocketHeaders.FLAG,
  RocketHeaders.DELAY,
  RocketHeaders.WAIT_STORE_MSG_OK,
  WAIT,
]);

/**
 * Reads headers as the sender means them.
 *
 * Headers that RocketMQ gives a meaning have their effect; rocketmq-spring drops `TAGS` and `DELAY` without a word. All others become user
 * properties, except those with the prefix `rocketmq_`: they came with a message that was read. Headers that are undefined or null are
 * not there. Other names that are reserved by RocketMQ are refused by the engine.
 *
 * @throws MessageIllegalError
 */
export function readSentHeaders(headers: MessageHeaders): SentHeaders {
  const given = Object.entries(headers);
  if (given.length === 0) return NOTHING_SAID;
  const present = given.filter(([, value]) => value !== undefined && value !== null);
  const valueOf = new Map(present);
  const own = present.filter(([name]) => !acting.has(name) && !name.startsWith(ROCKET_HEADER_PREFIX));
  return {
    keys: readKeys('header KEYS', valueOf.get(RocketHeaders.KEYS) ?? valueOf.get(RocketHeaders.RECEIVED_KEYS)),
    tags: readTags(valueOf.get(RocketHeaders.TAGS)),
    flag: readInteger('header FLAG', valueOf.get(RocketHeaders.FLAG)),
    delayLevel: readInteger('header DELAY', valueOf.get(RocketHeaders.DELAY)),
    waitStoreMsgOK: readWait(valueOf.get(RocketHeaders.WAIT_STORE_MSG_OK) ?? valueOf.get(WAIT)),
    // Not by assignments, which would lose a header called `__proto__` without a word.
    properties: Object.fromEntries(own.map(([name, value]) => [name, propertyText(name, value)])),
  };
}

/** Keys as RocketMQ keeps them: separated by one space, so that a key of a list can not contain one. */
export function readKeys(field: string, keys: unknown): string | undefined {
  if (keys === undefined || typeof keys === 'string') return keys;
  if (typeof keys === 'number' || typeof keys === 'bigint') return String(keys);
  if (!Array.isArray(keys)) throw refused(field, keys, 'it must be a string or an array of strings');
  const texts = keys.map((key: unknown) => (typeof key === 'number' || typeof key === 'bigint' ? String(key) : key));
  for (const key of texts) {
    if (typeof key !== 'string') throw refused(`a key in ${field}`, key, 'it must be a string');
    if (key === '' || /\s/.test(key)) throw refused(`a key in ${field}`, key, 'it must not be empty or contain spaces');
  }
  return texts.length === 0 ? undefined : texts.join(' ');
}

function readTags(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw refused('header TAGS', value, 'it must be a string');
}

function readInteger(field: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  if (!Number.isSafeInteger(number)) throw refused(field, value, 'it must be a whole number');
  return number as number;
}

function readWait(value: unknown): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw refused('header WAIT_STORE_MSG_OK', value, 'it must be true or false');
}

function propertyText(name: string, value: unknown): string {
  const field = `header "${name}"`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) throw refused(field, value, 'it has no text');
  if (value instanceof Date) {
    if (Number.isNaN(value.valueOf())) throw refused(field, value, 'it must be a valid date');
    return value.toISOString();
  }
  const text = textOf(value);
  if (text === undefined || text.startsWith('[object '))
    throw refused(field, value, 'it must be a string, a number or a boolean');
  return text;
}

function textOf(value: object): string | undefined {
  try {
    // oxlint-disable-next-line typescript/no-base-to-string -- what the default gives is refused
    return String(value);
  } catch {
    // Such as of an object without a prototype, which parsers of query strings make.
    return undefined;
  }
}

function refused(field: string, value: unknown, reason: string): MessageIllegalError {
  return new MessageIllegalError({ field, value, reason });
}
