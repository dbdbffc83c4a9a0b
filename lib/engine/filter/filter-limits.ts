import { FilterTooComplexError } from '../../errors/index.js';

/**
 * Longest filter, in characters: room for some thousands of values in an IN list. It bounds what one message costs to be looked at, as
 * every part of a filter is looked at once at most.
 */
export const MAX_FILTER_LENGTH = 65_536;

/**
 * Deepest nesting of parentheses, NOT and signs in an SQL92 filter. Parser, printer and evaluator recurse once or a few times a level,
 * so it keeps them far from the end of the stack. AND and OR chains are flat and do not count.
 */
export const MAX_FILTER_DEPTH = 100;

export function checkFilterLength(expression: string): void {
  if (expression.length > MAX_FILTER_LENGTH) {
    throw new FilterTooComplexError({ expression, measure: 'length', limit: MAX_FILTER_LENGTH });
  }
}
