import { RocketHeaders, RocketMessage, type MessageConverter, type MessageHeaders } from '../converter/index.js';
import type { Message } from '../engine/index.js';
import { MessageIllegalError } from '../errors/index.js';
import { readDelay } from './delay.js';
import { parseDestination } from './destination.js';
import type { MessageOptions } from './send-options.js';
import { readKeys, readSentHeaders } from './sent-headers.js';

/**
 * Puts destination, payload, headers and options together to a message for the engine.
 *
 * What is said twice must be said alike: which of two different tags is meant can not be known.
 *
 * @throws MessageIllegalError, PayloadError
 */
export function composeMessage(
  destination: string,
  payloadOrMessage: unknown,
  options: MessageOptions,
  converter: MessageConverter,
): Message {
  const { topic, tags } = parseDestination(destination);
  const isMessage = payloadOrMessage instanceof RocketMessage;
  const payload: unknown = isMessage ? payloadOrMessage.payload : payloadOrMessage;
  const headers = joined(isMessage ? payloadOrMessage.headers : undefined, options.headers);
  const sent = readSentHeaders(headers);
  const encoded = converter.toBody(payload, headers);
  const properties =
    encoded.contentType === undefined
      ? sent.properties
      : { ...sent.properties, [RocketHeaders.CONTENT_TYPE]: encoded.contentType };
  const delayLevel = agree('delay level', 'option delayLevel', options.delayLevel, 'header DELAY', sent.delayLevel);
  const delay = readDelay(delayLevel, options);
  const tagBefore = agree('tag', 'destination', tags, 'option tags', options.tags);
  const tagSource = tags === undefined ? 'option tags' : 'destination';
  return {
    topic,
    body: encoded.body,
    properties,
    tags: agree('tag', tagSource, tagBefore, 'header TAGS', sent.tags),
    keys: agree('keys', 'option keys', readKeys('option keys', options.keys), 'header KEYS', sent.keys),
    flag: agree('flag', 'option flag', options.flag, 'header FLAG', sent.flag),
    delayLevel: delay.delayLevel,
    delayMs: delay.delayMs,
    deliverAtMs: delay.deliverAtMs,
    shardingKey: options.hashKey,
    waitStoreMsgOK: agree(
      'waitStoreMsgOK',
      'option waitStoreMsgOK',
      options.waitStoreMsgOK,
      'header WAIT_STORE_MSG_OK',
      sent.waitStoreMsgOK,
    ),
  };
}

const NO_HEADERS: MessageHeaders = {};

/** The headers of the message and of the send; the latter win. */
function joined(first: MessageHeaders | undefined, second: MessageHeaders | undefined): MessageHeaders {
  if (first === undefined || second === undefined) return first ?? second ?? NO_HEADERS;
  return { ...first, ...second };
}

/** What two places say of one thing. Undefined: nothing. */
function agree<T>(
  what: string,
  firstSource: string,
  first: T | undefined,
  secondSource: string,
  second: T | undefined,
): T | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  if (first === second) return first;
  const reason = `the ${firstSource} says ${JSON.stringify(first)}`;
  throw new MessageIllegalError({ field: `its ${what} of ${secondSource}`, value: second, reason });
}
