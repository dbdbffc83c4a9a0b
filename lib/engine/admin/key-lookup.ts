import { UnsupportedByEngineError } from '../../errors/index.js';
import { Property, type StoredRecord } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { recordAt } from './record-lookup.js';

export interface KeyLookup {
  readonly topic: string;
  readonly key: string;
  readonly maxCount: number;
  readonly beginMs: number;
  readonly endMs: number;
}

/** The youngest records of a topic with a word in KEYS, youngest first. @throws UnsupportedByEngineError */
export function recordsByKey(parts: AdminParts, lookup: KeyLookup): Promise<readonly StoredRecord[]> {
  return lookUp(parts, lookup, ({ keys }) => keys?.split(' ').includes(lookup.key) === true);
}

/** The youngest records of a topic with a unique id, youngest first. @throws UnsupportedByEngineError */
export function recordsByUniqueId(
  parts: AdminParts,
  topic: string,
  msgId: string,
  maxCount = 1,
): Promise<readonly StoredRecord[]> {
  const lookup = { topic, key: msgId, maxCount, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
  return lookUp(parts, lookup, ({ properties }) => properties[Property.UNIQ_KEY] === msgId);
}

/** The index knows hashes and seconds; what it names is read and looked at. */
async function lookUp(
  { context, store }: AdminParts,
  lookup: KeyLookup,
  hasKey: (record: StoredRecord) => boolean,
): Promise<readonly StoredRecord[]> {
  if (store.keyIndex === undefined) {
    throw new UnsupportedByEngineError({
      feature: 'looking for messages by key while store.messageIndexEnable is false',
    });
  }
  const found: StoredRecord[] = [];
  await store.keyIndex.query(lookup, async (physicalOffset) => {
    const record = await recordAt(context.store, physicalOffset);
    if (record === undefined || record.storedTopic !== lookup.topic || !hasKey(record)) return false;
    // A topic of the same name that was deleted before this one was made.
    if (store.isOfDeletedTopic(record.storedTopic, physicalOffset)) return false;
    if (record.storeTimestamp < lookup.beginMs || record.storeTimestamp > lookup.endMs) return false;
    found.push(record);
    return true;
  });
  return found;
}
