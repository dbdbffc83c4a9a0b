import type { Condition, Expression } from '../../../lib/engine/filter/sql92/ast.js';

// A second, slow evaluator, written from docs/sql92.md without the first: truth is a number (so AND is the smallest, OR the largest, and
// NOT the distance from 1), and every number is a fraction of two whole numbers, which are compared by multiplying crosswise.

const UNKNOWN = 0.5;
type Truth = 0 | 1 | typeof UNKNOWN;
type Properties = Readonly<Record<string, string>>;
interface Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** The truth of a condition for a message: 1, 0, or a half for unknown. */
export function referenceTruth(node: Condition, properties: Properties): Truth {
  switch (node.kind) {
    case 'boolean':
      return node.value ? 1 : 0;
    case 'and':
      return Math.min(...node.conditions.map((each) => referenceTruth(each, properties))) as Truth;
    case 'or':
      return Math.max(...node.conditions.map((each) => referenceTruth(each, properties))) as Truth;
    case 'not':
      return opposite(referenceTruth(node.condition, properties));
    case 'equality': {
      const truth = equal(node.left, node.right, properties);
      return node.negated ? opposite(truth) : truth;
    }
    case 'order':
      return ordered(node.left, node.operator, node.right, properties);
    case 'between': {
      const low = ordered(node.value, '>=', node.low, properties);
      const high = ordered(node.value, '<=', node.high, properties);
      const truth = Math.min(low, high) as Truth;
      return node.negated ? opposite(truth) : truth;
    }
    case 'in': {
      const text = textOf(node.property, properties);
      if (text === undefined) return UNKNOWN;
      const found = node.values.some((value) => value === text);
      return found === node.negated ? 0 : 1;
    }
    case 'text-match': {
      const text = textOf(node.value, properties);
      if (text === undefined) return 0;
      const at = Array.from({ length: text.length + 1 }, (_, index) => index).filter(
        (index) => text.slice(index, index + node.search.length) === node.search,
      );
      const found =
        (node.operator === 'CONTAINS' && at.length > 0) ||
        (node.operator === 'STARTSWITH' && at.includes(0)) ||
        (node.operator === 'ENDSWITH' && at.includes(text.length - node.search.length));
      return found === node.negated ? 0 : 1;
    }
    case 'is-null': {
      const missing =
        node.operand.kind === 'property'
          ? textOf(node.operand, properties) === undefined
          : referenceTruth(node.operand, properties) === UNKNOWN;
      return missing === node.negated ? 0 : 1;
    }
  }
  throw new Error('The reference does not know this kind of condition.');
}

function opposite(truth: Truth): Truth {
  return (1 - truth) as Truth;
}

function equal(left: Expression, right: Expression, properties: Properties): Truth {
  const kinds = [left.kind, right.kind];
  if (!kinds.every((kind) => ['property', 'text', 'number'].includes(kind)))
    return same(truthOf(left, properties), truthOf(right, properties));
  if (kinds.includes('number')) return ordered(left, '=', right, properties);
  return same(textOf(left, properties), textOf(right, properties));
}

function same(left: unknown, right: unknown): Truth {
  if (left === undefined || right === undefined || left === UNKNOWN || right === UNKNOWN) return UNKNOWN;
  return left === right ? 1 : 0;
}

function ordered(left: Expression, operator: string, right: Expression, properties: Properties): Truth {
  const [a, b] = [fractionOf(left, properties), fractionOf(right, properties)];
  if (a === undefined || b === undefined) return UNKNOWN;
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  const holds =
    (operator.includes('=') && difference === 0n) ||
    (operator.includes('>') && difference > 0n) ||
    (operator.includes('<') && difference < 0n);
  return holds ? 1 : 0;
}

function truthOf(node: Expression, properties: Properties): Truth | undefined {
  if (node.kind !== 'property' && node.kind !== 'text' && node.kind !== 'number')
    return referenceTruth(node, properties);
  const text = textOf(node, properties);
  if (text === undefined) return undefined;
  return /^[tT][rR][uU][eE]$/.test(text) && !text.includes('\n') ? 1 : 0;
}

function textOf(node: Expression, properties: Properties): string | undefined {
  if (node.kind === 'text') return node.value;
  if (node.kind !== 'property') throw new Error('Only a property or a text has a text.');
  return Object.hasOwn(properties, node.name) ? properties[node.name] : undefined;
}

function fractionOf(node: Expression, properties: Properties): Fraction | undefined {
  if (node.kind === 'number') {
    return typeof node.value === 'bigint' ? { numerator: node.value, denominator: 1n } : exactly(node.value);
  }
  const text = textOf(node, properties);
  return text === undefined ? undefined : readFraction(text.split(''));
}

/** Integers of up to 19 digits count exactly, every other number as the nearest double. */
function readFraction(characters: readonly string[]): Fraction | undefined {
  const first = characters.findIndex((character) => character > ' ');
  const last = characters.findLastIndex((character) => character > ' ');
  if (first < 0) return undefined;
  const trimmed = characters.slice(first, last + 1).join('');
  const negative = trimmed.startsWith('-');
  const unsigned = negative || trimmed.startsWith('+') ? trimmed.slice(1) : trimmed;
  const exponentAt = unsigned.toLowerCase().indexOf('e');
  const mantissa = exponentAt < 0 ? unsigned : unsigned.slice(0, exponentAt);
  const [whole = '', fraction = '', ...more] = mantissa.split('.');
  if (more.length > 0 || whole + fraction === '' || !isDigits(whole + fraction)) return undefined;
  if (exponentAt >= 0) {
    const exponent = unsigned.slice(exponentAt + 1).replace(/^[+-]/, '');
    if (exponent === '' || !isDigits(exponent)) return undefined;
  }
  if (isDigits(unsigned) && unsigned.length <= 19) {
    return { numerator: BigInt(unsigned) * (negative ? -1n : 1n), denominator: 1n };
  }
  return exactly(Number.parseFloat(trimmed));
}

function isDigits(text: string): boolean {
  return text.split('').every((character) => '0123456789'.includes(character));
}

/** A double as a fraction: doubled until it is whole, which changes no digit. Infinity is larger than every double. */
function exactly(value: number): Fraction {
  if (value === Infinity) return { numerator: 10n ** 400n, denominator: 1n };
  if (value === -Infinity) return { numerator: -(10n ** 400n), denominator: 1n };
  let scaled = value;
  let denominator = 1n;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}
