import { FilterSyntaxError } from '../../../errors/index.js';
import { hintForCharacter } from './hints.js';
import { type NumberReading, readDecimal, readInteger } from './number-literal.js';
import { isKeyword, type Sign, type Token } from './token.js';

// Each pattern is tried at one place of the expression, so each is sticky. The order of the alternatives is RocketMQ's.
const blankPattern = /(?:[ \t\n\r\f]+|--[^\n\r]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)+/y;
const decimalPattern = /(?:[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)/y;
const integerPattern = /(?:0|[1-9][0-9]*[lL]?)/y;
const wordPattern = /[A-Za-z_$][A-Za-z0-9_$]*/y;
const textPattern = /'(?:''|[^'])*'/y;
const signPattern = /<>|<=|>=|[=<>(),+-]/y;

/**
 * Cuts an expression into tokens, one at a time: so the first thing that is wrong, read from the left, is what is reported.
 */
export class Lexer {
  readonly #expression: string;
  #position = 0;

  constructor(expression: string) {
    this.#expression = expression;
  }

  /** The next token; at the end, `end` again and again. */
  next(): Token {
    this.#take(blankPattern);
    const position = this.#position;
    if (position >= this.#expression.length) return { kind: 'end', position, end: position };
    return this.#word(position) ?? this.#number(position) ?? this.#text(position) ?? this.#sign(position);
  }

  #word(position: number): Token | undefined {
    const name = this.#take(wordPattern);
    if (name === undefined) return undefined;
    const upperCase = name.toUpperCase();
    const end = this.#position;
    return isKeyword(upperCase)
      ? { kind: 'keyword', word: upperCase, position, end }
      : { kind: 'name', name, position, end };
  }

  #number(position: number): Token | undefined {
    const decimal = this.#take(decimalPattern);
    if (decimal !== undefined) return this.#numberToken(position, readDecimal(decimal));
    const integer = this.#take(integerPattern);
    return integer === undefined ? undefined : this.#numberToken(position, readInteger(integer));
  }

  #numberToken(position: number, reading: NumberReading): Token {
    const end = this.#position;
    if ('value' in reading) return { kind: 'number', value: reading.value, position, end };
    const found = imageOf(this.#expression, { position, end });
    throw this.#error({ position, found, expected: reading.expected, hint: reading.hint });
  }

  #text(position: number): Token | undefined {
    if (this.#expression[position] !== "'") return undefined;
    const image = this.#take(textPattern);
    if (image === undefined) {
      const found = 'a text without an end';
      throw this.#error({ position, found, expected: "a single quote that closes it ('' is a quote inside the text)" });
    }
    return { kind: 'text', value: image.slice(1, -1).replaceAll("''", "'"), position, end: this.#position };
  }

  #sign(position: number): Token {
    if (this.#expression.startsWith('/*', position)) {
      throw this.#error({ position, found: 'a comment without an end', expected: '*/ to close it' });
    }
    const sign = this.#take(signPattern) as Sign | undefined;
    if (sign !== undefined) return { kind: 'sign', sign, position, end: this.#position };
    const character = String.fromCodePoint(this.#expression.codePointAt(position) ?? 0);
    const found = `the character ${JSON.stringify(character)}`;
    throw this.#error({
      position,
      found,
      expected: 'a property, a value or an operator',
      hint: hintForCharacter(character),
    });
  }

  /** What the pattern matches here, and moves past it; undefined, and no move, when it does not match. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const image = pattern.exec(this.#expression)?.[0];
    if (image !== undefined) this.#position += image.length;
    return image;
  }

  #error(at: { position: number; found: string; expected: string; hint?: string | undefined }): FilterSyntaxError {
    return new FilterSyntaxError({ expression: this.#expression, hint: undefined, ...at });
  }
}

/** A piece of an expression, for an error's text: never long. */
export function imageOf(expression: string, { position, end }: { position: number; end: number }): string {
  if (position >= end) return 'the end of the filter';
  const image = expression.slice(position, end);
  return image.length > 40 ? `${image.slice(0, 37)}...` : image;
}
