/** The range of Java's `long`, less the smallest: RocketMQ reads the digits before the sign, and 2^63 is too large for it. */
const LARGEST_INTEGER = 9_223_372_036_854_775_807n;

/** A `long` has no more digits. What is longer is refused without the cost of making a bigint of it. */
const MOST_DIGITS = 19;

export type NumberReading =
  { readonly value: number | bigint } | { readonly expected: string; readonly hint: string | undefined };

/** Reads an integer literal, `42` or `42L`. The range is RocketMQ's: up to 2^63 − 1. */
export function readInteger(image: string): NumberReading {
  const digits = image.replace(/l$/i, '');
  if (digits.length <= MOST_DIGITS) {
    const value = BigInt(digits);
    if (value <= LARGEST_INTEGER) return { value: compact(value) };
  }
  return {
    expected: 'an integer of at most 9223372036854775807',
    hint: 'Larger numbers can be written with an exponent, such as 1E20.',
  };
}

/**
 * Reads a literal with a point or an exponent: a double. RocketMQ refuses what becomes infinite and what becomes 0, even when 0.0 was
 * written; so do we, as a filter that is accepted here must be accepted there.
 */
export function readDecimal(image: string): NumberReading {
  const value = Number(image);
  if (value === Infinity) return { expected: 'a number of at most 1.7976931348623157E308', hint: undefined };
  if (value > 0) return { value };
  return { expected: 'a number of at least 4.9E-324', hint: 'Zero is written as 0, without a point or an exponent.' };
}

/** One form for one value: bigint only where a double could not hold it. */
function compact(value: bigint): number | bigint {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
