import { payloadOf, type MessageConverter } from '../converter/index.js';
import type { MessageEngine, Reply } from '../engine/index.js';
import { MessageIllegalError, ReplyUnreadableError, UnsupportedByEngineError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { isDelayed } from './delay.js';
import { refuseBatch } from './message-batch.js';
import type { MessageSender } from './message-sender.js';
import type { RequestOptions } from './request-arguments.js';

/** Sends requests and makes payloads of their answers. */
export class Requester {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #sender: MessageSender;

  constructor(engine: MessageEngine, converter: MessageConverter, sender: MessageSender) {
    this.#engine = engine;
    this.#converter = converter;
    this.#sender = sender;
  }

  /** @param options have been checked */
  async request(destination: string, payload: unknown, options: RequestOptions): Promise<unknown> {
    if (!this.#engine.capabilities.requestReply) throw new UnsupportedByEngineError({ feature: 'sendAndReceive' });
    refuseBatch(payload, 'a request is one message');
    const message = this.#sender.compose(destination, payload, options);
    if (isDelayed(message)) {
      const reason = 'whoever asks waits for the answer, so a request can not be delayed';
      throw new MessageIllegalError({ field: 'its delay', value: message.delayLevel, reason });
    }
    const reply = await this.#engine.request(message, this.#sender.optionsOf(message, options));
    return this.#read(message.topic, reply, options);
  }

  #read(topic: string, { body, properties }: Reply, { replyType }: RequestOptions): unknown {
    const encoded = { topic, tags: undefined, properties, body: bufferOf(body) };
    try {
      return payloadOf(this.#converter, encoded, replyType);
    } catch (error) {
      throw new ReplyUnreadableError({ topic, reason: messageOf(error) }, error);
    }
  }
}

function bufferOf(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
