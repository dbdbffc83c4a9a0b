import { types } from 'node:util';
import { InvalidOptionError, UnknownOptionError } from './errors/index.js';

/** What one option may be. */
export interface OptionRule {
  /** Completes the sentence "… must be". */
  readonly expected: string;
  accepts(value: unknown): boolean;
}

export type OptionRules<Options extends object> = { readonly [Name in keyof Options]-?: OptionRule };

/** How the owner of some options names a violation of their rules. */
export interface OptionRefusal {
  unknown(option: string, nearest: string | undefined, known: readonly string[]): Error;
  invalid(option: string, value: unknown, expected: string): Error;
}

/** What most owners say: the errors of options. */
export function optionRefusal(owner: string): OptionRefusal {
  return {
    unknown: (option, nearest, known) => new UnknownOptionError({ owner, option, nearest, known }),
    invalid: (option, value, expected) => new InvalidOptionError({ option, value, expected }),
  };
}

/** @throws InvalidOptionError they are no object */
export function requireOptions(owner: string, options: unknown): void {
  if (anObject.accepts(options)) return;
  throw new InvalidOptionError({ option: `options of ${owner}`, value: options, expected: anObject.expected });
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): OptionRule {
  return {
    expected: max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
    accepts: (value) => Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max,
  };
}

export function oneOf(...values: readonly string[]): OptionRule {
  return {
    expected: values.map((value) => `'${value}'`).join(' or '),
    accepts: (value) => typeof value === 'string' && values.includes(value),
  };
}

export const nonBlankText: OptionRule = {
  expected: 'a string that is not blank',
  accepts: (value) => typeof value === 'string' && value.trim() !== '',
};

/** Whose fields are options. What keeps its content elsewhere would be taken for an object without any, and its content be lost without a word. */
export const anObject: OptionRule = {
  expected: 'an object',
  accepts: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !(Symbol.iterator in value) &&
    !types.isDate(value) &&
    !types.isPromise(value),
};

export const aBoolean: OptionRule = {
  expected: 'true or false',
  accepts: (value) => typeof value === 'boolean',
};

export const aFunction: OptionRule = {
  expected: 'a function',
  accepts: (value) => typeof value === 'function',
};

/**
 * Refuses option names that do not exist, and values that break their rule. An option that is undefined counts as left out, since
 * configuration services answer so for what is not configured.
 */
export function checkOptions(
  given: object,
  rules: Readonly<Record<string, OptionRule>>,
  refusal: OptionRefusal,
  required: readonly string[] = [],
): void {
  for (const option of Object.keys(given)) {
    const value: unknown = (given as Record<string, unknown>)[option];
    const rule = Object.hasOwn(rules, option) ? rules[option] : undefined;
    if (rule === undefined) {
      const known = Object.keys(rules);
      throw refusal.unknown(option, nearestName(option, known), known);
    }
    if (value !== undefined && !rule.accepts(value)) throw refusal.invalid(option, value, rule.expected);
  }
  for (const option of required) {
    const value: unknown = (given as Record<string, unknown>)[option];
    if (value === undefined) throw refusal.invalid(option, value, rules[option]?.expected ?? 'given');
  }
}

/** The known name that is closest to a mistyped one; undefined when none is near. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(given.length / 3));
  let nearest: string | undefined;
  let nearestDistance = limit + 1;
  for (const name of known) {
    const distance = editDistance(given.toLowerCase(), name.toLowerCase());
    if (distance < nearestDistance) {
      nearest = name;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** Levenshtein's distance: the fewest letters to put in, take out or exchange. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const exchanged = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(exchanged, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
