import { RocketHeaders, payloadOf, type MessageConverter } from '../converter/index.js';
import type { MessageExt, Reply } from '../engine/index.js';
import { describe } from '../errors/describe.js';

/** Marks the requests of a `RocketClient`: it understands the answers below. Whoever else asks gets values alone. */
export const RPC_PROPERTY = 'nest_rpc';

/** What an answer's {@link RPC_PROPERTY} says of it. */
type AnswerKind = 'value' | 'null' | 'nothing' | 'error';

/** What a handler of requests has come to. */
export type RpcOutcome = { readonly value: unknown } | { readonly error: unknown };

export function isRpcRequest(message: MessageExt): boolean {
  return message.properties[RPC_PROPERTY] !== undefined;
}

/** An answer for a `RocketClient`. */
export function encodeOutcome(outcome: RpcOutcome, converter: MessageConverter): Reply {
  if ('error' in outcome) return encodeError(outcome.error, converter);
  if (outcome.value === undefined) return encodeEmpty('nothing');
  // As a payload it is refused: a message needs a body.
  return outcome.value === null ? encodeEmpty('null') : encode('value', outcome.value, converter);
}

/** An answer for anybody: what JSON can say, so that nothing is null. */
export function encodeValue(value: unknown, converter: MessageConverter): Reply {
  if (value !== undefined && value !== null) return encode('value', value, converter);
  return { body: Buffer.from('null'), properties: { [RocketHeaders.CONTENT_TYPE]: 'application/json' } };
}

/** @returns undefined in `value` when the handler gave nothing */
export function decodeReply(topic: string, reply: Reply, converter: MessageConverter): RpcOutcome {
  const { body, properties } = reply;
  const kind = properties[RPC_PROPERTY] as AnswerKind | undefined;
  if (kind === 'nothing') return { value: undefined };
  if (kind === 'null') return { value: null };
  const value = payloadOf(converter, { topic, body: Buffer.from(body), tags: undefined, properties }, undefined);
  return kind === 'error' ? { error: value } : { value };
}

function encode(kind: AnswerKind, payload: unknown, converter: MessageConverter): Reply {
  const { body, contentType } = converter.toBody(payload, {});
  return {
    body,
    properties: {
      [RPC_PROPERTY]: kind,
      ...(contentType !== undefined && { [RocketHeaders.CONTENT_TYPE]: contentType }),
    },
  };
}

function encodeEmpty(kind: AnswerKind): Reply {
  return { body: Buffer.alloc(0), properties: { [RPC_PROPERTY]: kind } };
}

/** With its fields, if they can be said in bytes: those of an HTTP client's error hold sockets, which point at themselves. */
function encodeError(error: unknown, converter: MessageConverter): Reply {
  try {
    return encode('error', plainError(error), converter);
  } catch (unsaid) {
    if (!(error instanceof Error)) throw unsaid;
    return encode('error', { name: error.name, message: error.message }, converter);
  }
}

/** The fields of an Error are not enumerable, so JSON would drop what it is about. */
function plainError(error: unknown): unknown {
  // Nest takes these for no error, and whoever asked would wait without end.
  if (!error) return { name: 'Error', message: describe(error) };
  if (!(error instanceof Error)) return error;
  return Object.assign({}, error, { name: error.name, message: error.message });
}
