import { formatProperty } from '../store/index.js';
import { OP_HALF_TOPIC, Property, type RecordDraft } from '../types/index.js';

/**
 * An op message says which half messages are decided. Its body is their offsets in the half topic as text, `7,8,12,`; its tag is `d`
 * (RocketMQ: `TransactionalMessageUtil.REMOVE_TAG`). A plain number without a comma is the form of older brokers.
 */
const REMOVE_TAG = 'd';
/** RocketMQ: `transactionOpMsgMaxSize`. */
export const MAX_OP_BODY_BYTES = 4096;

/** Cuts offsets into groups whose op messages stay within the size limit. */
export function groupOffsets(offsets: readonly number[]): readonly (readonly number[])[] {
  const groups: number[][] = [];
  let group: number[] = [];
  let bytes = 0;
  for (const offset of offsets) {
    const offsetBytes = String(offset).length + 1;
    if (group.length === 0 || bytes + offsetBytes > MAX_OP_BODY_BYTES) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(offset);
    bytes += offsetBytes;
  }
  return groups;
}

export function opMessage(halfOffsets: readonly number[], nowMs: number): RecordDraft {
  return {
    topic: OP_HALF_TOPIC,
    queueId: 0,
    body: Buffer.from(halfOffsets.map((offset) => `${offset},`).join('')),
    properties: formatProperty(Property.TAGS, REMOVE_TAG),
    tags: REMOVE_TAG,
    keys: undefined,
    uniqKey: undefined,
    delayLevel: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestampMs: nowMs,
    bornHost: undefined,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
  };
}

/** The half offsets that an op message names. */
export function readOpBody(body: Buffer): readonly number[] {
  return body
    .toString('latin1')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => /^\d+$/.test(text))
    .map(Number);
}
