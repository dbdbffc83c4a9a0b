import fc from 'fast-check';
import type {
  Condition,
  Expression,
  NumberLiteral,
  Operand,
  PropertyReference,
  Scalar,
  TextLiteral,
} from '../../../lib/engine/filter/sql92/ast.js';

/** Few names, so that filters and messages meet; some are names that every JavaScript object inherits. */
const names = ['a', 'b', 'Price', 'TAGS', '$x', '_9', 'constructor', '__proto__', 'toString', 'LIKE'];

const words = "true TRUE tRuE false truth abc ABC ab it's '' null 中文 TagA".split(' ');
const numberTexts = '0 -0 00 +5 5 05 5. .5 5.0 -5.25 5e0 5E+2 5e-2 1e400 -1e400 1e-400 0.1 0.30000000000000004'.split(
  ' ',
);
const noNumbers = '5x 0x10 5L 5d NaN Infinity - + . e5 5e 1_000 ٣'.split(' ');
const largeTexts = [
  '999999999999999 9007199254740991 9007199254740992 9007199254740993 9007199254740993.0 9223372036854775807',
  '-9223372036854775808 9223372036854775808 9999999999999999999 99999999999999999999 00000000000000000005',
].flatMap((line) => line.split(' '));
const oddTexts = ['', ' ', ' 5', '5\t', '5 5', '\ud800'];

/** Texts of properties and literals: mostly from a short list, so that filters and messages meet. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...words, ...numberTexts, ...noNumbers, ...largeTexts, ...oddTexts) },
  { weight: 1, arbitrary: fc.integer({ min: -10, max: 10 }).map(String) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
);

const numbers: fc.Arbitrary<NumberLiteral> = fc
  .oneof(
    fc.integer({ min: -10, max: 10 }),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).filter((value) => !Number.isSafeInteger(Number(value))),
    fc.constantFrom(0.1, 0.5, 5.5, 5e-324, 1.7976931348623157e308, 1e20, -1e21, 9007199254740993n, 9007199254740992n),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  )
  .map((value) => ({ kind: 'number', value: value === 0 ? 0 : value }));

const properties: fc.Arbitrary<PropertyReference> = fc
  .constantFrom(...names)
  .map((name) => ({ kind: 'property', name }));
const textLiterals: fc.Arbitrary<TextLiteral> = texts.map((value) => ({ kind: 'text', value }));
const scalars: fc.Arbitrary<Scalar> = fc.oneof({ weight: 2, arbitrary: properties }, numbers);
const operands: fc.Arbitrary<Operand> = fc.oneof({ weight: 3, arbitrary: properties }, textLiterals, numbers);
const negated = fc.boolean();

/** Any tree that the grammar can give, up to a few levels deep. */
export const conditions: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => {
  const condition = tie('condition');
  const conditionOrProperty: fc.Arbitrary<Expression> = fc.oneof(condition, properties);
  const sides = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(operands, operands) },
    fc.tuple(condition, conditionOrProperty),
    fc.tuple(properties, condition),
  );
  return {
    condition: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      fc.boolean().map((value): Condition => ({ kind: 'boolean', value })),
      fc.record({
        kind: fc.constant('order' as const),
        operator: fc.constantFrom('>', '>=', '<', '<='),
        left: scalars,
        right: scalars,
      }),
      fc
        .record({ kind: fc.constant('between' as const), negated, value: scalars, low: scalars, high: scalars })
        .filter(({ low, high }) => low.kind !== 'number' || high.kind !== 'number' || low.value <= high.value),
      fc.record({
        kind: fc.constant('in' as const),
        negated,
        property: properties,
        values: fc.array(texts, { minLength: 1, maxLength: 6 }),
      }),
      fc.record({
        kind: fc.constant('text-match' as const),
        operator: fc.constantFrom('CONTAINS', 'STARTSWITH', 'ENDSWITH'),
        negated,
        value: fc.oneof({ weight: 3, arbitrary: properties }, textLiterals),
        search: texts.filter((text) => text !== ''),
      }),
      fc
        .tuple(negated, sides)
        .map(([isNegated, [left, right]]): Condition => ({ kind: 'equality', negated: isNegated, left, right })),
      fc.record({
        kind: fc.constant('is-null' as const),
        negated,
        operand: fc.oneof({ weight: 2, arbitrary: properties }, condition),
      }),
      fc.record({ kind: fc.constant('not' as const), condition }),
      fc.record({
        kind: fc.constantFrom('and', 'or'),
        conditions: fc.array(condition, { minLength: 2, maxLength: 4 }),
      }),
    ),
  };
}).condition;

/** Properties of a message, without a prototype as the store makes them. */
export const messageProperties: fc.Arbitrary<Record<string, string>> = fc
  .array(fc.tuple(fc.constantFrom(...names), texts), { maxLength: 8 })
  .map((entries) => {
    const record = Object.create(null) as Record<string, string>;
    for (const [name, value] of entries) record[name] = value;
    return record;
  });
