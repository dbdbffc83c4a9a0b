import { ValidateBy } from 'class-validator';

const MAX_AMOUNT = 1_000_000_000;

/** An amount of money: what can be said in whole cents. */
export function IsAmount(): PropertyDecorator {
  return ValidateBy({
    name: 'isAmount',
    validator: {
      validate: (value) => typeof value === 'number' && value > 0 && value <= MAX_AMOUNT && isInCents(value),
      defaultMessage: (args) =>
        `${args?.property} must be a number over 0 and at most ${MAX_AMOUNT}, with at most 2 decimals`,
    },
  });
}

function isInCents(amount: number): boolean {
  return Number(amount.toFixed(2)) === amount;
}
