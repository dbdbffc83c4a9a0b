import { DefaultMessageConverter, type MessageConverter, type RocketMessage } from '../converter/index.js';
import { batchSizeOf } from '../engine/index.js';
import { MessageIllegalError, MessageTooLargeError } from '../errors/index.js';
import { anObject, integer, type OptionRules } from '../rocket.option-rules.js';
import { composeBatch, isBatch, type MessageBatch } from './message-batch.js';
import { checkMethodOptions, checkSendOptions, type SendBatchOptions } from './send-options.js';

/** How a list is split. */
export interface BatchSplitterOptions {
  /** Largest batch, in bytes. Default and upper limit: 4 MiB. Not more than the broker's `maxMessageSizeBytes`. */
  readonly maxSizeBytes?: number | undefined;
  /** What the batches will be sent with: what it adds to each message, such as a `hashKey`, counts. */
  readonly sendOptions?: SendBatchOptions | undefined;
  /**
   * Room to leave in each message for properties that are added when it is sent: by `producer.context`, or by tracing, where 256 are enough without a `tracestate`. Default 0.
   */
  readonly addedBytesPerMessage?: number | undefined;
  /** The module's `converter`, when it has one of its own: it decides how large the bodies are. */
  readonly converter?: MessageConverter | undefined;
}

const MAX_SIZE_BYTES = 4 * 1024 * 1024;

const RULES: OptionRules<BatchSplitterOptions> = {
  maxSizeBytes: integer(1, MAX_SIZE_BYTES),
  sendOptions: anObject,
  addedBytesPerMessage: integer(0, MAX_SIZE_BYTES),
  converter: anObject,
};

/**
 * Splits a list of messages into batches that are not too large to be sent, in the order of the list. A message counts with its properties, as RocketMQ
 * counts it. Messages are looked at when their batch is asked for: one that is too large by itself, or that can not be sent, is refused then.
 *
 * @example
 * ```ts
 * for (const batch of new BatchSplitter('orders', messages)) await template.syncSend('orders', batch);
 * ```
 *
 * @publicApi
 */
export class BatchSplitter implements Iterable<MessageBatch> {
  readonly #destination: string;
  readonly #messages: MessageBatch;
  readonly #maxSizeBytes: number;
  readonly #sendOptions: SendBatchOptions;
  readonly #addedBytes: number;
  readonly #converter: MessageConverter;

  /**
   * @param destination what the batches will be sent to: the tag counts, too
   * @throws MessageIllegalError for an empty list, and for one that holds something other than RocketMessages; UnknownOptionError
   */
  constructor(destination: string, messages: MessageBatch, options: BatchSplitterOptions = {}) {
    const checked = checkMethodOptions('BatchSplitter', options, RULES);
    const { maxSizeBytes, sendOptions, addedBytesPerMessage, converter } = checked;
    if (!isBatch(messages)) {
      const reason = 'it must be an array of RocketMessages';
      throw new MessageIllegalError({ field: 'the list to split', value: messages, reason });
    }
    this.#destination = destination;
    this.#messages = messages;
    this.#maxSizeBytes = maxSizeBytes ?? MAX_SIZE_BYTES;
    this.#sendOptions = checkSendOptions('BatchSplitter', sendOptions ?? {});
    this.#addedBytes = addedBytesPerMessage ?? 0;
    this.#converter = converter ?? new DefaultMessageConverter();
  }

  /** @throws MessageTooLargeError, MessageIllegalError, PayloadError */
  *[Symbol.iterator](): Iterator<MessageBatch, void> {
    let batch: RocketMessage[] = [];
    let batchBytes = 0;
    for (const message of this.#messages) {
      const sizeBytes = this.#sizeOf(message);
      if (batch.length > 0 && batchBytes + sizeBytes > this.#maxSizeBytes) {
        yield batch;
        batch = [];
        batchBytes = 0;
      }
      batch.push(message);
      batchBytes += sizeBytes;
    }
    yield batch;
  }

  #sizeOf(message: RocketMessage): number {
    const [composed] = composeBatch(this.#destination, [message], this.#sendOptions, this.#converter);
    const sizeBytes = composed === undefined ? 0 : batchSizeOf(composed) + this.#addedBytes;
    if (sizeBytes <= this.#maxSizeBytes) return sizeBytes;
    throw new MessageTooLargeError({ field: 'batch', sizeBytes, limitBytes: this.#maxSizeBytes });
  }
}
