import { StoreCorruptError, StoreFormatError } from '../../../errors/index.js';
import { readTimerCheckpoint, type DoneUpTo, type OwnCheckpoint, type TimerCheckpoint } from './timer-checkpoint.js';
import type { TimerIndex } from './timer-index.js';
import { lookTimeMs, SLOT_MS } from './timer-time.js';
import { unitIsDelete } from './timer-unit.js';
import { WHEEL_SLOTS, type Slot } from './timer-wheel.js';

/** The index is to be made again from the timer topic. */
export interface Rebuild {
  readonly reason: string;
  /** Messages of the timer topic from this offset on had not been in the index. */
  readonly untilOffset: number;
  /** True for a record before {@link untilOffset} that was delivered, or put back into the timer topic. */
  readonly isDone: (dueMs: number, storedMs: number, physicalOffset: number) => boolean;
  /** The same for the index to go on with; undefined when that is not known. */
  readonly done: DoneUpTo | undefined;
}

export interface OpenedIndex {
  /** Number of the last checkpoint. */
  readonly generation: number;
  /** Undefined: the index goes on where it was. */
  readonly rebuild: Rebuild | undefined;
}

/** A real broker's clock may be a little ahead; a time that is further in the future is not a time. */
const MAX_CLOCK_SKEW_MS = 60_000;

/**
 * Opens the index as the last checkpoint describes it. An index that is not there, does not fit, or was last written by a real broker is to be made again.
 *
 * @param range of the timer topic's queue
 */
export async function openIndex(
  index: TimerIndex,
  range: { readonly minOffset: number; readonly maxOffset: number },
  nowMs: number,
): Promise<OpenedIndex> {
  await index.fileSystem.makeDirectory(index.configDirectory);
  const checkpoint = await readTimerCheckpoint(index.fileSystem, index.checkpointPath);
  const own = checkpoint?.own;
  const fault = own === undefined ? whoseFault(checkpoint) : await faultOf(index, checkpoint!, own, range.maxOffset);
  const generation = checkpoint?.generation ?? 0;
  index.queueOffset = Math.max(checkpoint?.queueOffset ?? 0, range.minOffset);
  if (fault === undefined) return { generation, rebuild: undefined };
  return { generation, rebuild: rebuildFrom(index, checkpoint, fault, nowMs) };
}

/** @returns what is wrong; undefined when the index was opened */
async function faultOf(
  index: TimerIndex,
  checkpoint: TimerCheckpoint,
  own: OwnCheckpoint,
  maxOffset: number,
): Promise<string | undefined> {
  const { wheel, log, counts } = index;
  const firstSec = checkpoint.readMs / SLOT_MS;
  const isFilled = own.lastSlotSec >= firstSec;
  if (!Number.isSafeInteger(firstSec) || own.lastSlotSec - firstSec >= WHEEL_SLOTS) return 'its checkpoint is damaged';
  // The log lost its end in a power cut (ASYNC_FLUSH), or is an older copy: other messages come under those offsets.
  if (checkpoint.queueOffset > maxOffset) return 'it is ahead of the log';
  if (isFilled && !(await wheel.isWhole())) return 'the timer wheel is missing or of another size';
  try {
    if (!(await log.open(checkpoint.logPosition))) return 'the timer log is missing or too short';
    if (!(await counts.read(checkpoint.generation))) return 'the pending counts are missing';
    if (isFilled) {
      const fault = await openWheel(index, firstSec, own.lastSlotSec, checkpoint.logPosition);
      if (fault !== undefined) return fault;
      index.restore(firstSec, own.lastSlotSec);
    }
    index.restoreProgress(own.partSlots);
    if (own.rollWindowMs === index.rollWindowMs) index.restoreDone(own.done);
    await log.cutTail();
    return undefined;
  } catch (error) {
    if (error instanceof StoreCorruptError || error instanceof StoreFormatError) return error.message;
    throw error;
  }
}

/**
 * Slots may have been written after the checkpoint, before the next one was complete: they get back the units that they had.
 */
async function openWheel(
  index: TimerIndex,
  firstSec: number,
  lastSec: number,
  logPosition: number,
): Promise<string | undefined> {
  const { wheel } = index;
  const ahead: [number, Slot][] = [];
  const isSound = await wheel.open(firstSec, lastSec, (slotSec, slot) => {
    if (slot.lastPosition >= logPosition) ahead.push([slotSec, slot]);
  });
  if (!isSound) return 'the timer wheel is damaged';
  for (const [slotSec, slot] of ahead) {
    const restored = await withoutUnitsFrom(index, slotSec, slot, logPosition);
    while (!index.isResident([slotSec])) await index.load([slotSec]);
    if (restored === undefined) wheel.delete(slotSec);
    else wheel.put(slotSec, restored);
  }
  return undefined;
}

async function withoutUnitsFrom(
  index: TimerIndex,
  slotSec: number,
  slot: Slot,
  logPosition: number,
): Promise<Slot | undefined> {
  if (slot.firstPosition >= logPosition) return undefined;
  let { lastPosition, count } = slot;
  await index.log.walk(slotSec, slot.lastPosition, (bytes, at, position) => {
    lastPosition = position;
    if (position < logPosition) return false;
    count += unitIsDelete(bytes, at) ? 1 : -1;
    return true;
  });
  return { firstPosition: slot.firstPosition, lastPosition, count };
}

function whoseFault(checkpoint: TimerCheckpoint | undefined): string {
  return checkpoint === undefined ? 'its checkpoint is missing' : 'a broker of Apache RocketMQ wrote it last';
}

function rebuildFrom(
  index: TimerIndex,
  checkpoint: TimerCheckpoint | undefined,
  reason: string,
  nowMs: number,
): Rebuild {
  // Without our check sum, a time that is no whole second is taken for damage.
  const isTrusted = checkpoint?.own !== undefined || (checkpoint?.readMs ?? 0) % SLOT_MS === 0;
  if (checkpoint === undefined || !isTrusted || checkpoint.readMs > nowMs + MAX_CLOCK_SKEW_MS) {
    return { reason, untilOffset: 0, isDone: () => false, done: undefined };
  }
  const { own, readMs, queueOffset: untilOffset } = checkpoint;
  if (own === undefined || own.rollWindowMs !== index.rollWindowMs) {
    // Where the others look at a record before it is due is not known here, so only what was due is surely done.
    const doneMs = own === undefined ? readMs : own.done.lookMs - 1;
    return { reason, untilOffset, isDone: (dueMs) => dueMs <= doneMs, done: undefined };
  }
  return ownRebuild(reason, untilOffset, own.done, index.rollWindowMs);
}

/** For an index of ours that was done with everything up to `done`. */
export function ownRebuild(reason: string, untilOffset: number, done: DoneUpTo, rollWindowMs: number): Rebuild {
  const isDone: Rebuild['isDone'] = (dueMs, storedMs, physicalOffset) => {
    const lookMs = lookTimeMs(dueMs, storedMs, rollWindowMs);
    return lookMs < done.lookMs || (lookMs === done.lookMs && physicalOffset <= done.physicalOffset);
  };
  return { reason, untilOffset, isDone, done };
}
