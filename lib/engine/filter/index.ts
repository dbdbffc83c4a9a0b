import { InvalidOptionError } from '../../errors/index.js';
import type { MessageSelector } from '../types/index.js';
import type { CompiledSelector } from './compiled-selector.js';
import { compileSqlFilter } from './sql-filter.js';
import { compileTagFilter } from './tag-filter.js';

export type { CompiledSelector, FilterableMessage } from './compiled-selector.js';
export { MAX_FILTER_DEPTH, MAX_FILTER_LENGTH } from './filter-limits.js';

/**
 * Checks a selector and makes it ready to run. Done once, when a listener registers.
 *
 * @throws FilterTagIllegalError, FilterSyntaxError, FilterTooComplexError for an expression that is wrong
 * @throws InvalidOptionError for a selector that is not a pair of type and text
 */
export function compileSelector(selector: MessageSelector): CompiledSelector {
  // Callers in plain JavaScript, and options that come from the environment, are not held by the types.
  const { type, expression }: { readonly type: unknown; readonly expression: unknown } = selector;
  if (type !== 'TAG' && type !== 'SQL92') {
    throw new InvalidOptionError({ option: 'selectorType', value: type, expected: "'TAG' or 'SQL92'" });
  }
  if (typeof expression === 'string')
    return type === 'TAG' ? compileTagFilter(expression) : compileSqlFilter(expression);
  if (type === 'TAG' && (expression === null || expression === undefined)) return compileTagFilter(expression);
  throw new InvalidOptionError({ option: 'selectorExpression', value: expression, expected: 'a text' });
}
