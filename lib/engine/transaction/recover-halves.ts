import { findProperty } from '../store/index.js';
import { HALF_TOPIC, OP_HALF_TOPIC, Property, type ServiceContext, type StoredRecord } from '../types/index.js';
import { readHalf } from './half-message.js';
import type { HalfProgress } from './half-progress.js';
import { readOpBody } from './op-message.js';
import type { PendingHalf } from './pending-half.js';

const BATCH_COUNT = 256;
const BATCH_BYTES = 1024 * 1024;

export interface RecoveredHalves {
  /** Without a decision. */
  readonly pending: readonly PendingHalf[];
  /** Half offsets of older records of pending transactions; their decisions are to be written. */
  readonly superseded: readonly number[];
}

/**
 * Finds the transactions without a decision: reads the op topic and then the half topic from the stored offsets on. Of a transaction with
 * several half records the last one counts: a crash came between a check-back's record and the decision of the one before it.
 */
export async function recoverHalves(context: ServiceContext, progress: HalfProgress): Promise<RecoveredHalves> {
  const stored = progress.stored();
  const halfOffset = within(context.store.queueRange(HALF_TOPIC, 0), stored.halfOffset);
  const opOffset = within(context.store.queueRange(OP_HALF_TOPIC, 0), stored.opOffset);
  progress.startAt(halfOffset, opOffset);

  const decided = new Set<number>();
  await readQueue(context, OP_HALF_TOPIC, opOffset, (op) => {
    const halfOffsets = readOpBody(op.body);
    for (const offset of halfOffsets) decided.add(offset);
    progress.decided(op.queueOffset, halfOffsets);
  });

  const pending = new Map<string, PendingHalf>();
  const superseded: number[] = [];
  await readQueue(context, HALF_TOPIC, halfOffset, (record) => {
    if (isDecided(record, decided)) {
      progress.foundDecided(record.queueOffset);
      return;
    }
    progress.opened(record.queueOffset);
    const half = readHalf(record);
    const older = pending.get(half.identity.transactionId);
    if (older !== undefined) superseded.push(older.place.queueOffset);
    pending.set(half.identity.transactionId, half);
  });
  progress.settle();
  return { pending: [...pending.values()], superseded };
}

/** A broker of RocketMQ's puts half messages back under their immunity time and decides the copy by the offset of the first record. */
function isDecided(half: StoredRecord, decided: ReadonlySet<number>): boolean {
  if (decided.has(half.queueOffset)) return true;
  const first = findProperty(half.propertiesText, Property.TRAN_PREPARED_QUEUE_OFFSET);
  return first !== undefined && decided.has(Number(first));
}

function within(range: { readonly minOffset: number; readonly maxOffset: number }, stored: number | undefined): number {
  return Math.min(Math.max(stored ?? 0, range.minOffset), range.maxOffset);
}

async function readQueue(
  context: ServiceContext,
  topic: string,
  from: number,
  visit: (record: StoredRecord) => void,
): Promise<void> {
  const { store, clock } = context;
  let offset = from;
  while (offset < store.queueRange(topic, 0).maxOffset) {
    const batch = await store.pull({
      topic,
      queueId: 0,
      offset,
      maxCount: BATCH_COUNT,
      maxBytes: BATCH_BYTES,
    });
    for (const record of batch.messages) visit(record);
    if (batch.nextOffset <= offset) return;
    offset = batch.nextOffset;
    // What is in memory comes without a turn of the event loop; the application gets one here.
    await new Promise<void>((resolve) => clock.defer(resolve));
  }
}
