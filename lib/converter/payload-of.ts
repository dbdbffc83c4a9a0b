import { types } from 'node:util';
import { PayloadError } from '../errors/index.js';
import type { EncodedMessage, MessageConverter } from './message-converter.js';
import type { PayloadType } from './payload-type.js';

/**
 * What a converter makes of a body. A promise would be taken for the payload: its message would count as done, and its rejection end the process.
 *
 * @throws PayloadError, and what the converter throws
 */
export function payloadOf(
  converter: MessageConverter,
  message: EncodedMessage,
  payloadType: PayloadType | undefined,
): unknown {
  const payload = converter.fromBody(message, payloadType);
  if (!types.isPromise(payload)) return payload;
  payload.catch(() => undefined);
  const reason = 'the converter made a Promise of it, but fromBody must give the payload at once';
  throw new PayloadError({ payload: 'The body', reason });
}
