import type { StoredRecord } from '../types/index.js';
import type { Batch } from './batch.js';
import type { HeldMessage } from './failure-policy.js';
import type { Lane } from './lane.js';

/** Learns how a handler has ended. */
export interface SlotOwner {
  handlerResolved(slot: HandlerSlot, value: unknown): void;
  handlerRejected(slot: HandlerSlot, reason: unknown): void;
}

/**
 * The place of one handler that is running on a promise. There are as many as run at the same time; they are used again and again, so that
 * a message costs no closures.
 */
export class HandlerSlot {
  lane: Lane | undefined;
  /** Of a single message, with {@link record}. */
  number = 0;
  record: StoredRecord | undefined;
  /** Instead of a single message. */
  batch: Batch | undefined;
  /** Place in the dispatcher's list of busy slots. */
  index = 0;
  /** By the monotonic clock, as is {@link dueMs}. */
  startedMs = 0;
  /** When it is to be told that the handler takes too long. */
  dueMs = 0;
  /** It has been told. */
  isOverdue = false;
  /** Given up: whatever the handler still answers counts no more, for its message is delivered again. */
  abandoned = false;
  readonly onResolved: (value: unknown) => void;
  readonly onRejected: (reason: unknown) => void;

  constructor(owner: SlotOwner) {
    this.onResolved = (value) => {
      if (!this.abandoned) owner.handlerResolved(this, value);
    };
    this.onRejected = (reason) => {
      if (!this.abandoned) owner.handlerRejected(this, reason);
    };
  }

  /** What the handler has in hand. */
  get messages(): readonly HeldMessage[] {
    return this.batch?.messages ?? [{ number: this.number, record: this.record! }];
  }
}
