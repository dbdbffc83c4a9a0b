import { InvalidOptionError } from '../errors/index.js';

// Each takes the value of an option as it was given, and returns it checked, or the default when it was left out.

export function checkText(option: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new InvalidOptionError({ option, value, expected: 'a text that is not empty' });
}

export function checkFlag(option: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value === 'boolean') return value;
  throw new InvalidOptionError({ option, value, expected: 'true or false' });
}

/** The first of the names is the default. */
export function checkName<const Name extends string>(
  option: string,
  value: unknown,
  names: readonly [Name, ...Name[]],
): Name {
  if (value === undefined) return names[0];
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new InvalidOptionError({ option, value, expected: names.map((name) => `"${name}"`).join(' or ') });
}

export function checkInteger(
  option: string,
  value: unknown,
  fallback: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new InvalidOptionError({ option, value, expected: `an integer ${range}` });
}

/** A number above 0, fractions included. */
export function checkPositive(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidOptionError({ option, value, expected: 'a number above 0' });
}
