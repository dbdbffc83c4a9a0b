import { isObservable, lastValueFrom } from 'rxjs';
import type { MessageConverter } from '../converter/index.js';
import type { MessageExt, MessageHandler } from '../engine/index.js';
import { NonRetryableError, PayloadUnreadableError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import type { ListenerDefinition } from './listener-definition.js';

/** What the engine calls for each message of a listener. */
export function createMessageHandler(listener: ListenerDefinition, converter: MessageConverter): MessageHandler {
  return (message) => {
    const result = listener.invoke(readPayload(listener, converter, message), message);
    // Nest users return Observables; one that is not subscribed to would do nothing and count as done.
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  };
}

/** The error names message and listener, since it is all that the log shows of a failed delivery. */
function readPayload(listener: ListenerDefinition, converter: MessageConverter, message: MessageExt): unknown {
  try {
    return converter.fromBody(message, listener.options.payloadType);
  } catch (error) {
    // A converter may know that trying again is of no use.
    if (error instanceof NonRetryableError) throw error;
    const { topic, msgId } = message;
    throw new PayloadUnreadableError({ listener: listener.name, topic, msgId, reason: messageOf(error) }, error);
  }
}
