import { RETRY_TOPIC_PREFIX, type ServiceContext, type StoredRecord } from '../../types/index.js';
import type { Deletion } from './loaded-slot.js';
import { formatRecallHandle } from './recall-handle.js';
import { readSlot } from './slot-reader.js';
import type { TimerIndex } from './timer-index.js';
import { keyHash } from './timer-key.js';
import { replacementBy, timerFacts, type TimerFacts } from './timer-message.js';
import { slotEndMs, slotStartMs } from './timer-time.js';

/** A message that waits for its time. */
export interface PendingTimer {
  /** The topic that it goes to. */
  readonly topic: string;
  readonly msgId: string;
  readonly deliverAtMs: number;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  readonly bornTimestamp: number;
  /** Undefined for a message that can not be recalled. */
  readonly recallHandle: string | undefined;
}

/** Most records that one listing reads. Those that are far ahead are read as well, before it is known how far. */
const MAX_READ_RECORDS = 4096;

/**
 * The messages that are due next, earliest first. What is due later than half a roll window from now stands elsewhere in the wheel than at its time, and
 * comes after the rest, as far as it was met.
 *
 * @throws StoreCorruptError when the index is damaged
 */
export async function listPending(
  context: ServiceContext,
  index: TimerIndex,
  maxCount: number,
): Promise<readonly PendingTimer[]> {
  const found: PendingTimer[] = [];
  let inTheirSlot = 0;
  let readRecords = 0;
  for (let slotSec = index.firstSlot(); slotSec !== undefined; slotSec = index.nextSlot(slotSec + 1)) {
    const { offsets, deletions } = await contentOf(index, slotSec, MAX_READ_RECORDS - readRecords);
    for (const offset of offsets) {
      readRecords += 1;
      const record = await context.store.readRecord(offset);
      const facts = record && timerFacts(record);
      if (facts === undefined || (await isReplaced(context, facts, offset, deletions))) continue;
      found.push(pendingTimer(record!, facts, context.brokerName));
      if (facts.dueMs <= slotEndMs(slotSec)) inTheirSlot += 1;
      if (inTheirSlot >= maxCount) break;
    }
    if (inTheirSlot >= maxCount || readRecords >= MAX_READ_RECORDS) break;
  }
  return found.toSorted((a, b) => a.deliverAtMs - b.deliverAtMs).slice(0, maxCount);
}

/** Offsets of the records of a slot, in the order of their times. */
async function contentOf(index: TimerIndex, slotSec: number, maxTimers: number) {
  while (!index.isResident([slotSec])) await index.load([slotSec]);
  const lastPosition = index.wheel.get(slotSec)?.lastPosition ?? -1;
  const done = index.deliveredOf(slotSec);
  const after = done && { msInSlot: done.dueMs - slotStartMs(slotSec), physicalOffset: done.physicalOffset };
  const { timersByMs, deletions } = await readSlot(index.log, { slotSec, lastPosition }, after, maxTimers);
  const offsets = timersByMs.flatMap((pairs) => pairs?.filter((_, i) => i % 2 === 0) ?? []);
  return { offsets, deletions };
}

async function isReplaced(
  { store }: ServiceContext,
  facts: TimerFacts,
  offset: number,
  deletions: ReadonlyMap<number, readonly Deletion[]>,
): Promise<boolean> {
  if (facts.key === undefined || deletions.size === 0) return false;
  for (const { physicalOffset } of deletions.get(keyHash(facts.key)) ?? []) {
    if (replacementBy(await store.readRecord(physicalOffset), facts, offset) !== undefined) return true;
  }
  return false;
}

function pendingTimer(record: StoredRecord, { realTopic, dueMs, key }: TimerFacts, brokerName: string): PendingTimer {
  const { msgId, tags, keys, bornTimestamp } = record;
  const canBeRecalled = key !== undefined && !realTopic.startsWith(RETRY_TOPIC_PREFIX);
  const handle = { topic: realTopic, brokerName, timestampMs: dueMs, uniqKey: msgId };
  const recallHandle = canBeRecalled ? formatRecallHandle(handle) : undefined;
  return { topic: realTopic, msgId, deliverAtMs: dueMs, tags, keys, bornTimestamp, recallHandle };
}
