import { StoreCorruptError } from '../../../errors/index.js';
import type { FileSystem } from '../../types/index.js';
import { PendingCounts } from './pending-counts.js';
import type { DoneUpTo, SlotProgress } from './timer-checkpoint.js';
import { TimerLog } from './timer-log.js';
import type { TimerOptions } from './timer-options.js';
import { slotEndMs, slotOf, slotStartMs } from './timer-time.js';
import { UnitMagic, unitPhysicalOffset, writeUnit, type TimerUnit } from './timer-unit.js';
import { TimerWheel, WHEEL_SLOTS } from './timer-wheel.js';

/** Where the index keeps its files. */
export interface TimerFiles {
  readonly fileSystem: FileSystem;
  /** The store's directory: `timerwheel`, `timerlog/`, `config/timercheck` and `config/timermetrics` are in it. */
  readonly path: string;
}

/** Where in the wheel a record belongs. */
export interface TimerPlace {
  readonly slotSec: number;
  readonly msInSlot: number;
}

/** How far the deliveries of a slot have got. It is kept until the slot's second is over, also when the slot is empty meanwhile. */
interface SlotState {
  /** Everything that was due before this millisecond of the slot has been taken out of it. */
  takenMs: number;
  /** The last timer of the slot that was delivered. */
  delivered: { readonly dueMs: number; readonly physicalOffset: number } | undefined;
  /** A timer that was due before {@link takenMs} came after it. */
  hasLate: boolean;
}

/**
 * Which timers wait for which second: the wheel, the timer log and the counts as one thing. Everything in it is derived from the timer topic, and what is
 * pending is exactly what can be reached from the wheel: a slot that is done is emptied.
 *
 * Invariant: all filled slots lie between `#firstSec` and `#lastSec`, and these less than one turn of the wheel apart.
 */
export class TimerIndex {
  readonly fileSystem: FileSystem;
  readonly wheel: TimerWheel;
  readonly log: TimerLog;
  readonly counts: PendingCounts;
  readonly configDirectory: string;
  readonly checkpointPath: string;
  readonly rollWindowMs: number;
  /** Messages of the timer topic before this offset are in the index. */
  queueOffset = 0;
  /** No timer is put into an earlier slot than this. Finite while the index catches up: then what is overdue by more fits into one turn of the wheel. */
  lowestSlot = -Infinity;
  #firstSec = Infinity;
  #lastSec = -Infinity;
  readonly #states = new Map<number, SlotState>();
  /** What was done when the index was opened, or made again. The slots know less: their progress goes with them. */
  #wasDone: DoneUpTo | undefined;
  #onChange: () => void = () => undefined;

  constructor({ fileSystem, path }: TimerFiles, options: TimerOptions) {
    this.fileSystem = fileSystem;
    this.configDirectory = `${path}/config`;
    this.checkpointPath = `${this.configDirectory}/timercheck`;
    this.wheel = new TimerWheel(`${path}/timerwheel`, fileSystem);
    this.log = new TimerLog(`${path}/timerlog`, options.mappedFileSizeTimerLogBytes, fileSystem);
    this.counts = new PendingCounts(fileSystem, this.configDirectory);
    this.rollWindowMs = options.timerRollWindowMs;
  }

  /** Called after each change, before anything is on the disk. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  /** Takes over what {@link TimerWheel.open} found. */
  restore(firstSec: number, lastSec: number): void {
    this.#firstSec = firstSec;
    this.#lastSec = lastSec;
  }

  restoreProgress(partSlots: readonly SlotProgress[]): void {
    for (const { slotSec, hasLate, ...delivered } of partSlots) {
      this.#states.set(slotSec, { takenMs: delivered.dueMs - slotStartMs(slotSec), delivered, hasLate });
    }
  }

  /** Says that what was put into the index before is done up to there. */
  restoreDone(done: DoneUpTo): void {
    this.#wasDone = done;
  }

  /** Says that a timer is in the index that is not done. */
  onPending(lookMs: number, physicalOffset: number): void {
    // It came after others that were due later.
    if (this.#wasDone !== undefined && !isBefore(this.#wasDone, { lookMs, physicalOffset })) this.#wasDone = undefined;
  }

  /** The first slot that holds timers. */
  firstSlot(): number | undefined {
    const first = this.wheel.next(this.#firstSec, this.#lastSec);
    this.#firstSec = first ?? Infinity;
    if (first === undefined) this.#lastSec = -Infinity;
    return first;
  }

  /** The first slot from `fromSec` on that holds timers. */
  nextSlot(fromSec: number): number | undefined {
    return this.wheel.next(Math.max(fromSec, this.#firstSec), this.#lastSec);
  }

  /** The last slot that may hold timers; −1 when none does. */
  get lastSlot(): number {
    return this.#lastSec < 0 ? -1 : this.#lastSec;
  }

  /** False for a time that is more than a turn of the wheel after the first slot: it has room when the slots before it are done. */
  hasRoomFor(place: TimerPlace): boolean {
    return place.slotSec < this.#firstSec + WHEEL_SLOTS;
  }

  /**
   * The place of a record that is to be looked at `lookMs`. What comes too late for its millisecond, because the slot's deliveries are past it, gets the one
   * at which they are.
   */
  placeOf(lookMs: number): TimerPlace {
    // Beyond the last slot only if a wall clock went back by days: the timer then waits for the first slot that is free for it.
    const slotSec = Math.max(slotOf(lookMs), this.#lastSec - WHEEL_SLOTS + 1, this.lowestSlot);
    const msInSlot = Math.max(1, lookMs - slotStartMs(slotSec));
    const state = this.#states.get(slotSec);
    if (state === undefined || msInSlot >= state.takenMs) return { slotSec, msInSlot };
    state.hasLate = true;
    return { slotSec, msInSlot: state.takenMs };
  }

  /** True when all these slots can be read and written now. */
  isResident(slots: readonly number[]): boolean {
    return slots.every((slotSec) => this.wheel.isResident(slotSec));
  }

  /** Reads what is missing of these slots. They can go again before the caller's next step, so ask {@link isResident} once more. */
  async load(slots: readonly number[]): Promise<void> {
    const missing = slots.filter((slotSec) => !this.wheel.isResident(slotSec));
    await Promise.all(missing.map((slotSec) => this.wheel.load(slotSec)));
  }

  /** Adds a unit. Its slot is resident, and there is room for it. */
  add(unit: TimerUnit, nowMs: number): void {
    const { slotSec } = unit;
    const slot = this.wheel.get(slotSec);
    const position = this.log.append((bytes, at) => writeUnit(bytes, at, unit, slot?.lastPosition ?? -1, nowMs));
    this.wheel.put(slotSec, {
      firstPosition: slot?.firstPosition ?? position,
      lastPosition: position,
      count: (slot?.count ?? 0) + ((unit.magic & UnitMagic.DELETE) === 0 ? 1 : -1),
    });
    this.#firstSec = Math.min(this.#firstSec, slotSec);
    this.#lastSec = Math.max(this.#lastSec, slotSec);
    this.#onChange();
  }

  /**
   * Says that the index has got to this record, which has no place in it: with a unit of no timer, in a slot that the wheel does not have and nobody reads. A real broker
   * takes the record of the log's last unit for the last one that is in the index, and would deliver again what is done behind it. To be called while
   * {@link lowestSlot} is finite.
   */
  mark(record: { readonly commitLogOffset: number; readonly storeSize: number }, nowMs: number): void {
    const unit: TimerUnit = {
      slotSec: this.lowestSlot - 1,
      msInSlot: 1,
      magic: UnitMagic.DEFAULT,
      physicalOffset: record.commitLogOffset,
      sizeBytes: record.storeSize,
      topicHash: 0,
      keyHash: 0,
      counted: false,
    };
    this.log.append((bytes, at) => writeUnit(bytes, at, unit, -1, nowMs));
    this.#onChange();
  }

  /** Empties a slot all of whose timers are done. The slot is resident. */
  remove(slotSec: number, nowMs: number): void {
    this.wheel.delete(slotSec);
    for (const known of this.#states.keys()) {
      if (slotEndMs(known) <= nowMs && !this.wheel.has(known)) this.#states.delete(known);
    }
    this.#onChange();
  }

  /** Says that timers of the slot up to this millisecond have been taken out. */
  onTaken(slotSec: number, msInSlot: number): void {
    const state = this.#states.get(slotSec);
    if (state === undefined) this.#states.set(slotSec, { takenMs: msInSlot, delivered: undefined, hasLate: false });
    else state.takenMs = Math.max(state.takenMs, msInSlot);
  }

  /** Says that the slot is delivered up to this timer, durably. */
  onDelivered(slotSec: number, dueMs: number, physicalOffset: number): void {
    const state = this.#states.get(slotSec);
    if (state === undefined) return;
    state.delivered = { dueMs, physicalOffset };
    this.#onChange();
  }

  /** True for a timer of the slot that was taken out when it was due. It may stand in the slot's chain still, and a clock that goes back does not make it wait again. */
  isTaken(slotSec: number, dueMs: number): boolean {
    const state = this.#states.get(slotSec);
    return state !== undefined && dueMs - slotStartMs(slotSec) <= state.takenMs;
  }

  /** The last timer of the slot that was delivered. */
  deliveredOf(slotSec: number): { readonly dueMs: number; readonly physicalOffset: number } | undefined {
    return this.#states.get(slotSec)?.delivered;
  }

  partSlots(): SlotProgress[] {
    return [...this.#states].flatMap(([slotSec, { delivered, hasLate }]) =>
      delivered === undefined ? [] : { slotSec, ...delivered, hasLate },
    );
  }

  /** Up to where everything is delivered, or put back. */
  doneUpTo(nowMs: number): DoneUpTo {
    const done = this.#doneBySlots(nowMs);
    return this.#wasDone !== undefined && isBefore(done, this.#wasDone) ? this.#wasDone : done;
  }

  #doneBySlots(nowMs: number): DoneUpTo {
    const first = this.firstSlot();
    const allUntil = (lookMs: number): DoneUpTo => ({ lookMs, physicalOffset: Number.MAX_SAFE_INTEGER });
    if (first === undefined || slotStartMs(first) >= nowMs) return allUntil(nowMs);
    const state = this.#states.get(first);
    // A late timer waits at a place after those that were due later.
    if (state?.delivered === undefined || state.hasLate) return allUntil(slotStartMs(first));
    return { lookMs: state.delivered.dueMs, physicalOffset: state.delivered.physicalOffset };
  }

  /**
   * Commit log offset before which no pending record lies: units stand in the order of their records. Undefined when none is pending, 0 when the index is
   * damaged.
   */
  async oldestRecord(): Promise<number | undefined> {
    const first = this.firstSlot();
    if (first === undefined) return undefined;
    const oldest = await this.wheel.oldestUnit(first, this.lastSlot);
    if (oldest === undefined) return 0;
    let physicalOffset = 0;
    try {
      await this.log.walk(oldest.slotSec, oldest.position, (bytes, at) => {
        physicalOffset = unitPhysicalOffset(bytes, at);
        return false;
      });
    } catch (error) {
      if (!(error instanceof StoreCorruptError)) throw error;
    }
    return physicalOffset;
  }

  /** Forgets everything, on disk as well. */
  async clear(): Promise<void> {
    await this.log.clear();
    await this.wheel.clear();
    this.counts.clear();
    this.#states.clear();
    this.#wasDone = undefined;
    this.#firstSec = Infinity;
    this.#lastSec = -Infinity;
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.wheel.close();
  }
}

function isBefore(a: DoneUpTo, b: DoneUpTo): boolean {
  return a.lookMs < b.lookMs || (a.lookMs === b.lookMs && a.physicalOffset < b.physicalOffset);
}
