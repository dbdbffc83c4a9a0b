import { FilterTooComplexError } from '../../../errors/index.js';
import { checkFilterLength, MAX_FILTER_DEPTH } from '../filter-limits.js';
import {
  type Condition,
  type Expression,
  isCondition,
  type OrderOperator,
  type PropertyReference,
  type Scalar,
  type TextLiteral,
  type TextOperator,
} from './ast.js';
import type { Keyword, Token } from './token.js';
import { type Complaint, type Place, TokenStream } from './token-stream.js';

/**
 * Reads an SQL92 filter. The grammar is RocketMQ's (`SelectorParser.jj`), less what can only be a mistake: see docs/sql92.md. Whatever
 * is accepted here is accepted by RocketMQ, too.
 *
 * @throws FilterSyntaxError, FilterTooComplexError
 */
export function parseSql92(expression: string): Condition {
  checkFilterLength(expression);
  return new Parser(expression).parse();
}

/** What was read, and where. */
interface Part extends Place {
  readonly node: Expression;
}

/** Recursive descent, one method a level of precedence, from the loosest (OR) to the tightest. */
class Parser {
  readonly #expression: string;
  readonly #tokens: TokenStream;
  #depth = 0;

  constructor(expression: string) {
    this.#expression = expression;
    this.#tokens = new TokenStream(expression);
  }

  parse(): Condition {
    const condition = this.#asCondition(this.#or());
    // RocketMQ stops here and drops the rest, so "a = 1 LIKE 'x'" means a = 1 there.
    if (this.#tokens.peek().kind !== 'end') throw this.#tokens.leftover('the end of the filter');
    return condition;
  }

  #or(): Part {
    return this.#junction('or', 'OR', () => this.#and());
  }

  #and(): Part {
    return this.#junction('and', 'AND', () => this.#equality());
  }

  #junction(kind: 'and' | 'or', word: Keyword, readOperand: () => Part): Part {
    const first = readOperand();
    if (!this.#tokens.isKeyword(word)) return first;
    const conditions = [this.#asCondition(first)];
    while (this.#tokens.takeKeyword(word)) conditions.push(this.#asCondition(readOperand()));
    return this.#part(first, { kind, conditions });
  }

  #equality(): Part {
    const left = this.#comparison();
    if (this.#tokens.takeKeyword('IS')) return this.#nullTest(left);
    const negated = this.#tokens.isSign('<>');
    if (!negated && !this.#tokens.isSign('=')) return left;
    this.#tokens.take();
    const right = this.#comparison();
    this.#checkEqualSides(left, right);
    this.#checkEqualSides(right, left);
    return this.#part(left, { kind: 'equality', negated, left: left.node, right: right.node });
  }

  /** RocketMQ takes some of these pairs, and then finds them never equal, or fails for each message. */
  #checkEqualSides(side: Part, other: Part): void {
    if (!isCondition(side.node) || isCondition(other.node) || other.node.kind === 'property') return;
    throw this.#tokens.wrong(other, {
      expected: 'a property, TRUE, FALSE or a condition, as it is compared with a condition',
      hint: 'A condition is true or false: no text or number is equal to it.',
    });
  }

  #nullTest(left: Part): Part {
    const negated = this.#tokens.takeKeyword('NOT');
    if (!this.#tokens.takeKeyword('NULL')) {
      throw this.#tokens.unexpected({ expected: negated ? 'NULL' : 'NULL or NOT NULL' });
    }
    const operand = left.node;
    if (operand.kind === 'text' || operand.kind === 'number') {
      throw this.#tokens.wrong(left, { expected: 'a property before IS', hint: 'A value is never NULL.' });
    }
    return this.#part(left, { kind: 'is-null', negated, operand });
  }

  #comparison(): Part {
    const left = this.#unary();
    const token = this.#tokens.peek();
    if (isOrderOperator(token)) {
      const ordered = this.#asScalar(left);
      this.#tokens.take();
      const right = this.#asScalar(this.#unary());
      return this.#part(left, { kind: 'order', operator: token.sign, left: ordered, right });
    }
    const negated = this.#tokens.isKeyword('NOT') && startsComparison(this.#tokens.peekSecond());
    if (negated) this.#tokens.take();
    if (this.#tokens.takeKeyword('BETWEEN')) return this.#between(left, negated);
    if (this.#tokens.takeKeyword('IN')) return this.#in(left, negated);
    const operator = textOperatorOf(this.#tokens.peek());
    return operator === undefined ? left : this.#textMatch(left, operator, negated);
  }

  #between(left: Part, negated: boolean): Part {
    const value = this.#asScalar(left);
    const low = this.#asScalar(this.#unary());
    if (!this.#tokens.takeKeyword('AND')) {
      throw this.#tokens.unexpected({ expected: 'AND and the upper bound of BETWEEN' });
    }
    const highPart = this.#unary();
    const high = this.#asScalar(highPart);
    if (low.kind === 'number' && high.kind === 'number' && low.value > high.value) {
      const hint = 'The lower bound comes first.';
      throw this.#tokens.wrong(highPart, { expected: `an upper bound of at least ${low.value}`, hint });
    }
    return this.#part(left, { kind: 'between', negated, value, low, high });
  }

  #in(left: Part, negated: boolean): Part {
    const property = left.node;
    if (property.kind !== 'property') throw this.#tokens.wrong(left, { expected: 'a property before IN' });
    if (!this.#tokens.takeSign('(')) throw this.#tokens.unexpected({ expected: '( and a list of texts' });
    const hint = 'IN compares texts: put each value in single quotes, numbers as well.';
    const values = [this.#textLiteral(hint)];
    while (this.#tokens.takeSign(',')) values.push(this.#textLiteral(hint));
    if (!this.#tokens.takeSign(')')) throw this.#tokens.unexpected({ expected: ', or ) in the list of IN' });
    return this.#part(left, { kind: 'in', negated, property, values });
  }

  #textMatch(left: Part, operator: TextOperator, negated: boolean): Part {
    const value = this.#asTextual(left, operator);
    this.#tokens.take();
    const searchToken = this.#tokens.peek();
    const search = this.#textLiteral(`${operator} compares with a text in single quotes only.`);
    if (search === '') {
      const hint = `RocketMQ finds ${operator} '' false for every message, and NOT ${operator} '' as well.`;
      throw this.#tokens.wrong(searchToken, { expected: 'a text with at least one character', hint });
    }
    return this.#part(left, { kind: 'text-match', operator, negated, value, search });
  }

  #unary(): Part {
    const start = this.#tokens.peek();
    if (this.#tokens.takeKeyword('NOT')) return this.#nested(() => this.#not(start));
    if (this.#tokens.takeSign('-')) return this.#nested(() => this.#signed(start, true));
    if (this.#tokens.takeSign('+')) return this.#nested(() => this.#signed(start, false));
    return this.#primary();
  }

  #not(start: Place): Part {
    const operand = this.#unary();
    const { node } = operand;
    if (!isCondition(node) && this.#comparisonFollows()) {
      const hint = 'NOT binds tighter than comparisons: write NOT (a = 1).';
      throw this.#tokens.wrong(operand, { expected: 'a condition in parentheses after NOT', hint });
    }
    return this.#part(start, { kind: 'not', condition: this.#asCondition(operand) });
  }

  #comparisonFollows(): boolean {
    const next = this.#tokens.peek();
    return (
      isOrderOperator(next) ||
      startsComparison(next) ||
      this.#tokens.isSign('=', '<>') ||
      this.#tokens.isKeyword('IS', 'NOT')
    );
  }

  #signed(start: Place, negative: boolean): Part {
    const operand = this.#unary();
    const { node } = operand;
    if (node.kind !== 'number') {
      const hint = 'A property is a text: its sign can not be changed in a filter.';
      throw this.#tokens.wrong(operand, { expected: 'a number after the sign', hint });
    }
    // Without the look for 0, "-0" would become the negative zero of floating point.
    const value = negative && node.value !== 0 ? -node.value : node.value;
    return this.#part(start, { kind: 'number', value });
  }

  #primary(): Part {
    const token = this.#tokens.peek();
    if (this.#tokens.takeSign('(')) return this.#nested(() => this.#parenthesised(token));
    const node = operandOf(token);
    if (node === undefined) throw this.#tokens.unexpected(missingOperand(token));
    this.#tokens.take();
    return this.#part(token, node);
  }

  #parenthesised(open: Place): Part {
    const { node } = this.#or();
    if (!this.#tokens.takeSign(')')) throw this.#tokens.leftover(')');
    return this.#part(open, node);
  }

  /** Runs one level deeper, and refuses long before the stack could overflow. */
  #nested(read: () => Part): Part {
    if (this.#depth >= MAX_FILTER_DEPTH) {
      const expression = this.#expression;
      throw new FilterTooComplexError({ expression, measure: 'depth of nesting', limit: MAX_FILTER_DEPTH });
    }
    this.#depth += 1;
    const part = read();
    this.#depth -= 1;
    return part;
  }

  /**
   * RocketMQ takes a bare property for a condition that is never true, whatever its value, and NOT of it for one that is true whenever the
   * property is there. Nobody can mean that, so it is refused.
   */
  #asCondition(part: Part): Condition {
    const { node } = part;
    if (isCondition(node)) return node;
    // What stands behind a property says more about the mistake than the property does, as in "a LIKE 'x'".
    const complete =
      this.#tokens.peek().kind === 'end' || this.#tokens.isKeyword('AND', 'OR') || this.#tokens.isSign(')');
    if (!complete) throw this.#tokens.leftover('a comparison');
    const hint =
      node.kind === 'property'
        ? `Write ${node.name} = TRUE, ${node.name} = FALSE or ${node.name} IS NOT NULL.`
        : 'A value alone is neither true nor false.';
    throw this.#tokens.wrong(part, { expected: 'a condition', hint });
  }

  #asScalar(part: Part): Scalar {
    const { node } = part;
    if (node.kind === 'number' || node.kind === 'property') return node;
    const hint =
      node.kind === 'text'
        ? 'Only numbers have an order: write a number, without quotes.'
        : 'Only numbers have an order: a condition is true or false.';
    throw this.#tokens.wrong(part, { expected: 'a property or a number', hint });
  }

  #asTextual(part: Part, operator: TextOperator): PropertyReference | TextLiteral {
    const { node } = part;
    if (node.kind === 'property' || node.kind === 'text') return node;
    throw this.#tokens.wrong(part, { expected: `a property or a text before ${operator}` });
  }

  #textLiteral(hint: string): string {
    const token = this.#tokens.peek();
    if (token.kind !== 'text') throw this.#tokens.unexpected({ expected: "a text, such as 'a'", hint });
    this.#tokens.take();
    return token.value;
  }

  #part({ position }: { readonly position: number }, node: Expression): Part {
    return { node, position, end: this.#tokens.previousEnd };
  }
}

function isOrderOperator(token: Token): token is Token & { readonly sign: OrderOperator } {
  return token.kind === 'sign' && ['>', '>=', '<', '<='].includes(token.sign);
}

function startsComparison(token: Token): boolean {
  if (textOperatorOf(token) !== undefined) return true;
  return token.kind === 'keyword' && (token.word === 'BETWEEN' || token.word === 'IN');
}

function textOperatorOf(token: Token): TextOperator | undefined {
  if (token.kind !== 'keyword') return undefined;
  const { word } = token;
  return word === 'CONTAINS' || word === 'STARTSWITH' || word === 'ENDSWITH' ? word : undefined;
}

function operandOf(token: Token): Expression | undefined {
  if (token.kind === 'name') return { kind: 'property', name: token.name };
  if (token.kind === 'text' || token.kind === 'number') return { kind: token.kind, value: token.value } as Expression;
  if (token.kind !== 'keyword' || (token.word !== 'TRUE' && token.word !== 'FALSE')) return undefined;
  return { kind: 'boolean', value: token.word === 'TRUE' };
}

/** Why no value begins with this token. */
function missingOperand(token: Token): Complaint {
  const expected = 'a property or a value';
  if (token.kind === 'sign' && (token.sign === '=' || token.sign === '>')) {
    return { expected, hint: 'The comparisons are =, <>, <, <=, > and >=.' };
  }
  if (token.kind !== 'keyword' || token.word === 'AND' || token.word === 'OR') return { expected };
  const hint =
    token.word === 'NULL'
      ? 'NULL is tested with IS NULL and IS NOT NULL, and used nowhere else.'
      : `${token.word} is a word of the grammar, so no property in a filter can be called that.`;
  return { expected, hint };
}
