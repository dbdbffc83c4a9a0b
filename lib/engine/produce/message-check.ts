import { MessageIllegalError, MessageTooLargeError } from '../../errors/index.js';
import { checkSendableTopic, MAX_PROPERTIES_BYTES } from '../store/index.js';
import { RESERVED_PROPERTIES, RETRY_TOPIC_PREFIX, type Message } from '../types/index.js';
import { refuseDelay } from './delivery-delay.js';
import { batchSizeOf, propertiesOf } from './message-size.js';

/** What separates properties in their text form, and what a torn write is known by; none may stand in a name or value. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN_CHARACTER = /[\u0000-\u0002]/;

/** What `String.trim` of Java takes away, and so do tag filters. */
// eslint-disable-next-line no-control-regex
const BLANK_AT_END = /^[\u0000-\u0020]|[\u0000-\u0020]$/;

/** A UTF-16 unit takes at most three bytes in UTF-8. */
const MAX_BYTES_OF_CHARACTER = 3;
/** More than names and separators of KEYS, TAGS, WAIT and the sharding key, and the unique id, take. */
const OWN_CHARACTERS = 100;

export interface MessageLimits {
  readonly maxBodyBytes: number;
  readonly maxDelayLevel: number;
}

/**
 * Checks a message before anything of it is stored.
 *
 * @throws NameIllegalError, MessageIllegalError, MessageTooLargeError
 */
export function checkMessage(message: Message, limits: MessageLimits): void {
  if (!isObject(message)) refuse('the message', message, 'it must be an object with a topic and a body');
  checkSendableTopic(message.topic);
  checkBody(message.body, limits.maxBodyBytes);
  checkDelayLevel(message.delayLevel, limits.maxDelayLevel);
  if (message.tags !== undefined) checkTags(message.tags);
  if (message.keys !== undefined) checkText('keys', message.keys);
  if (message.shardingKey !== undefined) checkText('shardingKey', message.shardingKey);
  if (message.properties !== undefined) checkProperties(message.properties);
  if (message.flag !== undefined && (message.flag | 0) !== message.flag) {
    refuse('flag', message.flag, 'it must be a 32-bit integer');
  }
  // The text is made only of those that may be too large.
  if (charactersOf(message) * MAX_BYTES_OF_CHARACTER > MAX_PROPERTIES_BYTES) checkPropertiesSize(propertiesOf(message));
}

/**
 * Checks a batch before anything of it is stored; RocketMQ's rules (`MessageBatch.generateFromList`).
 *
 * @throws NameIllegalError, MessageIllegalError, MessageTooLargeError
 */
export function checkBatch(messages: readonly Message[], limits: MessageLimits): void {
  if (!Array.isArray(messages)) refuse('the batch', messages, 'it must be an array of messages');
  const [first] = messages as readonly Message[];
  if (first === undefined) refuse('the batch', messages, 'it must hold at least one message');
  let sizeBytes = 0;
  for (const message of messages) {
    checkMessage(message, limits);
    if (message.topic !== first.topic) {
      refuse('a topic of the batch', message.topic, `all messages of a batch go to one topic, here "${first.topic}"`);
    }
    refuseDelay(message, 'a message of a batch can not be delayed');
    if (message.topic.startsWith(RETRY_TOPIC_PREFIX))
      refuse('topic', message.topic, 'a batch can not go to a retry topic');
    if ((message.waitStoreMsgOK ?? true) !== (first.waitStoreMsgOK ?? true)) {
      refuse('waitStoreMsgOK', message.waitStoreMsgOK, 'it must be the same for all messages of a batch');
    }
    sizeBytes += batchSizeOf(message);
  }
  if (sizeBytes > limits.maxBodyBytes) {
    throw new MessageTooLargeError({ field: 'batch', sizeBytes, limitBytes: limits.maxBodyBytes });
  }
}

/** @throws MessageTooLargeError the text form is over the limit of the record's field */
export function checkPropertiesSize(propertiesText: string): void {
  if (propertiesText.length * MAX_BYTES_OF_CHARACTER <= MAX_PROPERTIES_BYTES) return;
  const sizeBytes = Buffer.byteLength(propertiesText);
  if (sizeBytes <= MAX_PROPERTIES_BYTES) return;
  throw new MessageTooLargeError({ field: 'properties', sizeBytes, limitBytes: MAX_PROPERTIES_BYTES });
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** Whether it is an array of bytes; one of 16-bit numbers has an element for two of them. Not by instanceof: a Uint8Array of another realm is one as well. */
function isBytes(body: unknown): body is Uint8Array {
  return ArrayBuffer.isView(body) && 'BYTES_PER_ELEMENT' in body && body.BYTES_PER_ELEMENT === 1;
}

function checkBody(body: unknown, maxBodyBytes: number): void {
  if (!isBytes(body)) refuse('body', body, 'it must be a Uint8Array');
  if (body.byteLength === 0) refuse('body', '', 'it must hold at least one byte');
  if (body.byteLength > maxBodyBytes) {
    throw new MessageTooLargeError({ field: 'body', sizeBytes: body.byteLength, limitBytes: maxBodyBytes });
  }
}

function checkDelayLevel(delayLevel: number | undefined, maxDelayLevel: number): void {
  if (delayLevel === undefined || delayLevel === 0) return;
  if (Number.isInteger(delayLevel) && delayLevel > 0 && delayLevel <= maxDelayLevel) return;
  // RocketMQ caps a level that is too high without a word; who asks for level 19 has mistaken something.
  refuse('delayLevel', delayLevel, `it must be an integer from 0 (no delay) to ${maxDelayLevel}`);
}

function checkTags(tags: string): void {
  checkText('tags', tags);
  if (tags.includes('|') || tags.trim() === '*') {
    refuse('tags', tags, 'a message has one tag; "|" and "*" belong to selectors, which could never select it');
  }
  if (BLANK_AT_END.test(tags)) {
    refuse(
      'tags',
      tags,
      'it must not begin or end with a blank: selectors leave such blanks out, and could never select it',
    );
  }
}

function checkProperties(properties: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(properties)) {
    checkText('a property name', name);
    if (RESERVED_PROPERTIES.has(name))
      refuse(`property ${name}`, properties[name], 'RocketMQ keeps that name for itself');
    checkText(`property ${name}`, properties[name]);
  }
}

/** No less than the properties' text form will have. */
function charactersOf({ properties, keys = '', tags = '', shardingKey = '' }: Message): number {
  let characters = OWN_CHARACTERS + keys.length + tags.length + shardingKey.length;
  if (properties === undefined) return characters;
  for (const name of Object.keys(properties)) characters += name.length + properties[name]!.length + 2;
  return characters;
}

function checkText(field: string, value: unknown): void {
  if (typeof value !== 'string') refuse(field, value, 'it must be a text');
  if (value.trim() === '') refuse(field, value, 'it must not be blank');
  if (FORBIDDEN_CHARACTER.test(value))
    refuse(
      field,
      value,
      'it must not hold the characters U+0000, U+0001 and U+0002, which have a meaning in the store',
    );
}

function refuse(field: string, value: unknown, reason: string): never {
  throw new MessageIllegalError({ field, value, reason });
}
