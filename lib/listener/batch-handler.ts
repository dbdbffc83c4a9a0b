import type { BatchContext, BatchMessageHandler, MessageExt } from '../engine/index.js';
import { RocketContext, settleRefusalInBatch, type BatchRemarks } from '../execution/index.js';
import { mapResult, resultOf } from './handler-result.js';
import { contextOf, type ListenerDefinition } from './listener-definition.js';

/**
 * What the engine calls for the batches of a listener. A message whose payload can not be made goes its own way: it must not hold up the batch that it is in, again and again.
 */
export function createBatchHandler(
  listener: ListenerDefinition,
  readPayload: (message: MessageExt) => unknown,
): BatchMessageHandler {
  const { consumeMode, onUnreadablePayload } = listener.options;
  const isOrderly = consumeMode === 'ORDERLY';
  return (batch, context) => {
    const notes = new BatchNotes(context);
    const payloads: unknown[] = [];
    const messages: MessageExt[] = [];
    for (const message of batch) {
      try {
        payloads.push(readPayload(message));
        messages.push(message);
      } catch (error) {
        const refused = new RocketContext(message, contextOf(listener));
        const hasFailed = settleRefusalInBatch(notes, refused, onUnreadablePayload, error);
        // What is behind it must wait for it, and comes again with it.
        if (hasFailed && isOrderly) break;
      }
    }
    if (messages.length === 0) return undefined;
    const result = resultOf(listener.invoke(payloads, messages, notes));
    return mapResult(result, (value) => (typeof value === 'number' ? notes.doneOf(batch, value) : value));
  };
}

/** Knows which messages of a batch have failed or were discarded by themselves. */
class BatchNotes implements BatchRemarks {
  readonly #context: BatchContext;
  readonly #failed = new Set<MessageExt>();
  readonly #discarded = new Set<MessageExt>();

  constructor(context: BatchContext) {
    this.#context = context;
  }

  fail(message: MessageExt, ...reason: [reason?: unknown]): void {
    this.#context.fail(message, ...reason);
    this.#failed.add(message);
  }

  discard(message: MessageExt): void {
    this.#discarded.add(message);
  }

  /**
   * How many messages are done, as the engine counts: it does not know that discarded ones were kept from the handler, whose number is of those that it got. What was
   * handed does not tell, for the arrays are the handler's own, and it may have emptied them.
   */
  doneOf(batch: readonly MessageExt[], done: number): number {
    // What can be no count is refused by the engine.
    if (this.#discarded.size === 0 || !Number.isInteger(done) || done < 0) return done;
    let count = 0;
    let left = done;
    for (const message of batch) {
      if (this.#failed.has(message)) continue;
      if (!this.#discarded.has(message) && left-- <= 0) return count;
      count++;
    }
    // More than there were: the engine refuses the number.
    return left > 0 ? count + left : count;
  }
}
