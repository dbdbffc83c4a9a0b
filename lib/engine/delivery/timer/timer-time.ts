/**
 * How a time of delivery becomes a place in the wheel. A slot is one second, named by its number s since 1970, and holds what is due in
 * (s·1000, s·1000 + 1000]: RocketMQ empties it when that second is over, so its messages are never early there, and here they are due
 * at their own millisecond 1 to 1000 of it.
 */
export const SLOT_MS = 1000;

export const slotOf = (timeMs: number): number => Math.ceil(timeMs / SLOT_MS) - 1;
/** The slot's place in time as RocketMQ writes it: TIMER_OUT_MS. Nothing in the slot is due at or before it. */
export const slotStartMs = (slotSec: number): number => slotSec * SLOT_MS;
/** The last millisecond at which something in the slot is due. */
export const slotEndMs = (slotSec: number): number => slotSec * SLOT_MS + SLOT_MS;

/**
 * When the index has to look at a record: when it is due, or, if that is later than one roll window after it was stored, at a time before that
 * at which it is put back into the timer topic.
 *
 * Those times lie half a window apart, counted back from the time of delivery, and depend on the record alone. So a rebuild finds the same place, and
 * whoever knows only the time of delivery (a recall) knows the few slots in which the record can be.
 */
export function lookTimeMs(dueMs: number, storedMs: number, rollWindowMs: number): number {
  const beyondMs = dueMs - storedMs - rollWindowMs;
  if (beyondMs <= 0) return dueMs;
  const stepMs = rollWindowMs / 2;
  return dueMs - Math.ceil(beyondMs / stepMs) * stepMs;
}

/**
 * Slots in which a message with this time of delivery can be, from `fromMs` on, if it was stored before `storedMs`: latest first. Half a window more than that is for a
 * clock that went back meanwhile.
 */
export function possibleSlots(dueMs: number, fromMs: number, storedMs: number, rollWindowMs: number): number[] {
  const stepMs = rollWindowMs / 2;
  const untilMs = storedMs + rollWindowMs + stepMs;
  const slots: number[] = [];
  const dueSlot = slotOf(dueMs);
  const firstStep = Math.max(0, Math.ceil((dueMs - untilMs) / stepMs));
  for (let slot = dueSlot - (firstStep * stepMs) / SLOT_MS; ; slot -= stepMs / SLOT_MS) {
    if (slot !== dueSlot && slotEndMs(slot) < fromMs) return slots;
    slots.push(slot);
  }
}
