import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class FilterSyntaxError extends defineError<{
  /** The whole filter. */
  expression: string;
  /** Index of the first character that does not fit, counted from 0. */
  position: number;
  found: string;
  expected: string;
  /** What to write instead, where that can be told. */
  hint: string | undefined;
}>({
  code: 'FILTER_SYNTAX',
  meaning: 'An SQL92 filter can not be read, or asks for something that no message could fulfil.',
  remedy: 'Correct the filter at the mark.',
  message: ({ expression, position, found, expected, hint }) =>
    `The SQL92 filter is wrong at offset ${position}: found ${found}, expected ${expected}.` +
    `${hint === undefined ? '' : ` ${hint}`}\n${markPosition(expression, position)}`,
}) {}

export class FilterTooComplexError extends defineError<{
  expression: string;
  measure: 'length' | 'depth of nesting';
  limit: number;
}>({
  code: 'FILTER_TOO_COMPLEX',
  meaning: 'A filter is longer, or nested deeper, than the limits that keep filtering fast.',
  remedy: 'Make it simpler: set a property or tag at the send that says what the filter works out.',
  message: ({ expression, measure, limit }) =>
    `The filter ${describe(expression)} is refused: its ${measure} is over the limit of ${limit}.`,
}) {}

export class FilterTagIllegalError extends defineError<{ expression: string; tag: string; reason: string }>({
  code: 'FILTER_TAG_ILLEGAL',
  meaning: 'A tag filter names something that is no tag.',
  remedy: 'Write "*" for all messages, or tags joined by "||", such as "TagA || TagB".',
  message: ({ expression, tag, reason }) =>
    `The tag filter ${describe(expression)} is refused: in ${describe(tag)}, ${reason}.`,
}) {}

const charactersAround = 40;

/** Two lines: the part of the expression around the position, and a mark under the position. */
function markPosition(expression: string, position: number): string {
  const start = Math.max(0, position - charactersAround);
  const end = Math.min(expression.length, position + charactersAround);
  const before = (start > 0 ? '…' : '') + expression.slice(start, position);
  const after = expression.slice(position, end) + (end < expression.length ? '…' : '');
  // Line breaks, other controls and halves of a surrogate pair would move the mark away from its place, or spoil a log.
  const line = (before + after).replace(/[\p{Cc}\p{Surrogate}]/gu, ' ');
  return `    ${line}\n    ${' '.repeat(before.length)}^`;
}
