import type { CompiledSelector } from './compiled-selector.js';
import { compileCondition } from './sql92/evaluator.js';
import { parseSql92 } from './sql92/parser.js';

/**
 * Makes an SQL92 filter. A message is accepted when the condition is true: false and unknown are the same here.
 *
 * @throws FilterSyntaxError, FilterTooComplexError
 */
export function compileSqlFilter(expression: string): CompiledSelector {
  const condition = compileCondition(parseSql92(expression));
  return { accepts: ({ properties }) => condition(properties) === true };
}
