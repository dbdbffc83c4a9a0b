import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { HalfSendResult, Message, MessageEngine, TransactionState } from '../engine/index.js';
import { TransactionListenerMissingError } from '../errors/index.js';
import { fieldOf, messageOf, stackOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { TransactionListenerRegistry } from './transaction-listener.registry.js';
import { askListener, type HalfMessage, type TransactionOutcome } from './transaction-outcome.js';

/** How a transaction message went. */
export interface TransactionSendResult extends HalfSendResult {
  /** UNKNOWN: the check-back decides later. */
  readonly localTransactionState: TransactionState;
  /** Why the state is UNKNOWN, when the listener did not say so itself: what it threw, or that it returned no state. */
  readonly error?: unknown;
}

/** Half message, local transaction, second phase. */
@Injectable()
export class TransactionSender {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #registry: TransactionListenerRegistry;
  readonly #options: ResolvedRocketOptions;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(TransactionListenerRegistry) registry: TransactionListenerRegistry,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#engine = engine;
    this.#converter = converter;
    this.#registry = registry;
    this.#options = options;
  }

  async send(message: Message, arg: unknown): Promise<TransactionSendResult> {
    const { group: producerGroup, sendMessageTimeoutMs: timeoutMs } = this.#options.producer;
    const listener = this.#registry.findForSend(message.topic, producerGroup);
    if (listener === undefined) throw new TransactionListenerMissingError({ topic: message.topic, producerGroup });

    const half = await this.#engine.sendHalf(message, listener.producerGroup, { timeoutMs });
    // RocketMQ's rule: what is not stored as durably as asked is not worth a local transaction.
    const outcome: TransactionOutcome =
      half.sendStatus === 'SEND_OK'
        ? await askListener(listener, halfMessageOf(message, half), this.#converter, 'executeLocalTransaction', arg)
        : { state: 'ROLLBACK' };
    if ('error' in outcome) {
      this.#logger.error(
        `${listener.name}.executeLocalTransaction failed; transaction ${half.transactionId} stays UNKNOWN until it is checked`,
        stackOf(outcome.error),
      );
    }
    await this.#end(half.transactionId, outcome.state);
    const result = { ...half, localTransactionState: outcome.state };
    return 'error' in outcome ? { ...result, error: outcome.error } : result;
  }

  /** Never throws: the local transaction has taken place, and when this report of it is lost the check-back asks again. */
  async #end(transactionId: string, state: TransactionState): Promise<void> {
    try {
      await this.#engine.endTransaction(transactionId, state);
    } catch (error) {
      const isDecided = fieldOf(error, 'code') === 'TRANSACTION_NOT_FOUND';
      const consequence = isDecided ? 'it was decided by somebody else before' : 'the check-back will decide';
      this.#logger.warn(
        `Transaction ${transactionId} could not be ended as ${state} (${messageOf(error)}); ${consequence}`,
      );
    }
  }
}

function halfMessageOf(message: Message, half: HalfSendResult): HalfMessage {
  const { topic, tags, keys, flag = 0, properties = {}, body } = message;
  const { msgId, transactionId } = half;
  return { topic, tags, keys, flag, properties, msgId, transactionId, body: asBuffer(body) };
}

function asBuffer(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}
