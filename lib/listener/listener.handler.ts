import { isObservable, lastValueFrom } from 'rxjs';
import type { MessageConverter } from '../converter/index.js';
import type { BatchContext, BatchMessageHandler, MessageExt, MessageHandler } from '../engine/index.js';
import { NonRetryableError, PayloadUnreadableError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import type { SubscriptionHandlers } from './consumer-plan.js';
import type { ListenerDefinition } from './listener-definition.js';
import type { ListenerReplies } from './listener.reply.js';

/** What the engine calls for the messages of a listener. */
export function createHandlers(
  listener: ListenerDefinition,
  converter: MessageConverter,
  replies: ListenerReplies,
): SubscriptionHandlers {
  if (listener.options.replies) return { handler: createReplyingHandler(listener, converter, replies) };
  return listener.options.isBatch
    ? { batchHandler: createBatchHandler(listener, converter) }
    : { handler: createMessageHandler(listener, converter) };
}

function createMessageHandler(listener: ListenerDefinition, converter: MessageConverter): MessageHandler {
  return (message) => resultOf(listener.invoke(readPayload(listener, converter, message), message));
}

function createReplyingHandler(
  listener: ListenerDefinition,
  converter: MessageConverter,
  replies: ListenerReplies,
): MessageHandler {
  const handle = createMessageHandler(listener, converter);
  return (message) => replies.answer(listener, message, handle(message));
}

/** A message whose payload can not be made fails by itself: it must not hold up the batch that it is in, again and again. */
function createBatchHandler(listener: ListenerDefinition, converter: MessageConverter): BatchMessageHandler {
  const isOrderly = listener.options.consumeMode === 'ORDERLY';
  return (batch, context) => {
    const payloads: unknown[] = [];
    const messages: MessageExt[] = [];
    for (const message of batch) {
      if (!readInto(payloads, message, context)) {
        // What is behind it must wait for it, and comes again with it.
        if (isOrderly) break;
        continue;
      }
      messages.push(message);
    }
    return messages.length === 0 ? undefined : resultOf(listener.invoke(payloads, messages, context));
  };

  function readInto(payloads: unknown[], message: MessageExt, context: BatchContext): boolean {
    try {
      payloads.push(readPayload(listener, converter, message));
      return true;
    } catch (error) {
      context.fail(message, error);
      return false;
    }
  }
}

/** Nest users return Observables; one that is not subscribed to would do nothing and count as done. */
function resultOf(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
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
