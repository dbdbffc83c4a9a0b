import { FilterSyntaxError } from '../../../errors/index.js';
import { hintForLeftover } from './hints.js';
import { imageOf, Lexer } from './lexer.js';
import type { Keyword, Sign, Token } from './token.js';

/** A piece of the expression that an error can point at. */
export interface Place {
  readonly position: number;
  readonly end: number;
}

/** What an error says of a place. */
export interface Complaint {
  readonly expected: string;
  readonly hint?: string | undefined;
}

/** The tokens of an expression, read from the left, with a look ahead of two. Makes the errors that point into the expression. */
export class TokenStream {
  readonly #expression: string;
  readonly #lexer: Lexer;
  readonly #ahead: Token[] = [];
  #previousEnd = 0;

  constructor(expression: string) {
    this.#expression = expression;
    this.#lexer = new Lexer(expression);
  }

  /** Where the token that was taken last ends. */
  get previousEnd(): number {
    return this.#previousEnd;
  }

  /** The next token, which is not taken. */
  peek(): Token {
    return (this.#ahead[0] ??= this.#lexer.next());
  }

  peekSecond(): Token {
    this.peek();
    return (this.#ahead[1] ??= this.#lexer.next());
  }

  take(): Token {
    const token = this.peek();
    this.#ahead.shift();
    this.#previousEnd = token.end;
    return token;
  }

  isKeyword(...words: readonly Keyword[]): boolean {
    const token = this.peek();
    return token.kind === 'keyword' && words.includes(token.word);
  }

  isSign(...signs: readonly Sign[]): boolean {
    const token = this.peek();
    return token.kind === 'sign' && signs.includes(token.sign);
  }

  /** Takes the next token if it is this word, and tells whether. */
  takeKeyword(word: Keyword): boolean {
    const is = this.isKeyword(word);
    if (is) this.take();
    return is;
  }

  takeSign(sign: Sign): boolean {
    const is = this.isSign(sign);
    if (is) this.take();
    return is;
  }

  /** The error for a next token that the grammar does not have here. */
  unexpected(complaint: Complaint): FilterSyntaxError {
    return this.wrong(this.peek(), complaint);
  }

  /** The error for a next token after something that is complete without it. */
  leftover(expected: string): FilterSyntaxError {
    return this.unexpected({ expected, hint: hintForLeftover(this.peek(), this.#previousEnd) });
  }

  wrong({ position, end }: Place, { expected, hint }: Complaint): FilterSyntaxError {
    const found = imageOf(this.#expression, { position, end });
    return new FilterSyntaxError({ expression: this.#expression, position, found, expected, hint });
  }
}
