import type { StoredRecord } from '../types/index.js';
import type { Lane } from './lane.js';

/** A delivery whose handler threw, rejected, or asked for a retry. */
export interface FailedDelivery {
  readonly lane: Lane;
  /** The message's number in its queue's window. */
  readonly number: number;
  readonly record: StoredRecord;
  /** What was thrown, or `RECONSUME_LATER`. */
  readonly reason: unknown;
}

/** Decides what becomes of messages that could not be handled. One for each subscription of a member. */
export interface FailurePolicy {
  /** Never throws. Returns a promise when the member must not leave before it has settled; that never rejects. */
  failed(delivery: FailedDelivery): Promise<void> | undefined;
}
