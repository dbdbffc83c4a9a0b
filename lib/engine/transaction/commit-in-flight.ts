import type { AppendWaiter } from '../types/index.js';
import type { Decision, OpQueue } from './op-queue.js';
import type { PendingHalf } from './pending-half.js';

/**
 * A commit between its call and its end. Its message is followed by the op message in the same group: the log survives as a prefix, so whatever happens, an op message on disk says
 * that the message before it is there. Ends when both are.
 */
export class CommitInFlight implements AppendWaiter, Decision {
  readonly halfOffset: number;
  message: Decision['message'] = 'placed';
  readonly #half: PendingHalf;
  readonly #ops: OpQueue;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  #opError: unknown;

  constructor(half: PendingHalf, ops: OpQueue, resolve: () => void, reject: (error: unknown) => void) {
    this.halfOffset = half.place.queueOffset;
    this.#half = half;
    this.#ops = ops;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onPlaced(): void {
    this.#ops.follow(this);
  }

  onStored(): void {
    this.message = 'stored';
    this.#half.isStored = true;
    if (this.#opError !== undefined) this.#reject(this.#opError);
  }

  onFailed(error: unknown): void {
    this.message = 'lost';
    this.#reject(error);
  }

  onOpStored(): void {
    this.#resolve();
  }

  /** While the message's fate is open, nobody may be told: it is another failure when the message is lost, too. */
  onOpFailed(error: unknown): void {
    if (this.message === 'placed') this.#opError = error;
    else this.#reject(error);
  }
}
