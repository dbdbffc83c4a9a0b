import { Inject, Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import {
  RocketMessage,
  type MessageConverter,
  type MessageHeaders,
  type PayloadOf,
  type PayloadType,
} from '../converter/index.js';
import type { MessageEngine, SendResult } from '../engine/index.js';
import { MessageIllegalError } from '../errors/index.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { TransactionSender, type TransactionSendResult } from '../transaction/index.js';
import { delayMsOfSeconds, isDelayed } from './delay.js';
import { refuseBatch, type MessageBatch } from './message-batch.js';
import { MessageSender } from './message-sender.js';
import { PullConsumers } from './pull-consumers.js';
import { readReceiveOptions, type ReceiveOptions } from './receive-options.js';
import {
  callbackOf,
  readRequestOptions,
  type RequestCallback,
  type RequestOptions,
  type RequestThirdArgument,
} from './request-arguments.js';
import { Requester } from './requester.js';
import { readDelayedArguments, readOneWayOptions, readOrderlyArguments, readSendArguments } from './send-arguments.js';
import {
  checkMessageOptions,
  checkSendOptions,
  type DelayedSendOptions,
  type MessageOptions,
  type SendBatchOptions,
  type SendMessageOptions,
} from './send-options.js';
import type { RocketPullConsumer, RocketPullConsumerOptions } from './rocket-pull-consumer.js';
import { ownBytes } from './own-bytes.js';
import { respond, tell, underWay, type OutcomeCallback } from './send-outcome.js';

/** Told how an asynchronous send went: exactly one of both is called, once. */
export type SendCallback = OutcomeCallback<SendResult>;

/**
 * Sends messages, asks for answers, and receives.
 *
 * A `destination` is `topic` or `topic:tag`. A payload is anything that the converter takes: text, bytes, or what JSON can hold. Instead of a
 * payload every method takes a {@link RocketMessage}, which carries headers as well.
 *
 * An array of RocketMessages is a batch, every other array is one payload. An empty array, of which neither can be said, is refused; as a payload it is sent by
 * `convertAndSend`, or in a RocketMessage.
 *
 * Nothing is stored when an argument is refused: `MessageIllegalError`, `PayloadError`, `UnknownOptionError`, or what the engine refuses
 * (`NameIllegalError`, `MessageTooLargeError`, `TopicNotExistError`, …; docs/errors.md has them all).
 *
 * @publicApi
 */
@Injectable()
export class RocketTemplate {
  readonly #sender: MessageSender;
  readonly #transactions: TransactionSender;
  readonly #requester: Requester;
  readonly #pullConsumers: PullConsumers;

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(TransactionSender) transactions: TransactionSender,
    @Inject(PullConsumers) pullConsumers: PullConsumers,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#sender = new MessageSender(engine, converter, options.producer);
    this.#requester = new Requester(engine, converter, this.#sender);
    this.#transactions = transactions;
    this.#pullConsumers = pullConsumers;
  }

  /**
   * Sends a payload, and resolves when it is stored as durably as the store is set to (default: on disk). Every array is a payload here.
   *
   * @param headers user properties, and RocketMQ's headers (see `RocketHeaders`)
   */
  async convertAndSend(destination: string, payload: unknown, headers: MessageHeaders = {}): Promise<void> {
    refuseBatch(payload, 'convertAndSend takes one payload; syncSend takes a batch');
    const message = payload instanceof RocketMessage ? payload : new RocketMessage(payload);
    await this.#sender.begin(destination, message, checkSendOptions('convertAndSend', { headers }));
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
   * Sends a batch: all messages go to one queue and lie there one after the other. The result has their ids, joined by commas, and the queue offset of the first.
   * The batch is stored as a whole or not at all, but for a crash. No message of it can be delayed. {@link BatchSplitter} makes batches of lists that are too large.
   *
   * @throws MessageTooLargeError when the messages together are over the limit of one message
   */
  syncSend(destination: string, messages: MessageBatch, timeoutMs?: number): Promise<SendResult>;
  syncSend(destination: string, messages: MessageBatch, options: SendBatchOptions): Promise<SendResult>;
  /**
   * Sends, and resolves with the broker's answer.
   *
   * @param timeoutMs bounds the whole call. Default: `producer.sendMessageTimeoutMs`. The message may still be stored after a timeout.
   * @param delayLevel 1 (1 s) to 18 (2 h); 0 or none: at once
   * @throws SendTimeoutError and what the class's description names
   */
  syncSend(
    destination: string,
    payloadOrMessage: unknown,
    timeoutMs?: number,
    delayLevel?: number,
  ): Promise<SendResult>;
  syncSend(destination: string, payloadOrMessage: unknown, options: SendMessageOptions): Promise<SendResult>;
  syncSend(
    destination: string,
    payload: unknown,
    timeoutOrOptions?: number | SendMessageOptions,
    delayLevel?: number,
  ): Promise<SendResult> {
    // Not async, which would put three more promises around the engine's: under Nest each of them is dear.
    try {
      return this.#sender.begin(destination, payload, readSendArguments('syncSend', timeoutOrOptions, delayLevel));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends a batch to the queue of a key.
   *
   * @throws MessageIllegalError when the key is missing or empty, and what `syncSend` throws for a batch
   */
  async syncSendOrderly(
    destination: string,
    messages: MessageBatch,
    hashKey: string,
    timeoutMs?: number,
  ): Promise<SendResult>;
  async syncSendOrderly(
    destination: string,
    messages: MessageBatch,
    hashKey: string,
    options: SendBatchOptions,
  ): Promise<SendResult>;
  /**
   * Sends to the queue of a key: messages of one key keep the order in which they were sent, as long as each is sent when the one before was answered, and the topic
   * has the same number of write queues. An orderly listener gets them in that order. The queue is the one that RocketMQ's clients would choose, unless
   * `producer.messageQueueSelector` or the option `selectQueue` chooses another.
   *
   * @param hashKey what belongs together, such as the number of an order
   * @param timeoutMs bounds the whole call. Default: `producer.sendMessageTimeoutMs`
   * @param delayLevel 1 (1 s) to 18 (2 h); 0 or none: at once. Delayed messages keep their order only among those of one delay
   * @throws MessageIllegalError when the key is missing or empty, and what `syncSend` throws
   */
  async syncSendOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    timeoutMs?: number,
    delayLevel?: number,
  ): Promise<SendResult>;
  async syncSendOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    options: SendMessageOptions,
  ): Promise<SendResult>;
  async syncSendOrderly(
    destination: string,
    payload: unknown,
    hashKey: string,
    timeoutOrOptions?: number | SendMessageOptions,
    delayLevel?: number,
  ): Promise<SendResult> {
    const options = readOrderlyArguments('syncSendOrderly', hashKey, timeoutOrOptions, delayLevel);
    return this.#sender.begin(destination, payload, options);
  }

  /**
   * Sends a message or a batch, and tells the callback how it went. Everything but a missing callback is told to `onException`.
   */
  asyncSend(
    destination: string,
    payloadOrMessage: unknown,
    callback: SendCallback,
    timeoutMs?: number,
    delayLevel?: number,
  ): void;
  asyncSend(destination: string, payloadOrMessage: unknown, callback: SendCallback, options: SendMessageOptions): void;
  /**
   * Sends a message or a batch at once, and answers by an Observable.
   *
   * The message is sent exactly once, whether there are no subscribers, one or many: each gets the one result, also when it subscribes late.
   * Unsubscribing takes nothing back. A failure that nobody has subscribed to is logged.
   */
  asyncSend(destination: string, payloadOrMessage: unknown, options?: SendMessageOptions): Observable<SendResult>;
  asyncSend(
    destination: string,
    payload: unknown,
    callbackOrOptions?: SendCallback | SendMessageOptions,
    timeoutOrOptions?: number | SendMessageOptions,
    delayLevel?: number,
  ): Observable<SendResult> | void {
    return respond(`asyncSend to "${destination}"`, callbackOrOptions, timeoutOrOptions, async (given) =>
      this.#sender.begin(destination, payload, readSendArguments('asyncSend', given, delayLevel)),
    );
  }

  /** {@link syncSendOrderly}, whose outcome a callback is told. Everything but a missing callback is told to `onException`. */
  asyncSendOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    callback: SendCallback,
    timeoutMs?: number,
    delayLevel?: number,
  ): void;
  asyncSendOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    callback: SendCallback,
    options: SendMessageOptions,
  ): void;
  /** {@link syncSendOrderly} at once, answered by an Observable with the rules of {@link asyncSend}. */
  asyncSendOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    options?: SendMessageOptions,
  ): Observable<SendResult>;
  asyncSendOrderly(
    destination: string,
    payload: unknown,
    hashKey: string,
    callbackOrOptions?: SendCallback | SendMessageOptions,
    timeoutOrOptions?: number | SendMessageOptions,
    delayLevel?: number,
  ): Observable<SendResult> | void {
    return respond(`asyncSendOrderly to "${destination}"`, callbackOrOptions, timeoutOrOptions, async (given) =>
      this.#sender.begin(destination, payload, readOrderlyArguments('asyncSendOrderly', hashKey, given, delayLevel)),
    );
  }

  /**
   * Sends a message or a batch without waiting for the disk or an answer: for what may be lost now and then, such as logs.
   *
   * Resolves as soon as the message is on its way, and rejects when it is refused; what goes wrong later is logged.
   */
  async sendOneWay(destination: string, payloadOrMessage: unknown, options: MessageOptions = {}): Promise<void> {
    const checked = checkMessageOptions('sendOneWay', options);
    const sending = this.#sender.begin(destination, ownBytes(payloadOrMessage), checked);
    await underWay(`one-way send to "${destination}"`, sending);
  }

  /** {@link sendOneWay} to the queue of a key. */
  async sendOneWayOrderly(
    destination: string,
    payloadOrMessage: unknown,
    hashKey: string,
    options: MessageOptions = {},
  ): Promise<void> {
    const checked = readOneWayOptions('sendOneWayOrderly', hashKey, options);
    const sending = this.#sender.begin(destination, ownBytes(payloadOrMessage), checked);
    await underWay(`one-way send to "${destination}"`, sending);
  }

  /**
   * Sends a message that is delivered after this many seconds.
   *
   * @param delaySeconds a whole number; 0: at once. At most the broker's `timerMaxDelayMs` (3 days)
   * @returns with a `recallHandle`, by which {@link recall} takes the message back
   * @throws TimerDelayTooLongError and what the class's description names
   */
  async syncSendDelayTimeSeconds(
    destination: string,
    payloadOrMessage: unknown,
    delaySeconds: number,
    options: DelayedSendOptions = {},
  ): Promise<SendResult> {
    const delay = { delayMs: delayMsOfSeconds(delaySeconds) };
    const checked = readDelayedArguments('syncSendDelayTimeSeconds', delay, options);
    return this.#sender.begin(destination, payloadOrMessage, checked);
  }

  /**
   * Sends a message that is delivered after this many milliseconds. The same as `syncSend` with the option `delayMs`, which all sends have.
   *
   * @param delayMs a whole number; 0: at once. At most the broker's `timerMaxDelayMs` (3 days)
   * @returns with a `recallHandle`, by which {@link recall} takes the message back
   * @throws TimerDelayTooLongError and what the class's description names
   */
  async syncSendDelayTimeMills(
    destination: string,
    payloadOrMessage: unknown,
    delayMs: number,
    options: DelayedSendOptions = {},
  ): Promise<SendResult> {
    const checked = readDelayedArguments('syncSendDelayTimeMills', { delayMs }, options);
    return this.#sender.begin(destination, payloadOrMessage, checked);
  }

  /**
   * Sends a message that is delivered at a time. The same as `syncSend` with the option `deliverAt`, which all sends have.
   *
   * @param deliverAt a Date or epoch milliseconds; a time that has passed means at once. At most `timerMaxDelayMs` (3 days) ahead
   * @returns with a `recallHandle`, by which {@link recall} takes the message back
   * @throws TimerDelayTooLongError and what the class's description names
   */
  async syncSendDeliverTimeMills(
    destination: string,
    payloadOrMessage: unknown,
    deliverAt: Date | number,
    options: DelayedSendOptions = {},
  ): Promise<SendResult> {
    const checked = readDelayedArguments('syncSendDeliverTimeMills', { deliverAt }, options);
    return this.#sender.begin(destination, payloadOrMessage, checked);
  }

  /**
   * Takes back a message with `delayMs` or `deliverAt` before its time: it is never delivered. Resolves when that is on disk.
   *
   * @param destination where it was sent to: the topic, with or without the tag
   * @param recallHandle of the message's SendResult
   * @returns the message's id
   * @throws RecallTooLateError the message is due, or was delivered; AlreadyRecalledError; RecallHandleIllegalError
   */
  async recall(destination: string, recallHandle: string): Promise<string> {
    return this.#sender.recall(destination, recallHandle);
  }

  /**
   * Sends a request, and resolves with what a listener with `replies: true` returns for it. Any number of requests can be under way.
   *
   * A listener that throws does not answer: the request comes to it again, as every message does, and its reply counts if it comes in time. Who asks waits in memory: a reply
   * that comes after the timeout, or after a restart, is dropped and counted.
   *
   * @throws RequestTimeoutError, ReplyUnreadableError and what the class's description names
   */
  sendAndReceive<const P extends PayloadType = ObjectConstructor>(
    destination: string,
    payloadOrMessage: unknown,
    options?: RequestOptions<P>,
  ): Promise<PayloadOf<P>>;
  /**
   * @param replyType what the reply is made into; see {@link PayloadType}
   * @param timeoutMs bounds the whole call. Default: `producer.sendMessageTimeoutMs`
   */
  sendAndReceive<const P extends PayloadType>(
    destination: string,
    payloadOrMessage: unknown,
    replyType: P,
    timeoutMs?: number,
  ): Promise<PayloadOf<P>>;
  /** @param hashKey requests of one key go to one queue */
  sendAndReceive<const P extends PayloadType>(
    destination: string,
    payloadOrMessage: unknown,
    replyType: P,
    hashKey: string,
    timeoutMs?: number,
  ): Promise<PayloadOf<P>>;
  /** Tells the callback the reply, or what went wrong. */
  sendAndReceive<const P extends PayloadType = ObjectConstructor>(
    destination: string,
    payloadOrMessage: unknown,
    callback: RequestCallback<P>,
    timeoutMs?: number,
  ): void;
  sendAndReceive<const P extends PayloadType = ObjectConstructor>(
    destination: string,
    payloadOrMessage: unknown,
    callback: RequestCallback<P>,
    hashKey: string,
    timeoutMs?: number,
  ): void;
  sendAndReceive(
    destination: string,
    payload: unknown,
    third?: RequestThirdArgument,
    ...rest: readonly unknown[]
  ): Promise<unknown> | void {
    const callback = callbackOf(third);
    const asking = async (): Promise<unknown> =>
      this.#requester.request(destination, payload, readRequestOptions(third, rest));
    if (callback === undefined) return asking();
    tell(callback, `sendAndReceive to "${destination}"`, asking());
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
    refuseBatch(payloadOrMessage, 'the messages of a batch can not be sent in a transaction');
    const message = this.#sender.compose(destination, payloadOrMessage, {});
    if (isDelayed(message)) {
      // RocketMQ's client clears the delay without a word.
      const reason = 'a transaction message can not be delayed';
      throw new MessageIllegalError({ field: 'its delay level', value: message.delayLevel, reason });
    }
    return this.#transactions.send(message, arg);
  }

  /**
   * Takes the next payloads from the topic of the module's `pullConsumer` options: those that are there, else the first to arrive; none when none arrives in time.
   *
   * What a call returned counts as consumed when the next call is made: it comes again after a crash or a restart before that. One call at a time. A message that can not be
   * read fails one call, in which it is the only one. {@link createPullConsumer} gives the messages with the payloads, and commits by hand.
   *
   * @throws PullGroupMissingError without `pullConsumer` options; PayloadUnreadableError, PullPollPendingError, PullConsumerClosedError
   */
  async receive<const P extends PayloadType = ObjectConstructor>(options?: ReceiveOptions<P>): Promise<PayloadOf<P>[]>;
  /** @param timeoutMs how long to wait for the first message. 0: not at all. Default 5000 */
  async receive<const P extends PayloadType>(payloadType: P, timeoutMs?: number): Promise<PayloadOf<P>[]>;
  async receive(typeOrOptions?: PayloadType | ReceiveOptions, timeoutMs?: number): Promise<unknown[]> {
    return this.#pullConsumers.receive(readReceiveOptions(typeOrOptions, timeoutMs));
  }

  /**
   * Makes a consumer that asks for messages when it wants them. It is closed with the app, at the latest.
   *
   * @throws PullGroupMissingError, NameIllegalError, InvalidOptionError, UnknownOptionError
   */
  async createPullConsumer<const P extends PayloadType = ObjectConstructor>(
    options: RocketPullConsumerOptions<P>,
  ): Promise<RocketPullConsumer<PayloadOf<P>>> {
    return (await this.#pullConsumers.create(options)) as RocketPullConsumer<PayloadOf<P>>;
  }
}
