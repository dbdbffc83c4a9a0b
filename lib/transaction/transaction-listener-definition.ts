import type { PayloadType, RocketMessage } from '../converter/index.js';

/** A transaction listener that was found in the app, and what it is bound to. */
export interface TransactionListenerDefinition {
  /** For people: class, and the module that provides it. */
  readonly name: string;
  /** Empty: bound to the producer group. */
  readonly topics: readonly string[];
  /** The group under which transactions are sent that it is bound to. */
  readonly producerGroup: string;
  readonly payloadType: PayloadType | undefined;
  /** Calls the listener; what it returns has not been checked. */
  execute(message: RocketMessage, arg: unknown): unknown;
  check(message: RocketMessage): unknown;
}
