import { plainToInstance } from 'class-transformer';
import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import type { Type } from '@nestjs/common';
import { describe } from '../errors/describe.js';
import { PayloadError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import {
  BINARY_CONTENT_TYPE,
  CONTENT_TYPE_PROPERTY,
  JSON_CONTENT_TYPE,
  TEXT_CONTENT_TYPE,
  parseContentType,
} from './content-type.js';
import { toJsonText } from './json-text.js';
import type { EncodedMessage, EncodedPayload, MessageConverter } from './message-converter.js';
import { isListType, nameOfPayloadType, type PayloadType } from './payload-type.js';
import type { MessageHeaders } from './rocket-message.js';

/**
 * Text as UTF-8, bytes as they are, everything else as JSON.
 *
 * The content type is written into the user property `contentType`, as rocketmq-spring does, so that a listener without a payload type gets
 * back what was sent. Spring's `id` and `timestamp` properties are left out: nothing reads them.
 */
export class DefaultMessageConverter implements MessageConverter {
  toBody(payload: unknown, headers: MessageHeaders): EncodedPayload {
    const asked = headers[CONTENT_TYPE_PROPERTY];
    const contentType = typeof asked === 'string' ? asked : undefined;
    if (typeof payload === 'string') {
      return { body: encodeText(payload, contentType), contentType: contentType ?? TEXT_CONTENT_TYPE };
    }
    if (types.isUint8Array(payload)) return { body: payload, contentType: contentType ?? BINARY_CONTENT_TYPE };
    refuseOtherBinary(payload);
    if (contentType !== undefined && parseContentType(contentType).kind !== 'json') {
      throw new PayloadError({
        payload: `The payload, ${describe(payload)},`,
        reason: `its header contentType is ${describe(contentType)}, which only a string or bytes can have`,
      });
    }
    return { body: Buffer.from(toJsonText(payload), 'utf8'), contentType: contentType ?? JSON_CONTENT_TYPE };
  }

  fromBody(message: EncodedMessage, payloadType: PayloadType | undefined): unknown {
    if (payloadType === undefined || payloadType === Object) return byContentType(message);
    if (payloadType === Buffer || payloadType === Uint8Array) return message.body;
    if (payloadType === String) return decodeText(message);
    return build(parseJson(message), payloadType);
  }
}

function byContentType(message: EncodedMessage): unknown {
  const contentType = message.properties[CONTENT_TYPE_PROPERTY];
  const kind = contentType === undefined ? 'text' : parseContentType(contentType).kind;
  if (kind === 'json') return parseJson(message);
  return kind === 'text' ? decodeText(message) : message.body;
}

function build(value: unknown, payloadType: PayloadType): unknown {
  if (!isListType(payloadType)) return buildOne(value, payloadType);
  if (!Array.isArray(value)) throw mismatch(value, payloadType);
  return value.map((element: unknown) => buildOne(element, payloadType[0]));
}

function buildOne(value: unknown, target: Type<unknown>): unknown {
  if (target === Object) return value;
  const primitive = primitiveNames.get(target);
  if (primitive !== undefined) {
    if (typeof value !== primitive) throw mismatch(value, target);
    return value;
  }
  // plainToInstance hands primitives back as they are and makes arrays of arrays: a listener would get something other than it declares.
  const isDateText = target === Date && (typeof value === 'string' || typeof value === 'number');
  if (!isDateText && (typeof value !== 'object' || value === null || Array.isArray(value)))
    throw mismatch(value, target);
  return plainToInstance(target, value);
}

const primitiveNames = new Map<unknown, string>([
  [String, 'string'],
  [Number, 'number'],
  [Boolean, 'boolean'],
]);

function mismatch(value: unknown, payloadType: PayloadType): PayloadError {
  const found = Array.isArray(value) ? 'an array' : describe(value);
  const hint =
    Array.isArray(value) && !isListType(payloadType) ? ` (payloadType: [${payloadType.name}] takes arrays)` : '';
  return new PayloadError({
    payload: 'The body',
    reason: `it holds ${found}, not ${nameOfPayloadType(payloadType)}${hint}`,
  });
}

function parseJson(message: EncodedMessage): unknown {
  const text = decodeText(message);
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) as unknown;
  } catch (error) {
    throw new PayloadError({ payload: 'The body', reason: `it is not JSON: ${messageOf(error)}` }, error);
  }
}

function decodeText(message: EncodedMessage): string {
  const contentType = message.properties[CONTENT_TYPE_PROPERTY];
  const charset = contentType === undefined ? 'utf-8' : parseContentType(contentType).charset;
  if (charset === 'utf-8' || charset === 'utf8') {
    if (!isUtf8(message.body)) throw new PayloadError({ payload: 'The body', reason: 'it is not text in UTF-8' });
    return message.body.toString('utf8');
  }
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(message.body);
  } catch (error) {
    throw new PayloadError({ payload: 'The body', reason: `it is not text in ${charset}` }, error);
  }
}

function encodeText(text: string, contentType: string | undefined): Uint8Array {
  const charset = contentType === undefined ? 'utf-8' : parseContentType(contentType).charset;
  if (charset !== 'utf-8' && charset !== 'utf8') {
    throw new PayloadError({
      payload: `The payload, ${describe(text)},`,
      reason: `strings are sent in UTF-8, not in ${charset}; encode it yourself and send the bytes`,
    });
  }
  return Buffer.from(text, 'utf8');
}

function refuseOtherBinary(payload: unknown): void {
  if (!ArrayBuffer.isView(payload) && !types.isAnyArrayBuffer(payload)) return;
  throw new PayloadError({
    payload: `The payload, ${describe(payload)},`,
    reason: 'of binary data only Buffer and Uint8Array are sent as they are',
  });
}
