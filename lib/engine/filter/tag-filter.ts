import { FilterTagIllegalError } from '../../errors/index.js';
import { javaStringHash } from '../store/java-hash.js';
import type { CompiledSelector } from './compiled-selector.js';
import { checkFilterLength } from './filter-limits.js';

const everything: CompiledSelector = Object.freeze({});

/** What an SQL92 expression has, and hardly a tag. */
const LIKE_SQL = /[<>=]|\s(?:AND|OR|NOT|IS|IN|BETWEEN|CONTAINS|STARTSWITH|ENDSWITH)\s/i;

/**
 * Makes a tag filter: null, blank text or `*` accept everything; otherwise tags joined by `||`.
 *
 * RocketMQ matches in two steps, and so do we: the broker compares the hash code in the consume queue, then the text is compared, as two
 * tags can have one code. A message without a tag is accepted by `*` alone.
 *
 * @throws FilterTagIllegalError for a text that names no tag, or one that can not be a tag
 */
export function compileTagFilter(expression: string | null | undefined): CompiledSelector {
  const tags = parseTagFilter(expression);
  if (tags === 'ALL') return everything;
  const tagSet: ReadonlySet<string> = new Set(tags);
  const codeSet: ReadonlySet<number> = new Set(tags.map(javaStringHash));
  return {
    // RocketMQ looks at the low 32 bits alone (`Long.intValue`).
    acceptsTagsCode: (tagsCode) => codeSet.has(tagsCode | 0),
    accepts: ({ tags: tag }) => tag !== undefined && tagSet.has(tag),
    ...doubtOf(tags),
  };
}

function doubtOf(tags: readonly string[]): Pick<CompiledSelector, 'doubt'> {
  const tag = tags.find((each) => LIKE_SQL.test(each));
  return tag === undefined
    ? {}
    : { doubt: `"${tag}" is taken for a tag; an expression over properties needs the selector type SQL92` };
}

function parseTagFilter(expression: string | null | undefined): readonly string[] | 'ALL' {
  if (expression === null || expression === undefined) return 'ALL';
  checkFilterLength(expression);
  const whole = javaTrim(expression);
  if (whole === '' || whole === '*') return 'ALL';
  const tags = whole
    .split('||')
    .map(javaTrim)
    .filter((tag) => tag !== '');
  // RocketMQ refuses "||" as well; "|| ||" it takes, and then delivers nothing.
  if (tags.length === 0) throw new FilterTagIllegalError({ expression, tag: whole, reason: 'there is no tag' });
  for (const tag of tags) {
    const reason = whyIllegal(tag);
    if (reason !== undefined) throw new FilterTagIllegalError({ expression, tag, reason });
  }
  return tags;
}

/** RocketMQ 5 clients refuse "|" in the tag of a message; 1 and 2 separate the properties of a stored record. */
function whyIllegal(tag: string): string | undefined {
  if (tag === '*') return '"*" is not alone: it means all messages';
  if (tag.includes('|')) return 'a single "|" is part of a tag, but must not be';
  if (tag.includes('\u0001') || tag.includes('\u0002')) return 'there is a control character that no tag can have';
  return undefined;
}

/** Java's `String.trim`: takes everything up to U+0020 off both ends, and nothing else. */
function javaTrim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start += 1;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end -= 1;
  return text.slice(start, end);
}
