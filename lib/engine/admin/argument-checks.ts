import { InvalidOptionError, TopicNotExistError } from '../../errors/index.js';
import { refuseUnknown } from '../../errors/known-options.js';
import { checkTopicName } from '../store/index.js';
import type { ServiceContext, TopicConfig } from '../types/index.js';

/** A moment: epoch milliseconds, or a Date. */
export type Moment = number | Date;

/** @throws InvalidOptionError */
export function checkInteger(option: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new InvalidOptionError({ option, value, expected: `an integer ${range}` });
}

/** @throws InvalidOptionError */
export function checkText(option: string, value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new InvalidOptionError({ option, value, expected: 'a text that is not empty' });
}

/** @throws InvalidOptionError */
export function checkName<Name extends string>(option: string, value: unknown, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new InvalidOptionError({ option, value, expected: names.map((name) => `"${name}"`).join(' or ') });
}

/**
 * Epoch milliseconds of a moment.
 *
 * @throws InvalidOptionError
 */
export function checkMoment(option: string, value: unknown): number {
  const epochMs = value instanceof Date ? value.getTime() : value;
  if (typeof epochMs === 'number' && Number.isSafeInteger(epochMs) && epochMs >= 0) return epochMs;
  throw new InvalidOptionError({ option, value, expected: 'a Date, or epoch milliseconds' });
}

/** A range of time, both ends included. What is left out is open. @throws InvalidOptionError */
export function checkTimeRange(range: { readonly begin?: unknown; readonly end?: unknown }): {
  readonly beginMs: number;
  readonly endMs: number;
} {
  const beginMs = range.begin === undefined ? 0 : checkMoment('begin', range.begin);
  const endMs = range.end === undefined ? Number.MAX_SAFE_INTEGER : checkMoment('end', range.end);
  if (beginMs <= endMs) return { beginMs, endMs };
  throw new InvalidOptionError({ option: 'begin', value: range.begin, expected: `not after end, which is ${endMs}` });
}

/** Options that do not exist would have no effect, so they are refused. @throws InvalidOptionError, UnknownOptionError */
export function checkKnown(owner: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || (given as object | null) === null) {
    throw new InvalidOptionError({ option: owner, value: given, expected: `an object with ${known.join(', ')}` });
  }
  refuseUnknown(owner, given, known);
}

/** @throws NameIllegalError, TopicNotExistError */
export function requireTopic({ topics }: ServiceContext, topic: unknown): TopicConfig {
  checkTopicName(topic);
  const config = topics.get(topic);
  if (config === undefined) throw new TopicNotExistError({ topic });
  return config;
}
