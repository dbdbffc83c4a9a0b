import type { Condition, Expression, NumberLiteral } from './ast.js';

/** How tightly each kind binds. An operand that binds less than its place asks for gets parentheses. */
const bindings: Readonly<Record<Expression['kind'], number>> = {
  or: 1,
  and: 2,
  equality: 3,
  'is-null': 3,
  order: 4,
  between: 4,
  in: 4,
  'text-match': 4,
  not: 5,
  property: 5,
  text: 5,
  number: 5,
  boolean: 5,
};

/** Writes a filter with no more parentheses than it needs. Reading it again gives the same tree. */
export function printSql92(condition: Condition): string {
  return print(condition);
}

function print(node: Expression): string {
  switch (node.kind) {
    case 'property':
      return node.name;
    case 'text':
      return quote(node.value);
    case 'number':
      return printNumber(node);
    case 'boolean':
      return node.value ? 'TRUE' : 'FALSE';
    case 'or':
      return node.conditions.map((each) => operand(each, 'and')).join(' OR ');
    case 'and':
      return node.conditions.map((each) => operand(each, 'equality')).join(' AND ');
    case 'not':
      return `NOT ${operand(node.condition, 'not')}`;
    case 'equality': {
      // Neither side may be an equality itself: comparisons are not chained.
      const sign = node.negated ? '<>' : '=';
      return `${operand(node.left, 'order')} ${sign} ${operand(node.right, 'order')}`;
    }
    case 'is-null':
      return `${operand(node.operand, 'order')} IS ${not(node)}NULL`;
    case 'order':
      return `${print(node.left)} ${node.operator} ${print(node.right)}`;
    case 'between':
      return `${print(node.value)} ${not(node)}BETWEEN ${print(node.low)} AND ${print(node.high)}`;
    case 'in':
      return `${print(node.property)} ${not(node)}IN (${node.values.map(quote).join(', ')})`;
    default:
      return `${print(node.value)} ${not(node)}${node.operator} ${quote(node.search)}`;
  }
}

/** The kind that a place asks for at least: what binds as tightly as it does needs no parentheses there. */
function operand(node: Expression, place: Expression['kind']): string {
  return bindings[node.kind] < bindings[place] ? `(${print(node)})` : print(node);
}

function not({ negated }: { readonly negated: boolean }): string {
  return negated ? 'NOT ' : '';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Digits alone are an integer, which may not be larger than 2^63 − 1; so a large double gets an exponent. */
function printNumber({ value }: NumberLiteral): string {
  if (typeof value === 'bigint' || Number.isSafeInteger(value) || !Number.isInteger(value)) return String(value);
  return value.toExponential();
}
