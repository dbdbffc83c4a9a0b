/** Whole numbers up to this many digits are exact in a double, whatever the digits. */
const EXACT_DIGITS = 15;

/** Up to this many digits, integers are compared exactly: RocketMQ's integers (Java's `long`) have no more. */
const MOST_INTEGER_DIGITS = 19;

/** Optional blanks around a decimal number, as Java's `Double.valueOf` reads it. Infinity, NaN, hex and type suffixes are left out. */
const decimalPattern =
  /^[\0-\x20]*([+-]?(?:([0-9]+)|(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?))[\0-\x20]*$/;

/**
 * The number that a property's text stands for: bigint for an integer that a double may not hold exactly, else a double; undefined when
 * the text is no number. JavaScript compares the two kinds with each other exactly.
 */
export function numberOfText(text: string): number | bigint | undefined {
  return shortInteger(text) ?? longNumber(text);
}

/** The usual case, without a regular expression: plain digits and at most one sign before them. */
function shortInteger(text: string): number | undefined {
  const first = text.charCodeAt(0);
  const signed = first === 0x2d || first === 0x2b;
  const start = signed ? 1 : 0;
  const digits = text.length - start;
  if (digits < 1 || digits > EXACT_DIGITS) return undefined;
  let value = 0;
  for (let index = start; index < text.length; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return first === 0x2d ? -value : value;
}

function longNumber(text: string): number | bigint | undefined {
  const match = decimalPattern.exec(text);
  if (match === null) return undefined;
  const [, image, digits] = match;
  if (image === undefined) return undefined;
  if (digits === undefined || digits.length > MOST_INTEGER_DIGITS) return Number(image);
  const value = Number(image);
  return Number.isSafeInteger(value) ? value : BigInt(image.replace('+', ''));
}

/** Whether two numbers are one, also when one is a bigint: `==` on purpose, as `===` finds 2^60 as a double and as a bigint different. */
export function isSameNumber(left: number | bigint, right: number | bigint): boolean {
  return left == right;
}
