import type { MessageConverter } from '../converter/index.js';
import type { MessageExt, Reply } from '../engine/index.js';
import { RocketHeaders } from '../converter/index.js';

/** Marks the requests of a `RocketClient`: it understands the answers below. Whoever else asks gets values alone. */
export const RPC_PROPERTY = 'nest_rpc';

/** What an answer's {@link RPC_PROPERTY} says of it. */
type AnswerKind = 'value' | 'nothing' | 'error';

/** What a handler of requests has come to. */
export type RpcOutcome = { readonly value: unknown } | { readonly error: unknown };

export function isRpcRequest(message: MessageExt): boolean {
  return message.properties[RPC_PROPERTY] !== undefined;
}

/** An answer for a `RocketClient`. */
export function encodeOutcome(outcome: RpcOutcome, converter: MessageConverter): Reply {
  if ('error' in outcome) return encode('error', plainError(outcome.error), converter);
  if (outcome.value === undefined) return { body: Buffer.alloc(0), properties: { [RPC_PROPERTY]: 'nothing' } };
  return encode('value', outcome.value, converter);
}

/** An answer for anybody: what JSON can say. */
export function encodeValue(value: unknown, converter: MessageConverter): Reply {
  const { properties, body } = encode('value', value ?? null, converter);
  return { body, properties };
}

/** @returns undefined in `value` when the handler gave nothing */
export function decodeReply(topic: string, reply: Reply, converter: MessageConverter): RpcOutcome {
  const { body, properties } = reply;
  const kind = properties[RPC_PROPERTY] as AnswerKind | undefined;
  if (kind === 'nothing') return { value: undefined };
  const value = converter.fromBody({ topic, body: Buffer.from(body), tags: undefined, properties }, undefined);
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

/** The fields of an Error are not enumerable, so JSON would drop what it is about. */
function plainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error ?? null;
  return Object.assign({}, error, { name: error.name, message: error.message });
}
