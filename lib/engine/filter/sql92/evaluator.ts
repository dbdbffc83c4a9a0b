import {
  type Between,
  type Condition,
  type Equality,
  type Expression,
  isCondition,
  type Membership,
  type NullTest,
  type Operand,
  type Order,
  type OrderOperator,
  type TextMatch,
  type TextOperator,
} from './ast.js';
import { isSameNumber, numberOfText } from './numeric-text.js';

export type Properties = Readonly<Record<string, string>>;

/** True, false, or undefined for unknown: what comes of a property that is missing, or is no number where a number is needed. */
export type Truth = boolean | undefined;

/** A condition made ready to run: closures that know their operands, so no tree is walked for a message. Never throws. */
export type CompiledCondition = (properties: Properties) => Truth;

type Reader<Value> = (properties: Properties) => Value | undefined;

export function compileCondition(condition: Condition): CompiledCondition {
  switch (condition.kind) {
    case 'boolean':
      return always(condition.value);
    case 'and':
      return junction(condition.conditions.map(compileCondition), false);
    case 'or':
      return junction(condition.conditions.map(compileCondition), true);
    case 'not':
      return negate(compileCondition(condition.condition));
    case 'equality':
      return negateIf(condition.negated, equality(condition));
    case 'order':
      return order(condition);
    case 'between':
      return negateIf(condition.negated, between(condition));
    case 'in':
      return negateIf(condition.negated, membership(condition));
    case 'text-match':
      return textMatch(condition);
    default:
      return negateIf(condition.negated, nullTest(condition));
  }
}

function always<Value>(value: Value): () => Value {
  return () => value;
}

function negateIf(negated: boolean, condition: CompiledCondition): CompiledCondition {
  return negated ? negate(condition) : condition;
}

function negate(condition: CompiledCondition): CompiledCondition {
  return (properties) => {
    const truth = condition(properties);
    return truth === undefined ? undefined : !truth;
  };
}

/** AND is decided by one false, OR by one true; otherwise one unknown makes the whole unknown. */
function junction(conditions: readonly CompiledCondition[], deciding: boolean): CompiledCondition {
  return (properties) => {
    let undecided: Truth = !deciding;
    for (const condition of conditions) {
      const truth = condition(properties);
      if (truth === deciding) return deciding;
      if (truth === undefined) undecided = undefined;
    }
    return undecided;
  };
}

/**
 * Compared as truth values if a side is a condition, else as numbers if a side is a number, else as texts. A missing side makes it
 * unknown; RocketMQ does so only when the left side is the one that is missing.
 */
function equality({ left, right }: Equality): CompiledCondition {
  if (isCondition(left) || isCondition(right)) return bothPresent(truthOf(left), truthOf(right), (a, b) => a === b);
  if (left.kind === 'number' || right.kind === 'number') {
    return bothPresent(numberOf(left), numberOf(right), isSameNumber);
  }
  return bothPresent(textOf(left), textOf(right), (a, b) => a === b);
}

const orderTests: Readonly<Record<OrderOperator, (a: number | bigint, b: number | bigint) => boolean>> = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
};

function order({ operator, left, right }: Order): CompiledCondition {
  return bothPresent(numberOf(left), numberOf(right), orderTests[operator]);
}

/** As RocketMQ's two comparisons joined by AND: one bound can decide while the other is unknown. */
function between({ value, low, high }: Between): CompiledCondition {
  const notBelow = order({ kind: 'order', operator: '>=', left: value, right: low });
  const notAbove = order({ kind: 'order', operator: '<=', left: value, right: high });
  return junction([notBelow, notAbove], false);
}

function membership({ property, values }: Membership): CompiledCondition {
  const read = textOf(property);
  const set: ReadonlySet<string> = new Set(values);
  return (properties) => {
    const text = read(properties);
    return text === undefined ? undefined : set.has(text);
  };
}

const textTests: Readonly<Record<TextOperator, (text: string, search: string) => boolean>> = {
  CONTAINS: (text, search) => text.includes(search),
  STARTSWITH: (text, search) => text.startsWith(search),
  ENDSWITH: (text, search) => text.endsWith(search),
};

/** Of a missing property, RocketMQ finds both forms false: it neither contains a text, nor does "not contain" it. */
function textMatch({ operator, negated, value, search }: TextMatch): CompiledCondition {
  const read = textOf(value);
  const test = textTests[operator];
  return (properties) => {
    const text = read(properties);
    return text !== undefined && test(text, search) !== negated;
  };
}

function nullTest({ operand }: NullTest): CompiledCondition {
  const read = isCondition(operand) ? compileCondition(operand) : textOf(operand);
  return (properties) => read(properties) === undefined;
}

function bothPresent<Value>(
  left: Reader<Value>,
  right: Reader<Value>,
  test: (left: Value, right: Value) => boolean,
): CompiledCondition {
  return (properties) => {
    const leftValue = left(properties);
    if (leftValue === undefined) return undefined;
    const rightValue = right(properties);
    return rightValue === undefined ? undefined : test(leftValue, rightValue);
  };
}

/** The check of the type keeps out what objects inherit, such as `constructor`, which is a valid name of a property. */
function textOf(operand: Operand): Reader<string> {
  if (operand.kind === 'property') {
    const { name } = operand;
    return (properties) => {
      const text: unknown = properties[name];
      return typeof text === 'string' ? text : undefined;
    };
  }
  return always(String(operand.value));
}

function numberOf(operand: Operand): Reader<number | bigint> {
  if (operand.kind === 'number') return always(operand.value);
  if (operand.kind === 'text') return always(numberOfText(operand.value));
  const read = textOf(operand);
  return (properties) => {
    const text = read(properties);
    return text === undefined ? undefined : numberOfText(text);
  };
}

/** Java's `Boolean.valueOf`: the word "true" in any case is true, and every other text is false. */
function truthOf(expression: Expression): Reader<boolean> {
  if (isCondition(expression)) return compileCondition(expression);
  const read = textOf(expression);
  return (properties) => {
    const text = read(properties);
    return text === undefined ? undefined : text.length === 4 && text.toLowerCase() === 'true';
  };
}
