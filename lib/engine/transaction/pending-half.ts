import type { RecordDraft } from '../types/index.js';

/** Where the newest record of a half message lies. Each check-back stores the half message again. */
export interface HalfPlace {
  readonly queueOffset: number;
  readonly physicalOffset: number;
  readonly storeTimestampMs: number;
  /** Check-backs so far (TRANSACTION_CHECK_TIMES). */
  readonly checkTimes: number;
}

/** What never changes about a transaction. */
export interface HalfIdentity {
  /** The message's UNIQ_KEY. */
  readonly transactionId: string;
  readonly producerGroup: string;
  /** The topic that a commit delivers to. */
  readonly topic: string;
  /** The message's own age for the first check-back, in milliseconds; undefined: the broker's. */
  readonly immunityMs: number | undefined;
}

/** What a half message was made of, for its commit. */
export interface KeptHalf {
  readonly draft: RecordDraft;
  /** Of the half message. */
  readonly propertiesText: string;
}

/** A transaction without a decision. Small on purpose: the message itself stays in the log. */
export class PendingHalf {
  readonly identity: HalfIdentity;
  /** Replaced as a whole, once the record it speaks of is on disk. */
  place: HalfPlace;
  /** Of the first record, while there is room for it; a check-back's record says more. */
  kept: KeptHalf | undefined;
  /** Its local transaction is running in this process, so asking about it could only give a second, earlier answer. */
  executing: boolean;
  /** Someone has decided it, or is about to: whoever sets this owns the half message from then on. */
  decided = false;
  /** The message of its commit is on disk: from now on it may only be said that it is decided. */
  isStored = false;
  /** Ends when the check-back that is storing it again is through. Never rejects. */
  renewal: Promise<void> | undefined;

  constructor(identity: HalfIdentity, place: HalfPlace, executing: boolean) {
    this.identity = identity;
    this.place = place;
    this.executing = executing;
  }
}
