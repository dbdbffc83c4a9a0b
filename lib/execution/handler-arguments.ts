import { ListenerInvalidError } from '../errors/index.js';
import { ArgumentKind, positionsAt, type ArgumentPosition } from '../rocket.arguments.js';
import type { HandlerSite } from './handler-site.js';
import type { RocketContext } from './rocket-context.js';

/** What an `ExecutionContext` of a message lists as arguments: `switchToRpc()` has the payload as data, and the context as context. */
export type HandlerArguments = readonly [payload: unknown, context: RocketContext, delivered: unknown, batch: unknown];

/** Where the completed positions of a handler stand; what the user's decorators have left stays as it is. */
export const HANDLER_ARGUMENTS = 'rocket:handler-arguments';

const KNOWN_KINDS: ReadonlySet<number> = new Set(Object.values(ArgumentKind));

/** Nest asks this for each argument of a handler. */
export const argumentsFactory = {
  exchangeKeyForValue(kind: number, data: unknown, [payload, context, delivered, batch]: HandlerArguments): unknown {
    if (kind === ArgumentKind.PAYLOAD) return typeof data === 'string' ? propertyOf(payload, data) : payload;
    if (kind === ArgumentKind.HEADERS) return typeof data === 'string' ? context.headers[data] : context.headers;
    if (kind === ArgumentKind.CONTEXT) return context;
    return kind === ArgumentKind.BATCH ? batch : delivered;
  },
};

/** What parameters without a decorator are given, in their order. */
const OF_MESSAGE = [ArgumentKind.PAYLOAD, ArgumentKind.MESSAGE];
const OF_BATCH = [ArgumentKind.PAYLOAD, ArgumentKind.MESSAGE, ArgumentKind.BATCH];

/**
 * Says where each argument of a handler comes from. A parameter without decorator keeps its meaning: the first is the payload, the second the message.
 *
 * @param parameterCount as the method declares them
 * @throws ListenerInvalidError when a parameter would get nothing
 */
export function defineHandlerArguments(site: HandlerSite, parameterCount: number): void {
  const { type, methodName, isBatch } = site;
  const given = positionsAt(type, methodName);
  for (const [key, position] of Object.entries(given)) refuseUnusable(site, key, position);
  const taken = new Set(Object.values(given).map(({ index }) => index));
  const undecorated = isBatch ? OF_BATCH : OF_MESSAGE;
  const completed: Record<string, ArgumentPosition> = { ...given };
  for (let index = 0; index < Math.max(parameterCount, undecorated.length); index++) {
    if (taken.has(index)) continue;
    const kind = undecorated[index];
    if (kind === undefined) {
      const reason = `its parameter ${index + 1} has no decorator, and only the first ${undecorated.length} get something without one`;
      throw new ListenerInvalidError({ listener: site.listener, reason });
    }
    completed[`${kind}:${index}`] = { index, data: undefined, pipes: [] };
  }
  Reflect.defineMetadata(HANDLER_ARGUMENTS, completed, type, methodName);
}

function refuseUnusable({ listener, isBatch }: HandlerSite, key: string, { index, data }: ArgumentPosition): void {
  const kind = Number(key.split(':')[0]);
  // The keys of createParamDecorator are no numbers.
  if (Number.isNaN(kind)) return;
  const place = `the decorator of its parameter ${index + 1}`;
  if (!KNOWN_KINDS.has(kind)) {
    const reason = `${place} is not for messages; use @RocketPayload, @RocketHeader, @RocketMsg or @RocketCtx`;
    throw new ListenerInvalidError({ listener, reason });
  }
  if (!isBatch || (kind !== ArgumentKind.HEADERS && (kind !== ArgumentKind.PAYLOAD || data === undefined))) return;
  const reason = `${place} is for single messages; a batch listener gets arrays of payloads and messages`;
  throw new ListenerInvalidError({ listener, reason });
}

function propertyOf(payload: unknown, name: string): unknown {
  return (payload as Record<string, unknown> | null | undefined)?.[name];
}
