import { InvalidOptionError } from '../../errors/index.js';
import type { MessageStore, QueueEntry, StoredRecord } from '../types/index.js';

/** Address of 4 or 16 bytes, port of 4, offset of 8, in hex. */
const OFFSET_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{56})$/i;
const OFFSET_DIGITS = 16;
/** What reading at a place says where no record begins. */
const NO_RECORD_CODES: ReadonlySet<unknown> = new Set([
  'STORE_CORRUPT',
  'ERR_OUT_OF_RANGE',
  'ERR_BUFFER_OUT_OF_BOUNDS',
]);

/**
 * The record at a place that is not known to be one: an id of a caller, or what a damaged index says. Undefined when no record begins there.
 */
export async function recordAt(store: MessageStore, physicalOffset: number): Promise<StoredRecord | undefined> {
  if (!Number.isSafeInteger(physicalOffset)) return undefined;
  try {
    const record = await store.readRecord(physicalOffset);
    return record?.commitLogOffset === physicalOffset ? record : undefined;
  } catch (error) {
    if (NO_RECORD_CODES.has((error as { code?: unknown } | null)?.code)) return undefined;
    throw error;
  }
}

/** The record of a queue's entry; undefined when retention has removed it. */
export async function recordOf(store: MessageStore, entry: QueueEntry | undefined): Promise<StoredRecord | undefined> {
  return entry && store.readRecord(entry.physicalOffset);
}

/** @throws InvalidOptionError for what is no offset id */
export async function recordOfOffsetId(store: MessageStore, offsetMsgId: unknown): Promise<StoredRecord | undefined> {
  if (typeof offsetMsgId !== 'string' || !OFFSET_ID.test(offsetMsgId)) {
    const expected = 'an offset id: 32 hex digits, or 56 where the broker has an IPv6 address';
    throw new InvalidOptionError({ option: 'offsetMsgId', value: offsetMsgId, expected });
  }
  const record = await recordAt(store, Number.parseInt(offsetMsgId.slice(-OFFSET_DIGITS), 16));
  // The id of a message of another broker has another address.
  return record?.offsetMsgId === offsetMsgId.toUpperCase() ? record : undefined;
}
