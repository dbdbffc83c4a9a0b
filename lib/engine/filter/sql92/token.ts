const keywords = [
  'NOT',
  'AND',
  'OR',
  'BETWEEN',
  'IN',
  'TRUE',
  'FALSE',
  'NULL',
  'IS',
  'CONTAINS',
  'STARTSWITH',
  'ENDSWITH',
] as const;

/** Words of the grammar, in any case. None of them can be the name of a property. */
export type Keyword = (typeof keywords)[number];

const keywordSet: ReadonlySet<string> = new Set(keywords);

export function isKeyword(upperCaseWord: string): upperCaseWord is Keyword {
  return keywordSet.has(upperCaseWord);
}

export type Sign = '=' | '<>' | '>' | '>=' | '<' | '<=' | '(' | ')' | ',' | '+' | '-';

/** A piece of an expression, from `position` to before `end`. */
export type Token = { readonly position: number; readonly end: number } & (
  | { readonly kind: 'keyword'; readonly word: Keyword }
  | { readonly kind: 'sign'; readonly sign: Sign }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number | bigint }
  | { readonly kind: 'end' }
);
