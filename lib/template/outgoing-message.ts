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
  const message = payloadOrMessage instanceof RocketMessage ? payloadOrMessage : new RocketMessage(payloadOrMessage);
  const headers: MessageHeaders = { ...message.headers, ...options.headers };
  const sent = readSentHeaders(headers);
  const encoded = converter.toBody(message.payload, headers);
  const properties =
    encoded.contentType === undefined
      ? sent.properties
      : { ...sent.properties, [RocketHeaders.CONTENT_TYPE]: encoded.contentType };
  return {
    topic,
    body: encoded.body,
    properties,
    tags: agree('tag', [
      ['destination', tags],
      ['option tags', options.tags],
      ['header TAGS', sent.tags],
    ]),
    keys: agree('keys', [
      ['option keys', readKeys('option keys', options.keys)],
      ['header KEYS', sent.keys],
    ]),
    flag: agree('flag', [
      ['option flag', options.flag],
      ['header FLAG', sent.flag],
    ]),
    ...readDelay(
      agree('delay level', [
        ['option delayLevel', options.delayLevel],
        ['header DELAY', sent.delayLevel],
      ]),
      options,
    ),
    shardingKey: options.hashKey,
    waitStoreMsgOK: agree('waitStoreMsgOK', [
      ['option waitStoreMsgOK', options.waitStoreMsgOK],
      ['header WAIT_STORE_MSG_OK', sent.waitStoreMsgOK],
    ]),
  };
}

type Statement<T> = readonly [source: string, value: T | undefined];

function agree<T>(what: string, statements: readonly Statement<T>[]): T | undefined {
  const [first, second] = statements.filter(([, value], index, all) => {
    return value !== undefined && all.findIndex(([, other]) => other === value) === index;
  });
  if (first !== undefined && second !== undefined) {
    const reason = `the ${first[0]} says ${JSON.stringify(first[1])}`;
    throw new MessageIllegalError({ field: `its ${what} of ${second[0]}`, value: second[1], reason });
  }
  return first?.[1];
}
