import { Inject, Injectable, Logger } from '@nestjs/common';
import { AsyncSubject, type Observable } from 'rxjs';
import { RocketMessage, type MessageConverter, type MessageHeaders } from '../converter/index.js';
import type { Message, MessageEngine, SendResult } from '../engine/index.js';
import { MessageIllegalError } from '../errors/index.js';
import { stackOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { TransactionSender, type TransactionSendResult } from '../transaction/index.js';
import { composeMessage } from './outgoing-message.js';
import {
  checkMessageOptions,
  readSendArguments,
  type MessageOptions,
  type SendMessageOptions,
} from './send-options.js';

/** Told how an asynchronous send went: exactly one of both is called, once. */
export interface SendCallback {
  onSuccess(result: SendResult): void;
  onException(error: unknown): void;
}

/**
 * Sends messages.
 *
 * A `destination` is `topic` or `topic:tag`. A payload is anything that the converter takes: text, bytes, or what JSON can hold. Instead of a
 * payload every method takes a {@link RocketMessage}, which carries headers as well.
 *
 * Nothing is stored when an argument is refused: `MessageIllegalError`, `PayloadError`, `UnknownOptionError`, or what the engine refuses
 * (`NameIllegalError`, `MessageTooLargeError`, `TopicNotExistError`, …; docs/errors.md has them all).
 *
 * @publicApi
 */
@Injectable()
export class RocketTemplate {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #transactions: TransactionSender;
  readonly #options: ResolvedRocketOptions;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(TransactionSender) transactions: TransactionSender,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#engine = engine;
    this.#converter = converter;
    this.#transactions = transactions;
    this.#options = options;
  }

  /**
   * Sends a payload, and resolves when it is stored as durably as the store is set to (default: on disk).
   *
   * @param headers user properties, and RocketMQ's headers (see `RocketHeaders`)
   */
  async convertAndSend(destination: string, payload: unknown, headers: MessageHeaders = {}): Promise<void> {
    await this.syncSend(destination, payload, { headers });
  }

  /** Sends a message, and resolves when it is stored as durably as the store is set to (default: on disk). */
  async send(destination: string, message: RocketMessage): Promise<void> {
    if (!(message instanceof RocketMessage)) {
      const reason = 'send takes a RocketMessage; convertAndSend takes a payload';
      throw new MessageIllegalError({ field: 'the message', value: message, reason });
    }
    await this.syncSend(destination, message);
  }

  /**
   * Sends, and resolves with the broker's answer.
   *
   * @param timeoutMs bounds the whole call. Default: `producer.sendMessageTimeoutMs`. The message may still be stored after a timeout.
   * @param delayLevel 1 (1 s) to 18 (2 h); 0 or none: at once
   * @throws SendTimeoutError and what the class's description names
   */
  async syncSend(
    destination: string,
    payloadOrMessage: unknown,
    timeoutMs?: number,
    delayLevel?: number,
  ): Promise<SendResult>;
  async syncSend(destination: string, payloadOrMessage: unknown, options: SendMessageOptions): Promise<SendResult>;
  async syncSend(
    destination: string,
    payloadOrMessage: unknown,
    timeoutOrOptions?: number | SendMessageOptions,
    delayLevel?: number,
  ): Promise<SendResult> {
    const options = readSendArguments('syncSend', timeoutOrOptions, delayLevel);
    return this.#engine.send(this.#compose(destination, payloadOrMessage, options), this.#timeoutOf(options));
  }

  /**
   * Sends, and tells the callback how it went. Everything but a missing callback is told to `onException`.
   */
  asyncSend(
    destination: string,
    payloadOrMessage: unknown,
    callback: SendCallback,
    timeoutMs?: number,
    delayLevel?: number,
  ): void;
  /**
   * Sends at once, and answers by an Observable.
   *
   * The message is sent exactly once, whether there are no subscribers, one or many: each gets the one result, also when it subscribes late.
   * Unsubscribing takes nothing back. A failure that nobody has subscribed to is logged.
   */
  asyncSend(destination: string, payloadOrMessage: unknown, options?: SendMessageOptions): Observable<SendResult>;
  asyncSend(
    destination: string,
    payloadOrMessage: unknown,
    callbackOrOptions?: SendCallback | SendMessageOptions,
    timeoutMs?: number,
    delayLevel?: number,
  ): Observable<SendResult> | void {
    if (isCallback(callbackOrOptions)) {
      this.#tell(callbackOrOptions, destination, this.syncSend(destination, payloadOrMessage, timeoutMs, delayLevel));
      return;
    }
    if (timeoutMs !== undefined || delayLevel !== undefined) {
      const reason = 'without a callback, timeout and delay level belong into the options object';
      throw new MessageIllegalError({ field: 'an argument of asyncSend', value: timeoutMs ?? delayLevel, reason });
    }
    return this.#observe(destination, this.syncSend(destination, payloadOrMessage, callbackOrOptions ?? {}));
  }

  /**
   * Sends without waiting for the disk or an answer: for what may be lost now and then, such as logs.
   *
   * Resolves as soon as the message is on its way, and rejects when it is refused; what goes wrong later is logged.
   */
  async sendOneWay(destination: string, payloadOrMessage: unknown, options: MessageOptions = {}): Promise<void> {
    const message = this.#compose(destination, payloadOrMessage, checkMessageOptions('sendOneWay', options));
    const sending = this.#engine.send(message, this.#timeoutOf({}));
    let isUnderWay = false;
    sending.catch((error: unknown) => {
      if (isUnderWay) this.#logger.error(`A one-way send to "${destination}" failed`, stackOf(error));
    });
    // A promise that is rejected already wins over one that is resolved already, being asked first.
    await Promise.race([sending, Promise.resolve()]);
    isUnderWay = true;
  }

  /**
   * Stores a half message, runs the local transaction of the {@link TransactionListener} that is bound to the topic, and commits or rolls
   * back the message as the listener says.
   *
   * The local transaction is not run when the half message could not be stored as durably as asked: then it is rolled back. What the listener
   * throws is not thrown here, it is the result's `error`, with the state UNKNOWN.
   *
   * @param arg handed to `executeLocalTransaction` as it is
   * @throws TransactionListenerMissingError and what the class's description names
   */
  async sendMessageInTransaction(
    destination: string,
    payloadOrMessage: unknown,
    arg?: unknown,
  ): Promise<TransactionSendResult> {
    const message = this.#compose(destination, payloadOrMessage, {});
    if (message.delayLevel !== undefined && message.delayLevel !== 0) {
      // RocketMQ's client clears the delay without a word.
      const reason = 'a transaction message can not be delayed';
      throw new MessageIllegalError({ field: 'its delay level', value: message.delayLevel, reason });
    }
    return this.#transactions.send(message, arg);
  }

  #compose(destination: string, payloadOrMessage: unknown, options: MessageOptions): Message {
    return composeMessage(destination, payloadOrMessage, options, this.#converter);
  }

  #timeoutOf(options: SendMessageOptions): { timeoutMs: number } {
    return { timeoutMs: options.timeoutMs ?? this.#options.producer.sendMessageTimeoutMs };
  }

  #tell(callback: SendCallback, destination: string, sending: Promise<SendResult>): void {
    sending
      .then(
        (result) => callback.onSuccess(result),
        (error: unknown) => callback.onException(error),
      )
      .catch((error: unknown) => {
        this.#logger.error(`The callback of an asyncSend to "${destination}" threw`, stackOf(error));
      });
  }

  #observe(destination: string, sending: Promise<SendResult>): Observable<SendResult> {
    const subject = new AsyncSubject<SendResult>();
    const succeed = (result: SendResult): void => {
      subject.next(result);
      subject.complete();
    };
    sending.then(succeed, (error: unknown) => {
      if (!subject.observed) {
        this.#logger.error(`An asyncSend to "${destination}" that nobody subscribed to failed`, stackOf(error));
      }
      subject.error(error);
    });
    return subject.asObservable();
  }
}

function isCallback(value: SendCallback | SendMessageOptions | undefined): value is SendCallback {
  if (typeof value !== 'object' || value === null) return false;
  const { onSuccess, onException } = value as Partial<SendCallback>;
  if (typeof onSuccess === 'function' && typeof onException === 'function') return true;
  if (onSuccess === undefined && onException === undefined) return false;
  const reason = 'it must have the functions onSuccess and onException';
  throw new MessageIllegalError({ field: 'the callback', value, reason });
}
