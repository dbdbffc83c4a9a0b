import type { Clock, StoredRecord, TimerHandle } from '../types/index.js';
import type { Batch } from './batch.js';
import { HandlerSlot, type SlotOwner } from './handler-slot.js';
import type { Lane } from './lane.js';

/** Who has handlers in the slots. */
export interface SlotsOwner extends SlotOwner {
  /** A handler has run for `runMs`, which is too long. The slot is released, or it is told again after the same time. */
  handlerOverdue(slot: HandlerSlot, runMs: number): void;
}

/** The handlers of one subscription of a member that are running on promises, and since when. */
export class HandlerSlots {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #owner: SlotsOwner;
  readonly #busy: HandlerSlot[] = [];
  readonly #free: HandlerSlot[] = [];
  /** Fires when the handler that has run longest may have taken too long. One timer for all: most handlers end long before. */
  #timer: TimerHandle | undefined;

  /** @param timeoutMs after which a handler is overdue */
  constructor(clock: Clock, timeoutMs: number, owner: SlotsOwner) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#owner = owner;
  }

  /**
   * @param record of a single message; undefined with a batch
   * @param startedMs when the handler was called, by the monotonic clock
   */
  take(
    lane: Lane,
    number: number,
    record: StoredRecord | undefined,
    batch: Batch | undefined,
    startedMs: number,
  ): HandlerSlot {
    const slot = this.#free.pop() ?? new HandlerSlot(this.#owner);
    slot.lane = lane;
    slot.number = number;
    slot.record = record;
    slot.batch = batch;
    slot.startedMs = startedMs;
    slot.dueMs = slot.startedMs + this.#timeoutMs;
    slot.isOverdue = false;
    slot.index = this.#busy.length;
    this.#busy.push(slot);
    this.#timer ??= this.#clock.setTimer(this.#lookForOverdue, this.#timeoutMs);
    return slot;
  }

  /** The slot's handler has ended: the slot is used again. */
  release(slot: HandlerSlot): void {
    this.#remove(slot);
    this.#free.push(slot);
  }

  /** The slot's handler may still answer, so the slot is not used again. */
  abandon(slot: HandlerSlot): void {
    slot.abandoned = true;
    this.#remove(slot);
  }

  /** Takes all slots that are busy out of use. */
  takeAll(): readonly HandlerSlot[] {
    this.#timer?.cancel();
    this.#timer = undefined;
    const taken = this.#busy.splice(0);
    for (const slot of taken) slot.abandoned = true;
    return taken;
  }

  #remove(slot: HandlerSlot): void {
    const last = this.#busy.pop()!;
    if (last !== slot) {
      this.#busy[slot.index] = last;
      last.index = slot.index;
    }
    slot.lane = undefined;
    slot.record = undefined;
    slot.batch = undefined;
  }

  readonly #lookForOverdue = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const slot of this.#busy.filter(({ dueMs }) => dueMs <= nowMs)) {
      slot.dueMs = nowMs + this.#timeoutMs;
      this.#owner.handlerOverdue(slot, nowMs - slot.startedMs);
    }
    const nextMs = this.#busy.reduce((least, { dueMs }) => Math.min(least, dueMs), Infinity);
    if (nextMs !== Infinity) this.#timer ??= this.#clock.setTimer(this.#lookForOverdue, nextMs - nowMs);
  };
}
