import { compileSelector } from '../../../lib/engine/filter/index.js';
import { compileCondition, type Truth } from '../../../lib/engine/filter/sql92/evaluator.js';
import { parseSql92 } from '../../../lib/engine/filter/sql92/parser.js';

type Properties = Record<string, string>;

const truthOf = (filter: string, properties: Properties): Truth => compileCondition(parseSql92(filter))(properties);

function accepts(expression: string): boolean | undefined {
  return compileSelector({ type: 'SQL92', expression }).accepts?.({ tags: undefined, properties: {} });
}

describe('SQL92 evaluation', () => {
  // The filters and messages of RocketMQ's own tests (ExpressionTest), and C12 of the scenarios.
  it.each<[string, Properties, Truth]>([
    ["value contains 'x'", { value: 'axb' }, true],
    ["value startswith 'ax'", { value: 'axb' }, true],
    ["value endswith 'xb'", { value: 'axb' }, true],
    ["value not contains 'x'", { value: 'axb' }, false],
    ["value not startswith 'ax'", { value: 'axb' }, false],
    ["value not endswith 'xb'", { value: 'axb' }, false],
    ["value contains 'x'", { value: 'abb' }, false],
    ["value not endswith 'x'", { value: 'abb' }, true],
    ["value contains 'x'", {}, false],
    ["value not contains 'x'", {}, false],
    ["value not startswith 'x'", {}, false],
    ["value not endswith 'x'", {}, false],
    ["'axb' contains 'x'", {}, true],
    ["'axb' not startswith 'u'", {}, true],
    ["' ' endswith ' '", {}, true],
    ["'axb' contains '.'", {}, false],
    ["'s' contains '\\'", {}, false],
    ["a not in ('4', '4', '5') and b between 3 and 10 and c not contains 'axbc'", { a: '3', b: '3', c: 'axbdc' }, true],
    ["TAGS is not null and TAGS='''''tag'''''", { TAGS: "''tag''" }, true],
    ['a between up and low', { a: '3.14' }, undefined],
    ['a between up and low', { a: '3.14', up: 'up', low: 'low' }, undefined],
    ['key is not null and key between 0 and 100', { key: 'con' }, undefined],
    ['a=b', { a: '3.14', b: '3.14' }, true],
    ['a<>b', { a: '3.14', b: '3.14' }, false],
    ['a<>b', { a: '3.14', b: '3.141' }, true],
    ['a > 3.1E10', { a: '31415000000' }, true],
    ['a > 3.14', { a: '3.1415' }, true],
    ['a > b', { a: '10', b: '20' }, false],
    ['a > b', { a: '20', b: '10' }, true],
    ["a is null OR a='hello'", {}, true],
    ["a is null OR a='hello'", { a: 'abc' }, false],
    ['a=TRUE OR b=FALSE', { a: 'true', b: 'false' }, true],
    ['a=TRUE OR b=FALSE', { a: 'false', b: 'true' }, false],
    ['a=3 and b<>4 And c>5 AND d<=4', { a: '3', b: '5', c: '6', d: '1' }, true],
    ['a=3 and b<>4 And c>5 AND d<=4', { a: '4', b: '5', c: '6', d: '1' }, false],
    ['a=3 or b<>4 Or c>5 OR d<=4', { a: '4', b: '4', c: '3', d: '2' }, true],
    ['a=3 or b<>4 Or c>5 OR d<=4', { a: '4', b: '4', c: '3', d: '10' }, false],
    ["a in ('3', '4', '5')", { a: '5' }, true],
    ["a in ('3', '4', '5')", { a: '8' }, false],
    ["a not in ('3', '4', '5')", { a: '8' }, true],
    ['a between 2 and 10', { a: '2' }, true],
    ['a between 2 and 10', { a: '10' }, true],
    ['a between 2 and 10', { a: '11' }, false],
    ['a between 2 and 2', { a: '2' }, true],
    ['a not between 2 and 10', { a: '11' }, true],
    ['a not between 2 and 10', { a: '10' }, false],
    ["a > 5 AND b = 'abc'", { a: '6', b: 'abc' }, true],
    ["a > 5 AND b = 'abc'", { a: '5', b: 'abc' }, false],
    ["a > 5 AND b = 'abc'", { b: 'abc' }, undefined],
  ])('of %s with %j is %s', (filter, properties, truth) => {
    expect(truthOf(filter, properties)).toBe(truth);
  });

  const truths: readonly [string, Truth][] = [
    ['TRUE', true],
    ['FALSE', false],
    ['(missing = 1)', undefined],
  ];

  it('joins true, false and unknown as SQL does', () => {
    const rows = truths.flatMap(([left, a]) =>
      truths.map(([right, b]) => [a, b, truthOf(`${left} AND ${right}`, {}), truthOf(`${left} OR ${right}`, {})]),
    );
    expect(rows).toEqual([
      [true, true, true, true],
      [true, false, false, true],
      [true, undefined, undefined, true],
      [false, true, false, true],
      [false, false, false, false],
      [false, undefined, false, undefined],
      [undefined, true, undefined, true],
      [undefined, false, false, undefined],
      [undefined, undefined, undefined, undefined],
    ]);
    expect(truths.map(([condition]) => truthOf(`NOT ${condition}`, {}))).toEqual([false, true, undefined]);
  });

  it('accepts a message only when the filter is true, not when it is unknown', () => {
    expect(accepts('a = 1')).toBe(false);
    expect(accepts('NOT (a = 1)')).toBe(false);
    expect(accepts('(a = 1) IS NULL')).toBe(true);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'])(
    'finds property %s missing when the message has none, though every object inherits it',
    (name) => {
      expect(truthOf(`${name} IS NULL`, {})).toBe(true);
      expect(truthOf(`${name} = 1`, {})).toBeUndefined();
      expect(truthOf(`${name} CONTAINS 'o'`, {})).toBe(false);
    },
  );

  it('compares integers exactly where a double could not', () => {
    expect(truthOf('a = 9007199254740993', { a: '9007199254740993' })).toBe(true);
    expect(truthOf('a = 9007199254740993', { a: '9007199254740992' })).toBe(false);
    expect(truthOf('a > -9223372036854775807', { a: '-9223372036854775808' })).toBe(false);
    expect(truthOf('a = 9223372036854775807', { a: '+9223372036854775807' })).toBe(true);
    expect(truthOf('a = 9223372036854775807', { a: '9223372036854775808' })).toBe(false);
    expect(truthOf('a = 9007199254740992.0', { a: '9007199254740992' })).toBe(true);
    expect(truthOf('a <= 9223372036854775807', { a: '9223372036854775806' })).toBe(true);
  });

  it.each([
    '',
    ' ',
    '-',
    '+',
    '.',
    'e5',
    '5e',
    '5 5',
    '0x10',
    '1_000',
    '5L',
    '5n',
    '٣',
    'NaN',
    'Infinity',
    '1,5',
    '--5',
  ])('finds that %j is no number', (text) => {
    expect(truthOf('a >= 0 OR a < 0', { a: text })).toBeUndefined();
    expect(truthOf('a = 0', { a: text })).toBeUndefined();
  });

  it.each([
    ['5', 5],
    ['+5', 5],
    ['-5', -5],
    ['005', 5],
    ['5.', 5],
    ['.5', 0.5],
    ['-0.5', -0.5],
    ['5e-1', 0.5],
    ['5E+1', 50],
    [' 5\t', 5],
    ['1000000000000000000000', 1e21],
  ])('reads %j as the number %d', (text, value) => {
    expect(truthOf(`a = ${value < 0 ? '-' : ''}${Math.abs(value)}`, { a: text })).toBe(true);
  });
});
