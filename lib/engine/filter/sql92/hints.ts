import type { Token } from './token.js';

const likeHint = "LIKE is not supported: use CONTAINS 'x', STARTSWITH 'x' or ENDSWITH 'x'.";
const regexHint = "Regular expressions are not supported: use CONTAINS 'x', STARTSWITH 'x' or ENDSWITH 'x'.";
const arithmeticHint = 'There is no arithmetic: + and - only stand before a number.';

const wordHints: ReadonlyMap<string, string> = new Map([
  ['LIKE', likeHint],
  ['ILIKE', likeHint],
  ['ESCAPE', likeHint],
  ['RLIKE', regexHint],
  ['REGEXP', regexHint],
  ['MATCHES', regexHint],
  ['XPATH', 'XPATH is not supported: filters see properties, not the body.'],
  ['XQUERY', 'XQUERY is not supported: filters see properties, not the body.'],
  ['XOR', 'XOR is not supported: write (a = 1) <> (b = 1).'],
]);

const characterHints: ReadonlyMap<string, string> = new Map([
  ['"', "A text is written in single quotes: 'text'."],
  ['`', 'A property is written without quotes.'],
  ['‘', "A text is written in straight single quotes: 'text'."],
  ['’', "A text is written in straight single quotes: 'text'."],
  ['!', 'Not equal is written <>; the opposite of a condition is NOT (condition).'],
  ['&', 'Both conditions is written AND.'],
  ['|', 'One of two conditions is written OR. Tags joined by || need the selector type TAG.'],
  ['*', 'There is no arithmetic. "*" for all messages needs the selector type TAG.'],
  ['/', arithmeticHint],
  ['%', arithmeticHint],
  ['.', 'The name of a property in a filter has only letters, digits, _ and $.'],
  [';', 'A filter is one condition, without a semicolon.'],
  ['\u00a0', 'This is a no-break space: type it again as a plain space.'],
]);

/** What to write instead of a character that no filter can hold. */
export function hintForCharacter(character: string): string | undefined {
  return characterHints.get(character);
}

/** What to write instead of a word that other SQL dialects know. */
export function hintForWord(name: string): string | undefined {
  return wordHints.get(name.toUpperCase());
}

/**
 * What may have been meant by a token after a complete condition. RocketMQ stops reading there and drops the rest without a word.
 *
 * @param previousEnd where the token before it ends
 */
export function hintForLeftover(token: Token, previousEnd: number): string | undefined {
  if (token.kind === 'sign') return hintForLeftoverSign(token.sign);
  const wordHint = token.kind === 'name' ? hintForWord(token.name) : undefined;
  return wordHint ?? hintForNumberTail(token, previousEnd);
}

/** `05` is read as 0 and 5, `5x` as 5 and x. */
function hintForNumberTail(token: Token, previousEnd: number): string | undefined {
  const touches = (token.kind === 'name' || token.kind === 'number') && token.position === previousEnd;
  return touches ? 'A number has no leading zeros and no letters but L and E.' : undefined;
}

function hintForLeftoverSign(sign: string): string | undefined {
  if (sign === '+' || sign === '-') {
    return `${arithmeticHint} The name of a property in a filter has only letters, digits, _ and $.`;
  }
  if (sign === '(' || sign === ')' || sign === ',') return undefined;
  return 'Comparisons are not chained: join them with AND, or put the first one in parentheses.';
}
