import type { Condition, Expression } from '../../../lib/engine/filter/sql92/ast.js';

/** Gives a number from 0 to below `count`. */
export type Choose = (count: number) => number;

/** Choices from a list, over and over, so that fast-check can shrink them. */
export function chooseFrom(choices: readonly number[]): Choose {
  let index = 0;
  return (count) => {
    index += 1;
    return (choices[index % choices.length] ?? 0) % count;
  };
}

const blanks = [' ', '  ', '\t', '\n', '\r\n', '\f', ' /* a = 1 */ ', '/***/', " -- it's OR\n", '/* * / ** /* */'];

/** Writes a filter as no sane person does: needless parentheses, any case, signs and comments. It means the same. */
export function scribble(condition: Condition, choose: Choose): string {
  const tokens = tokensOf(condition, choose);
  return ['', ...tokens, ''].reduce((text, token) => `${text}${blanks[choose(blanks.length)] ?? ' '}${token}`);
}

function tokensOf(node: Expression, choose: Choose): string[] {
  const bare = bareTokensOf(node, choose);
  return choose(6) === 0 ? ['(', ...bare, ')'] : bare;
}

function bareTokensOf(node: Expression, choose: Choose): string[] {
  const word = (text: string): string[] => text.split(' ').map((each) => anyCase(each, choose));
  const not = ({ negated }: { negated: boolean }): string[] => (negated ? word('NOT') : []);
  const nested = (inner: Expression): string[] => {
    const leaf = inner.kind === 'property' || inner.kind === 'text' || inner.kind === 'number';
    return leaf ? tokensOf(inner, choose) : ['(', ...tokensOf(inner, choose), ')'];
  };
  switch (node.kind) {
    case 'property':
      return [node.name];
    case 'text':
      return [quote(node.value)];
    case 'number':
      return numberTokens(node.value, choose);
    case 'boolean':
      return word(String(node.value));
    case 'and':
    case 'or':
      return node.conditions.flatMap((each, index) => [...(index > 0 ? word(node.kind) : []), ...nested(each)]);
    case 'not':
      return [...word('NOT'), ...nested(node.condition)];
    case 'equality':
      return [...nested(node.left), node.negated ? '<>' : '=', ...nested(node.right)];
    case 'order':
      return [...nested(node.left), node.operator, ...nested(node.right)];
    case 'between': {
      const bounds = [...nested(node.low), ...word('AND'), ...nested(node.high)];
      return [...nested(node.value), ...not(node), ...word('BETWEEN'), ...bounds];
    }
    case 'in': {
      const list = node.values.flatMap((value, index) => [...(index > 0 ? [','] : []), quote(value)]);
      return [...nested(node.property), ...not(node), ...word('IN'), '(', ...list, ')'];
    }
    case 'text-match':
      return [...nested(node.value), ...not(node), ...word(node.operator), quote(node.search)];
    case 'is-null':
      return [...nested(node.operand), ...word('IS'), ...not(node), ...word('NULL')];
  }
  throw new Error('There is no way to write this kind of expression.');
}

function numberTokens(value: number | bigint, choose: Choose): string[] {
  const signs = (value < 0 ? [['-'], ['-', '+'], ['-', '-', '-']] : [[], ['+'], ['-', '-']])[choose(3)] ?? [];
  const size = value < 0 ? -value : value;
  if (typeof size === 'bigint' || Number.isSafeInteger(size)) {
    return [...signs, size === 0 ? '0' : `${size}${['', 'L', 'l'][choose(3)]}`];
  }
  const image = size.toExponential();
  return [...signs, choose(2) === 0 ? image : image.toUpperCase()];
}

function anyCase(word: string, choose: Choose): string {
  return word.replaceAll(/./g, (letter) => (choose(2) === 0 ? letter.toLowerCase() : letter.toUpperCase()));
}

function quote(text: string): string {
  return `'${text.split("'").join("''")}'`;
}
