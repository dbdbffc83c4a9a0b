import { payloadOf, type MessageConverter } from '../converter/index.js';
import type { MessageExt, MessageHandler } from '../engine/index.js';
import { NonRetryableError, PayloadUnreadableError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { RocketContext, settleRefusal } from '../execution/index.js';
import { createBatchHandler } from './batch-handler.js';
import type { SubscriptionHandlers } from './consumer-plan.js';
import { resultOf } from './handler-result.js';
import { contextOf, type ListenerDefinition } from './listener-definition.js';
import type { ListenerReplies } from './listener.reply.js';

/** What the engine calls for the messages of a listener. */
export function createHandlers(
  listener: ListenerDefinition,
  converter: MessageConverter,
  replies: ListenerReplies,
): SubscriptionHandlers {
  if (listener.options.replies) return { handler: createReplyingHandler(listener, converter, replies) };
  return listener.options.isBatch
    ? { batchHandler: createBatchHandler(listener, (message) => readPayload(listener, converter, message)) }
    : { handler: createMessageHandler(listener, converter) };
}

function createMessageHandler(listener: ListenerDefinition, converter: MessageConverter): MessageHandler {
  return (message) => {
    let payload: unknown;
    try {
      payload = readPayload(listener, converter, message);
    } catch (error) {
      const context = new RocketContext(message, contextOf(listener));
      return settleRefusal(context, 'INVALID_PAYLOAD', listener.options.onUnreadablePayload, error);
    }
    return resultOf(listener.invoke(payload, message));
  };
}

function createReplyingHandler(
  listener: ListenerDefinition,
  converter: MessageConverter,
  replies: ListenerReplies,
): MessageHandler {
  const handle = createMessageHandler(listener, converter);
  return (message) => replies.answer(listener, message, handle(message));
}

/** The error names message and listener, since it is all that the log shows of a failed delivery. */
function readPayload(listener: ListenerDefinition, converter: MessageConverter, message: MessageExt): unknown {
  try {
    return payloadOf(converter, message, listener.options.payloadType);
  } catch (error) {
    // A converter may know that trying again is of no use.
    if (error instanceof NonRetryableError) throw error;
    const { topic, msgId } = message;
    throw new PayloadUnreadableError({ listener: listener.name, topic, msgId, reason: messageOf(error) }, error);
  }
}
