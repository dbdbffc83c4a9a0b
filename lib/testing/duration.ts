import { TestDurationError } from '../errors/index.js';

/** Milliseconds, or a number with a unit: `ms`, `s`, `m`, `h` or `d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const PATTERN = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

/** @throws TestDurationError */
export function durationMs(duration: Duration): number {
  const [, count, unit] = (typeof duration === 'string' && PATTERN.exec(duration)) || [];
  const ms = unit === undefined ? duration : Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (typeof ms !== 'number' || !Number.isSafeInteger(ms) || ms < 0) throw new TestDurationError({ duration });
  return ms;
}
