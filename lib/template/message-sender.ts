import type { MessageConverter } from '../converter/index.js';
import type { Message, MessageEngine, SendOptions, SendResult } from '../engine/index.js';
import { UnsupportedByEngineError } from '../errors/index.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { parseDestination } from './destination.js';
import { composeBatch, isBatch } from './message-batch.js';
import { composeMessage } from './outgoing-message.js';
import type { MessageOptions, SendMessageOptions } from './send-options.js';

/** The one way of the template's messages to the engine. */
export class MessageSender {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #producer: ResolvedRocketOptions['producer'];

  constructor(engine: MessageEngine, converter: MessageConverter, producer: ResolvedRocketOptions['producer']) {
    this.#engine = engine;
    this.#converter = converter;
    this.#producer = producer;
  }

  /**
   * Sends a message, or a batch of them. What is wrong with the arguments is thrown at once; the promise is the engine's.
   *
   * @param options have been checked
   */
  begin(destination: string, payload: unknown, options: SendMessageOptions): Promise<SendResult> {
    if (!isBatch(payload)) {
      const message = this.compose(destination, payload, options);
      return this.#engine.send(message, this.optionsOf(message, options));
    }
    const batch = composeBatch(destination, payload, options, this.#converter).map((message) => this.#carry(message));
    return this.#engine.sendBatch(batch, this.optionsOf(batch[0], options));
  }

  /** @throws UnsupportedByEngineError, and what is wrong with the arguments */
  compose(destination: string, payload: unknown, options: MessageOptions): Message {
    const message = this.#carry(composeMessage(destination, payload, options, this.#converter));
    if (message.delayMs !== undefined || message.deliverAtMs !== undefined)
      this.#requireTimers('delayMs and deliverAt');
    return message;
  }

  /** @returns the id of the message that is not delivered now */
  async recall(destination: string, recallHandle: string): Promise<string> {
    this.#requireTimers('recall');
    return this.#engine.recall(parseDestination(destination).topic, recallHandle);
  }

  /** How the engine is to send it. The template's own selector is for messages with a key, as in RocketMQ's Spring template. */
  optionsOf(message: Message | undefined, options: SendMessageOptions): SendOptions {
    const { sendMessageTimeoutMs, messageQueueSelector } = this.#producer;
    const byKey = message?.shardingKey === undefined ? undefined : messageQueueSelector;
    return { timeoutMs: options.timeoutMs ?? sendMessageTimeoutMs, selectQueue: options.selectQueue ?? byKey };
  }

  #requireTimers(feature: string): void {
    if (!this.#engine.capabilities.timers) throw new UnsupportedByEngineError({ feature });
  }

  /** Adds what the sender's context is. What the send sets itself goes before it. */
  #carry(message: Message): Message {
    const { context } = this.#producer;
    return context === undefined
      ? message
      : { ...message, properties: { ...context.capture(), ...message.properties } };
  }
}
