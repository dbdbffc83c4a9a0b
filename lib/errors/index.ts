import * as adminErrors from './admin.errors.js';
import * as cliErrors from './cli.errors.js';
import * as converterErrors from './converter.errors.js';
import * as filterErrors from './filter.errors.js';
import * as listenerErrors from './listener.errors.js';
import * as messageErrors from './message.errors.js';
import * as optionErrors from './option.errors.js';
import * as pullErrors from './pull.errors.js';
import type { ErrorDefinition } from './rocket-error.js';
import * as storeErrors from './store.errors.js';
import * as testingErrors from './testing.errors.js';
import * as transactionErrors from './transaction.errors.js';

export * from './admin.errors.js';
export * from './cli.errors.js';
export * from './converter.errors.js';
export * from './filter.errors.js';
export * from './listener.errors.js';
export * from './message.errors.js';
export * from './option.errors.js';
export * from './pull.errors.js';
export { RocketError, type ErrorDefinition, type ErrorFields } from './rocket-error.js';
export * from './store.errors.js';
export * from './testing.errors.js';
export * from './transaction.errors.js';

const families: readonly object[] = [
  adminErrors,
  cliErrors,
  converterErrors,
  filterErrors,
  listenerErrors,
  messageErrors,
  optionErrors,
  pullErrors,
  storeErrors,
  testingErrors,
  transactionErrors,
];

/** Every error that nestjs-rocket throws, by code. docs/errors.md is checked against it. */
export const ERROR_TABLE: readonly ErrorDefinition<never>[] = families
  .flatMap((family): unknown[] => Object.values(family))
  .filter(
    (value): value is { definition: ErrorDefinition<never> } => typeof value === 'function' && 'definition' in value,
  )
  .map((errorClass) => errorClass.definition)
  .toSorted((a, b) => (a.code < b.code ? -1 : 1));
