import {
  findProperty,
  formatProperties,
  formatProperty,
  MAX_PROPERTIES_BYTES,
  parseProperties,
  redraft,
} from '../store/index.js';
import {
  HALF_TOPIC,
  Property,
  SysFlag,
  TRANS_CHECK_MAX_TIME_TOPIC,
  type MessageExt,
  type RecordDraft,
  type StoredRecord,
} from '../types/index.js';
import { PendingHalf, type KeptHalf } from './pending-half.js';

// What a half message is as a record, and what becomes of it (RocketMQ: TransactionalMessageBridge, EndTransactionProcessor).

const IS_PREPARED = formatProperty(Property.TRANSACTION_PREPARED, 'true');

/**
 * The draft as a half message. Its type bits are cleared as in RocketMQ, so it is an ordinary record with a number in the half topic. A delay is dropped:
 * transactions and delay levels exclude each other.
 */
export function toHalf(draft: RecordDraft, transactionId: string, producerGroup: string): RecordDraft {
  return {
    topic: HALF_TOPIC,
    queueId: 0,
    body: draft.body,
    properties:
      (draft.delayLevel > 0 ? withoutDelay(draft.properties) : draft.properties) +
      IS_PREPARED +
      formatProperty(Property.PRODUCER_GROUP, producerGroup) +
      formatProperty(Property.TRANSACTION_ID, transactionId) +
      formatProperty(Property.REAL_TOPIC, draft.topic) +
      formatProperty(Property.REAL_QUEUE_ID, String(draft.queueId)),
    tags: draft.tags,
    keys: draft.keys,
    uniqKey: draft.uniqKey,
    delayLevel: 0,
    flag: draft.flag,
    sysFlag: draft.sysFlag & ~SysFlag.TRANSACTION_TYPE,
    bornTimestampMs: draft.bornTimestampMs,
    bornHost: draft.bornHost,
    reconsumeTimes: draft.reconsumeTimes,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
  };
}

function withoutDelay(propertiesText: string): string {
  const properties = parseProperties(propertiesText);
  delete properties[Property.DELAY];
  return formatProperties(properties);
}

/**
 * The message that a commit makes visible. TRAN_MSG, REAL_TOPIC and REAL_QID stay in the property text: RocketMQ clears them in memory
 * only, after the text is built.
 *
 * @param kept spares reading the half message's properties. Its body does not count: its sender may have changed it since.
 */
export function toCommitted(half: StoredRecord, kept: KeptHalf | undefined): RecordDraft {
  if (kept === undefined) return readCommitted(half);
  const { draft, propertiesText } = kept;
  return {
    topic: draft.topic,
    queueId: draft.queueId,
    body: half.storedBody,
    properties: propertiesText,
    tags: draft.tags,
    keys: draft.keys,
    uniqKey: draft.uniqKey,
    delayLevel: 0,
    flag: draft.flag,
    sysFlag: (draft.sysFlag & ~SysFlag.TRANSACTION_TYPE) | SysFlag.TRANSACTION_COMMIT,
    bornTimestampMs: draft.bornTimestampMs,
    bornHost: draft.bornHost,
    reconsumeTimes: draft.reconsumeTimes,
    preparedTransactionOffset: half.commitLogOffset,
    waitStoreMsgOK: true,
  };
}

function readCommitted(half: StoredRecord): RecordDraft {
  const { topic, queueId } = destinationOf(half);
  return {
    ...redraft(half, topic, queueId),
    sysFlag: (half.sysFlag & ~SysFlag.TRANSACTION_TYPE) | SysFlag.TRANSACTION_COMMIT,
    preparedTransactionOffset: half.commitLogOffset,
  };
}

/** The half message once more, with the number of the check-back that it is stored for, so that the count survives a restart. */
export function toRenewed(half: StoredRecord, checkTimes: number): RecordDraft {
  const properties = parseProperties(half.propertiesText);
  properties[Property.TRANSACTION_CHECK_TIMES] = String(checkTimes);
  const text = formatProperties(properties);
  const draft = redraft(half, HALF_TOPIC, 0);
  // A text at its limit has no room for the number: then it is counted in memory alone.
  return Buffer.byteLength(text) > MAX_PROPERTIES_BYTES ? draft : { ...draft, properties: text };
}

/** The copy of a half message that was asked about too often, for someone to look at. */
export function toSetAside(half: StoredRecord): RecordDraft {
  return redraft(half, TRANS_CHECK_MAX_TIME_TOPIC, 0);
}

/** A half message as its producer knows it: with the topic and the queue that it was sent to. */
export function halfView(half: StoredRecord): MessageExt {
  const { topic, queueId } = destinationOf(half);
  return {
    topic,
    queueId,
    body: half.body,
    tags: half.tags,
    keys: half.keys,
    properties: half.properties,
    flag: half.flag,
    msgId: half.msgId,
    offsetMsgId: half.offsetMsgId,
    brokerName: half.brokerName,
    queueOffset: half.queueOffset,
    commitLogOffset: half.commitLogOffset,
    storeSize: half.storeSize,
    sysFlag: half.sysFlag,
    bodyCRC: half.bodyCRC,
    bornTimestamp: half.bornTimestamp,
    bornHost: half.bornHost,
    storeTimestamp: half.storeTimestamp,
    storeHost: half.storeHost,
    reconsumeTimes: half.reconsumeTimes,
    preparedTransactionOffset: half.preparedTransactionOffset,
    transactionId: half.transactionId,
  };
}

/** What is kept of a half message that is read back from the half topic. */
export function readHalf(half: StoredRecord): PendingHalf {
  const text = half.propertiesText;
  const checkTimes = Number(findProperty(text, Property.TRANSACTION_CHECK_TIMES) ?? 0);
  return new PendingHalf(
    {
      transactionId: findProperty(text, Property.TRANSACTION_ID) ?? half.msgId,
      producerGroup: findProperty(text, Property.PRODUCER_GROUP) ?? '',
      topic: destinationOf(half).topic,
      immunityMs: immunityMs(text),
    },
    {
      queueOffset: half.queueOffset,
      physicalOffset: half.commitLogOffset,
      storeTimestampMs: half.storeTimestamp,
      checkTimes: Number.isSafeInteger(checkTimes) && checkTimes > 0 ? checkTimes : 0,
    },
    false,
  );
}

/** CHECK_IMMUNITY_TIME_IN_SECONDS in milliseconds; what is not a number, and −1, leave it to the broker (`getImmunityTime`). */
export function immunityMs(propertiesText: string): number | undefined {
  const text = findProperty(propertiesText, Property.CHECK_IMMUNITY_TIME_IN_SECONDS);
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) * 1000 : undefined;
}

function destinationOf(half: StoredRecord): { readonly topic: string; readonly queueId: number } {
  const queueId = findProperty(half.propertiesText, Property.REAL_QUEUE_ID);
  return {
    topic: findProperty(half.propertiesText, Property.REAL_TOPIC) ?? half.storedTopic,
    queueId: queueId !== undefined && /^\d{1,9}$/.test(queueId) ? Number(queueId) : 0,
  };
}
