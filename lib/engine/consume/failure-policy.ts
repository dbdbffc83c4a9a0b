import type { StoredRecord } from '../types/index.js';
import type { Lane } from './lane.js';

/** A message in the hands of a handler. */
export interface HeldMessage {
  /** The message's number in its queue's window. */
  readonly number: number;
  readonly record: StoredRecord;
}

/** A delivery whose handler threw, rejected, asked for a retry, or was given up. */
export interface FailedDelivery {
  readonly lane: Lane;
  /** At least one; in the order of the queue. */
  readonly messages: readonly HeldMessage[];
  /** What was thrown, or `RECONSUME_LATER`. */
  readonly reason: unknown;
  /** The handler has taken too long, and may still run. */
  readonly timedOut?: boolean;
  /** Orderly batches: messages after the failed ones that come again with them. For them it was no attempt. */
  readonly behind?: readonly HeldMessage[];
}

/** Decides what becomes of messages that could not be handled. One for each subscription of a member. */
export interface FailurePolicy {
  /** Never throws. Returns a promise when the member must not leave before it has settled; that never rejects. */
  failed(delivery: FailedDelivery): Promise<void> | undefined;
}
