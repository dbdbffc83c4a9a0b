import type { StoredRecord } from '../types/index.js';

/**
 * The same record with another attempt number, for attempts that are made without storing the message again. Its fields are copied and not
 * inherited, because a record may keep what it is made of where only its own methods reach it.
 */
export function withReconsumeTimes(record: StoredRecord, reconsumeTimes: number): StoredRecord {
  return {
    topic: record.topic,
    storedTopic: record.storedTopic,
    // Asked for only when needed: it may have to be inflated, and that may fail.
    get body(): Buffer {
      return record.body;
    },
    storedBody: record.storedBody,
    tags: record.tags,
    keys: record.keys,
    properties: record.properties,
    propertiesText: record.propertiesText,
    flag: record.flag,
    msgId: record.msgId,
    offsetMsgId: record.offsetMsgId,
    brokerName: record.brokerName,
    queueId: record.queueId,
    queueOffset: record.queueOffset,
    commitLogOffset: record.commitLogOffset,
    storeSize: record.storeSize,
    sysFlag: record.sysFlag,
    bodyCRC: record.bodyCRC,
    bornTimestamp: record.bornTimestamp,
    bornHost: record.bornHost,
    bornHostBytes: record.bornHostBytes,
    storeTimestamp: record.storeTimestamp,
    storeHost: record.storeHost,
    reconsumeTimes,
    preparedTransactionOffset: record.preparedTransactionOffset,
    transactionId: record.transactionId,
  };
}
