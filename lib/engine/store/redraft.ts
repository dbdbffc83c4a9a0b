import { Property, type RecordDraft, type StoredRecord } from '../types/index.js';
import { findProperty } from './message-properties.js';

/**
 * A stored record as a draft for another queue. The body stays as stored: a compressed one keeps its bytes and the bits of its
 * sysFlag, so nothing is inflated only to be stored again. The append waits for the disk, whatever the sender's WAIT
 * property says: the record's former place is given up once the new one is safe.
 */
export function redraft(record: StoredRecord, topic: string, queueId: number): RecordDraft {
  return {
    topic,
    queueId,
    body: record.storedBody,
    properties: record.propertiesText,
    tags: record.tags,
    keys: record.keys,
    uniqKey: findProperty(record.propertiesText, Property.UNIQ_KEY),
    delayLevel: 0,
    flag: record.flag,
    sysFlag: record.sysFlag,
    bornTimestampMs: record.bornTimestamp,
    bornHost: record.bornHostBytes,
    reconsumeTimes: record.reconsumeTimes,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
  };
}
