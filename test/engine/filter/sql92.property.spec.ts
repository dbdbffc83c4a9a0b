import fc from 'fast-check';
import { compileSelector } from '../../../lib/engine/filter/index.js';
import { compileCondition } from '../../../lib/engine/filter/sql92/evaluator.js';
import { parseSql92 } from '../../../lib/engine/filter/sql92/parser.js';
import { printSql92 } from '../../../lib/engine/filter/sql92/printer.js';
import { FilterSyntaxError } from '../../../lib/errors/index.js';
import { conditions, messageProperties } from './sql92-arbitraries.js';
import { referenceTruth } from './sql92-reference.js';
import { chooseFrom, scribble } from './sql92-scribble.js';

const choices = fc.array(fc.nat(999), { minLength: 1, maxLength: 30 });

const words = 'NOT AND OR BETWEEN IN TRUE FALSE NULL IS CONTAINS STARTSWITH ENDSWITH LIKE a b'.split(' ');
const signs = `= <> > >= < <= ( ) , + - ! | & * / . ; " ' -- /*`.split(' ');
const values = "'x' '' 0 5 5L 05 5.5 .5 5. 1e3 0.0 1e999 9223372036854775808 \ud800 中 \u0000".split(' ');
const groups = ['IS NULL', 'IS NOT NULL', "('x', 'y')", '/* */', '-- x\n', '\n', 'a = 1', '(a = 1)'];
const pieces = fc.constantFrom(...words, ...signs, ...values, ...groups);

/** Whether a filter takes a message, or that it is refused as it should be: with a syntax error that points into it. */
function verdictOf(expression: string, properties: Record<string, string>): boolean | 'refused' | undefined {
  try {
    return compileSelector({ type: 'SQL92', expression }).accepts?.({ tags: undefined, properties });
  } catch (error) {
    if (!(error instanceof FilterSyntaxError) || error.fields.expression !== expression) throw error;
    const { position } = error.fields;
    return position >= 0 && position <= expression.length ? 'refused' : undefined;
  }
}

describe('SQL92', () => {
  it('reads back the same tree from what it prints', () => {
    fc.assert(
      fc.property(conditions, (condition) => {
        expect(parseSql92(printSql92(condition))).toEqual(condition);
      }),
      { numRuns: 1000 },
    );
  });

  it('reads the same tree whatever the blanks, comments, parentheses and upper or lower case', () => {
    fc.assert(
      fc.property(conditions, choices, (condition, chosen) => {
        expect(parseSql92(scribble(condition, chooseFrom(chosen)))).toEqual(condition);
      }),
      { numRuns: 1000 },
    );
  });

  it('finds the same truth as the reference, for any filter and any properties', () => {
    fc.assert(
      fc.property(conditions, fc.array(messageProperties, { minLength: 1, maxLength: 5 }), (condition, messages) => {
        const evaluate = compileCondition(condition);
        for (const properties of messages) {
          const truth = { 0: false, 0.5: undefined, 1: true }[referenceTruth(condition, properties)];
          expect(evaluate(properties)).toBe(truth);
        }
      }),
      { numRuns: 3000 },
    );
  });

  const garbage = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(pieces, { maxLength: 25 }).map((tokens) => tokens.join(' ')),
    fc.array(pieces, { maxLength: 25 }).map((tokens) => tokens.join('')),
    // A valid filter with a piece put in somewhere.
    fc.tuple(conditions.map(printSql92), fc.nat(), fc.nat(3), pieces).map(([text, at, cut, piece]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + piece + text.slice(position + cut);
    }),
  );

  it('refuses garbage with a syntax error that points into it, or runs it: nothing else is thrown', () => {
    fc.assert(
      fc.property(garbage, messageProperties, (expression, properties) => {
        expect([true, false, 'refused']).toContain(verdictOf(expression, properties));
      }),
      { numRuns: 3000 },
    );
  });

  it('understands what it accepts: printing garbage that is accepted and reading it again gives the same tree', () => {
    fc.assert(
      fc.property(garbage, (expression) => {
        fc.pre(verdictOf(expression, {}) !== 'refused');
        const condition = parseSql92(expression);
        expect(parseSql92(printSql92(condition))).toEqual(condition);
      }),
      { numRuns: 300, maxSkipsPerRun: 1000 },
    );
  });
});
