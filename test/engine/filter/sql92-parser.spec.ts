import type { Condition, Expression } from '../../../lib/engine/filter/sql92/ast.js';
import { parseSql92 } from '../../../lib/engine/filter/sql92/parser.js';
import { printSql92 } from '../../../lib/engine/filter/sql92/printer.js';
import { FilterSyntaxError, FilterTooComplexError } from '../../../lib/errors/index.js';

function errorOf(filter: string): FilterSyntaxError {
  try {
    parseSql92(filter);
  } catch (error) {
    if (error instanceof FilterSyntaxError) return error;
    throw error;
  }
  throw new Error(`The filter was accepted: ${filter}`);
}

/** The tree with a pair of parentheses around everything that has parts. */
function shape(node: Expression): string {
  if (node.kind === 'and' || node.kind === 'or') return `(${node.conditions.map(shape).join(` ${node.kind} `)})`;
  if (node.kind === 'not') return `(not ${shape(node.condition)})`;
  if (node.kind === 'equality') return `(${shape(node.left)} ${node.negated ? '<>' : '='} ${shape(node.right)})`;
  if (node.kind === 'is-null') return `(${shape(node.operand)} is ${node.negated ? 'not ' : ''}null)`;
  if (node.kind === 'property' || node.kind === 'text' || node.kind === 'number') return printSql92(node as never);
  return `(${printSql92(node)})`;
}

describe('SQL92 grammar', () => {
  it.each([
    ['a = 1 OR b = 1 AND c = 1', '((a = 1) or ((b = 1) and (c = 1)))'],
    ['(a = 1 OR b = 1) AND c = 1', '(((a = 1) or (b = 1)) and (c = 1))'],
    ['a = 1 AND b = 1 AND c = 1', '((a = 1) and (b = 1) and (c = 1))'],
    ['NOT (a = 1) AND b = 1', '((not (a = 1)) and (b = 1))'],
    ['NOT (a = 1) = TRUE', '((not (a = 1)) = (TRUE))'],
    ['NOT NOT (a = 1)', '(not (not (a = 1)))'],
    ['a > 1 = b > 1', '((a > 1) = (b > 1))'],
    ['a > 1 IS NULL', '((a > 1) is null)'],
    ["a = b NOT IN ('x')", "(a = (b NOT IN ('x')))"],
    ['a BETWEEN 1 AND 2 AND b = 1', '((a BETWEEN 1 AND 2) and (b = 1))'],
    ['a IS NOT NULL OR b IS NULL', '((a is not null) or (b is null))'],
    ['((a)) = (((-(5))))', '(a = -5)'],
  ])('reads %s as %s', (filter, expected) => {
    expect(shape(parseSql92(filter))).toBe(expected);
  });

  it.each<[string, Condition]>([
    ['a=TRUE', equality('a', { kind: 'boolean', value: true })],
    ["a='it''s'", equality('a', { kind: 'text', value: "it's" })],
    ["a=''", equality('a', { kind: 'text', value: '' })],
    ["a='''x\n--y'", equality('a', { kind: 'text', value: "'x\n--y" })],
    ['a=0', equality('a', { kind: 'number', value: 0 })],
    ['a=-0', equality('a', { kind: 'number', value: 0 })],
    ['a=5L', equality('a', { kind: 'number', value: 5 })],
    ['a=- - -5', equality('a', { kind: 'number', value: -5 })],
    ['a=5.', equality('a', { kind: 'number', value: 5 })],
    ['a=.5e1', equality('a', { kind: 'number', value: 5 })],
    ['a=1E-3', equality('a', { kind: 'number', value: 0.001 })],
    ['a=9007199254740991', equality('a', { kind: 'number', value: 9007199254740991 })],
    ['a=9007199254740992', equality('a', { kind: 'number', value: 9007199254740992n })],
    ['a=-9223372036854775807L', equality('a', { kind: 'number', value: -9223372036854775807n })],
    ['$_9=5', equality('$_9', { kind: 'number', value: 5 })],
    ['Like=5', equality('Like', { kind: 'number', value: 5 })],
    ['a=5AND 5=a -- b', parseSql92('a = 5 AND 5 = a')],
    ['/**/a/* x */=/* ** / */5', equality('a', { kind: 'number', value: 5 })],
    ['a\t=\r\n5\f-- the end', equality('a', { kind: 'number', value: 5 })],
  ])('reads %j', (filter, expected) => {
    expect(parseSql92(filter)).toEqual(expected);
  });

  it.each([
    ["a LIKE 'x%'", 2, 'LIKE', 'CONTAINS'],
    ["b = 1 AND a like 'x%' AND c = 1", 12, 'like', 'CONTAINS'],
    ["b = 1 AND (a REGEXP 'x')", 13, 'REGEXP', 'CONTAINS'],
    ['a = 1 b = 2', 6, 'b', undefined],
    ['a = 1)', 5, ')', undefined],
    ['(a = 1', 6, 'the end of the filter', undefined],
    ['', 0, 'the end of the filter', undefined],
    ['  -- nothing', 12, 'the end of the filter', undefined],
    ['a = 1 AND', 9, 'the end of the filter', undefined],
    ['AND a = 1', 0, 'AND', undefined],
    ['a = 1 OR OR b = 1', 9, 'OR', undefined],
    ['NOT a = 1', 4, 'a', 'NOT (a = 1)'],
    ['NOT a IS NULL', 4, 'a', 'NOT (a = 1)'],
    ['b = 1 OR paid', 9, 'paid', 'paid = TRUE'],
    ["'x' AND b = 1", 0, "'x'", 'neither true nor false'],
    ['a = b = c', 6, '=', 'not chained'],
    ['a == 1', 3, '=', '<>'],
    ['a != 1', 2, 'the character "!"', '<>'],
    ['a = 1 && b = 1', 6, 'the character "&"', 'AND'],
    ['TagA || TagB', 5, 'the character "|"', 'TAG'],
    ['*', 0, 'the character "*"', 'TAG'],
    ['a = "x"', 4, 'the character "\\""', "'text'"],
    ['a = 1;', 5, 'the character ";"', 'semicolon'],
    ['a\u00a0= 1', 1, 'the character "\u00a0"', 'no-break space'],
    ['a = 1 😀', 6, 'the character "😀"', undefined],
    ['order-id = 1', 5, '-', 'letters, digits'],
    ['order.id = 1', 5, 'the character "."', 'letters, digits'],
    ['a = 1 + 2', 6, '+', 'no arithmetic'],
    ['a = 05', 5, '5', 'leading zeros'],
    ['a = 5x', 5, 'x', 'leading zeros'],
    ['a = 0L', 5, 'L', 'leading zeros'],
    ['a = 0.0', 4, '0.0', 'Zero is written as 0'],
    ['a = 1e-400', 4, '1e-400', 'Zero is written as 0'],
    ['a = 1e400', 4, '1e400', undefined],
    ['a = 9223372036854775808', 4, '9223372036854775808', '1E20'],
    ['a = -9223372036854775808', 5, '9223372036854775808', '1E20'],
    [`a = ${'9'.repeat(100)}`, 4, `${'9'.repeat(37)}...`, '1E20'],
    ['-a > 1', 1, 'a', 'sign'],
    ["a > 'x'", 4, "'x'", 'without quotes'],
    ["'x' < a", 0, "'x'", 'without quotes'],
    ['(a = 1) > 2', 0, '(a = 1)', 'true or false'],
    ["a BETWEEN '1' AND '3'", 10, "'1'", 'without quotes'],
    ['a BETWEEN 10 AND 0', 17, '0', 'lower bound'],
    ['a BETWEEN 1 OR 2', 12, 'OR', undefined],
    ['a IN (1, 2)', 6, '1', 'single quotes'],
    ['a IN ()', 6, ')', 'single quotes'],
    ["a IN 'x'", 5, "'x'", undefined],
    ["a IN ('x', 'y'", 14, 'the end of the filter', undefined],
    ["'a' IN ('a')", 0, "'a'", undefined],
    ['a CONTAINS x', 11, 'x', 'single quotes'],
    ["a NOT CONTAINS ''", 15, "''", 'false for every message'],
    ["5 CONTAINS '5'", 0, '5', undefined],
    ['a = NULL', 4, 'NULL', 'IS NULL'],
    ['a IS TRUE', 5, 'TRUE', undefined],
    ['a IS NOT 5', 9, '5', undefined],
    ['5 IS NULL', 0, '5', 'never NULL'],
    ['(a = 1) = 5', 10, '5', 'true or false'],
    ["'true' = (a = 1)", 0, "'true'", 'true or false'],
    ['contains = 1', 0, 'contains', 'word of the grammar'],
    ["a = 'x", 4, 'a text without an end', undefined],
    ['a = 1 /* x', 6, 'a comment without an end', undefined],
  ])('refuses %j at %d, where it finds %s', (filter, position, found, hint) => {
    const { fields, message } = errorOf(filter);
    expect(fields).toMatchObject({ expression: filter, position, found });
    expect(fields.expected).not.toBe('');
    expect(fields.hint === undefined).toBe(hint === undefined);
    expect(fields.hint ?? '').toContain(hint ?? '');
    expect(message).toContain(fields.hint ?? fields.expected);
  });

  it('shows the place in the text of the error', () => {
    expect(errorOf("a = 1 AND b LIKE 'x%'").message).toBe(
      [
        "The SQL92 filter is wrong at offset 12: found LIKE, expected a comparison. LIKE is not supported: use CONTAINS 'x', STARTSWITH 'x' or ENDSWITH 'x'.",
        "    a = 1 AND b LIKE 'x%'",
        '                ^ Correct the filter at the mark.',
      ].join('\n'),
    );
  });

  it('shows only what is around the place in a long filter, on one line', () => {
    const [, line = '', mark = ''] = errorOf(
      `${'aaa = 1 OR '.repeat(99)}\n\tb LIKE 'x' OR ${'c = 1 '.repeat(99)}`,
    ).message.split('\n');
    expect(line.length).toBeLessThan(100);
    expect(line.slice(mark.indexOf('^')).startsWith("LIKE 'x'")).toBe(true);
  });

  it('reads chains of thousands of conditions, as they are not nested', () => {
    const chain = Array.from({ length: 5000 }, (_, index) => `a = ${index}`).join(' OR ');
    expect(parseSql92(chain)).toMatchObject({ kind: 'or', conditions: { length: 5000 } });
  });

  it('counts only the levels that are open at once', () => {
    const siblings = Array.from({ length: 500 }, () => 'NOT (a = -(-1))').join(' AND ');
    expect(parseSql92(siblings)).toMatchObject({ kind: 'and', conditions: { length: 500 } });
  });

  it.each([
    ['parentheses', (depth: number) => `${'('.repeat(depth)}a = 1${')'.repeat(depth)}`],
    ['NOT', (depth: number) => `${'NOT '.repeat(depth)}TRUE`],
    ['signs', (depth: number) => `a = ${'- '.repeat(depth)}1`],
  ])('refuses %s nested deeper than 100 levels', (_name, nest) => {
    expect(() => parseSql92(nest(100))).not.toThrow();
    for (const depth of [101, 10_000]) {
      expect(() => parseSql92(nest(depth))).toThrow(FilterTooComplexError);
      expect(() => parseSql92(nest(depth))).toThrow(/depth of nesting is over the limit of 100/);
    }
  });

  it('refuses a filter longer than 65,536 characters', () => {
    const padded = `a = 1${' '.repeat(65_531)}`;
    expect(parseSql92(padded)).toEqual(parseSql92('a = 1'));
    expect(() => parseSql92(`${padded} `)).toThrow(/length is over the limit of 65536/);
  });
});

function equality(name: string, right: Expression): Condition {
  return { kind: 'equality', negated: false, left: { kind: 'property', name }, right };
}
