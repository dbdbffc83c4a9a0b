import { RESERVED_PROPERTIES } from '../engine/index.js';

/** A transaction listener may want to know how often it has been asked. */
const READABLE = 'TRANSACTION_CHECK_TIMES';
/** An application may set these, but they only steer the broker. */
const STEERING = ['INNER_MULTI_DISPATCH', 'CHECK_IMMUNITY_TIME_IN_SECONDS'];

/** Property names that are not the application's, so that they are not among the headers that a reader gets. */
export const SYSTEM_PROPERTIES: ReadonlySet<string> = new Set(
  [...RESERVED_PROPERTIES, ...STEERING].filter((name) => name !== READABLE),
);
