import { formatProperty } from '../store/index.js';
import { Property, type Message, type RecordDraft } from '../types/index.js';
import type { StoredBody } from './body-compressor.js';

// What stands around the one value that every message has.
const [UNIQ_KEY_START, PROPERTY_END] = formatProperty(Property.UNIQ_KEY, '?').split('?') as [string, string];

/** The record of a message that has been checked. */
export function draftOf(
  message: Message,
  stored: StoredBody,
  queueId: number,
  uniqKey: string,
  bornTimestampMs: number,
): RecordDraft {
  const waitStoreMsgOK = message.waitStoreMsgOK ?? true;
  return {
    topic: message.topic,
    queueId,
    body: stored.body,
    properties: propertiesTextOf(message, uniqKey, waitStoreMsgOK),
    tags: message.tags,
    keys: message.keys,
    uniqKey,
    delayLevel: 0,
    flag: message.flag ?? 0,
    sysFlag: stored.sysFlag,
    bornTimestampMs,
    bornHost: undefined,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK,
  };
}

/** Every send passes here, so the text is built at once, without a map in between. */
export function propertiesTextOf(message: Message, uniqKey: string, waitStoreMsgOK: boolean): string {
  let text = UNIQ_KEY_START + uniqKey + PROPERTY_END;
  if (message.keys !== undefined) text += formatProperty(Property.KEYS, message.keys);
  if (message.tags !== undefined) text += formatProperty(Property.TAGS, message.tags);
  if (message.shardingKey !== undefined) text += formatProperty(Property.SHARDING_KEY, message.shardingKey);
  // RocketMQ takes a missing WAIT as true, so only the exception is written.
  if (!waitStoreMsgOK) text += formatProperty(Property.WAIT, 'false');
  // As RocketMQ's clients say it, so that whoever looks at the record finds what its sender wanted.
  if (message.delayMs !== undefined) text += formatProperty(Property.TIMER_DELAY_MS, String(message.delayMs));
  if (message.deliverAtMs !== undefined) text += formatProperty(Property.TIMER_DELIVER_MS, String(message.deliverAtMs));
  if (message.properties !== undefined) {
    for (const name of Object.keys(message.properties)) text += formatProperty(name, message.properties[name]!);
  }
  return text;
}
