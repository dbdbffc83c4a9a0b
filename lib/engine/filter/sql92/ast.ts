/** The value of a message's property: a text, or missing. */
export interface PropertyReference {
  readonly kind: 'property';
  readonly name: string;
}

export interface TextLiteral {
  readonly kind: 'text';
  readonly value: string;
}

/** A number as written, its sign included. Integers that a double can not hold are bigint; every other number is a finite double. */
export interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number | bigint;
}

export interface BooleanLiteral {
  readonly kind: 'boolean';
  readonly value: boolean;
}

/** Two or more conditions. A chain of AND (or OR) is one flat node, so its length does not count as depth. */
export interface Junction {
  readonly kind: 'and' | 'or';
  readonly conditions: readonly Condition[];
}

export interface Negation {
  readonly kind: 'not';
  readonly condition: Condition;
}

/** `=`, or `<>` when negated. A condition stands on a side only if the other side is a condition or a property. */
export interface Equality {
  readonly kind: 'equality';
  readonly negated: boolean;
  readonly left: Expression;
  readonly right: Expression;
}

/** What has an order: a number, or a property whose text is read as a number. */
export type Scalar = PropertyReference | NumberLiteral;

export type OrderOperator = '>' | '>=' | '<' | '<=';

export interface Order {
  readonly kind: 'order';
  readonly operator: OrderOperator;
  readonly left: Scalar;
  readonly right: Scalar;
}

export interface Between {
  readonly kind: 'between';
  readonly negated: boolean;
  readonly value: Scalar;
  readonly low: Scalar;
  readonly high: Scalar;
}

/** One or more texts, one of which the property is to be. */
export interface Membership {
  readonly kind: 'in';
  readonly negated: boolean;
  readonly property: PropertyReference;
  readonly values: readonly string[];
}

export type TextOperator = 'CONTAINS' | 'STARTSWITH' | 'ENDSWITH';

export interface TextMatch {
  readonly kind: 'text-match';
  readonly operator: TextOperator;
  readonly negated: boolean;
  readonly value: PropertyReference | TextLiteral;
  /** Never empty. */
  readonly search: string;
}

/** `IS NULL`, or `IS NOT NULL` when negated. Of a condition: is it unknown? */
export interface NullTest {
  readonly kind: 'is-null';
  readonly negated: boolean;
  readonly operand: PropertyReference | Condition;
}

/** What is true, false or unknown. */
export type Condition =
  BooleanLiteral | Junction | Negation | Equality | Order | Between | Membership | TextMatch | NullTest;

export type Operand = PropertyReference | TextLiteral | NumberLiteral;

export type Expression = Operand | Condition;

export function isCondition(expression: Expression): expression is Condition {
  return expression.kind !== 'property' && expression.kind !== 'text' && expression.kind !== 'number';
}
