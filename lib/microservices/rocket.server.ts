import { Server, type CustomTransportStrategy, type MessageHandler, type MsPattern } from '@nestjs/microservices';
import { from, isObservable, lastValueFrom } from 'rxjs';
import { DefaultMessageConverter, payloadOf, type MessageConverter } from '../converter/index.js';
import {
  EmbeddedBroker,
  Property,
  RECONSUME_LATER,
  type Consumer,
  type EngineEvent,
  type EngineEventType,
  type MessageEngine,
  type MessageExt,
  type TopicSubscription,
} from '../engine/index.js';
import { InvalidOptionError, ListenerUnknownError, UnsupportedByEngineError } from '../errors/index.js';
import { messageOf, stackOf } from '../errors/thrown.js';
import { destinationOf, splitDestination } from './pattern.js';
import type { RocketServerOptions } from './rocket-server.options.js';
import { RocketRpcContext } from './rocket-rpc.context.js';
import { encodeOutcome, encodeValue, isRpcRequest, type RpcOutcome } from './rpc-reply.js';

/** The transport of a {@link RocketServer}: for `@EventPattern('orders', ROCKET_TRANSPORT)` in an app that has other transports, too. */
export const ROCKET_TRANSPORT = Symbol('ROCKET_TRANSPORT');

/** What can be heard with `server.on`. */
export type RocketServerEvents = {
  readonly [Type in EngineEventType]: (event: Extract<EngineEvent, { readonly type: Type }>) => void;
};

const DEFAULT_SHUTDOWN_TIMEOUT_MS = 10_000;

/**
 * A transport for `@nestjs/microservices`: `@EventPattern` and `@MessagePattern` over RocketMQ's topics. A pattern is a destination, `topic` or `topic:tag`; an
 * exact `topic:tag` wins over its `topic`.
 *
 * An event is done when its handler has ended, and is retried when it fails, as with `@MessageListener`. A request is answered, with the handler's last value or
 * its error, and never retried if a `RocketClient` asked.
 *
 * @example
 * ```ts
 * app.connectMicroservice({ strategy: new RocketServer({ engine: app.get(ROCKET_ENGINE), consumerGroup: 'billing' }) });
 * await app.init(); // else messages that wait are handled before the hooks of modules
 * await app.startAllMicroservices();
 * ```
 *
 * @publicApi
 */
export class RocketServer extends Server<RocketServerEvents> implements CustomTransportStrategy {
  override readonly transportId: symbol = ROCKET_TRANSPORT;
  /** The engine learns of events that fail, and logs them. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #options: RocketServerOptions;
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  /** Handlers of events beside the first one of their pattern. */
  readonly #further = new Map<string, MessageHandler[]>();
  #listening: Promise<Consumer | undefined> | undefined;
  #closing: Promise<void> | undefined;
  /** Ends what {@link on} has begun. */
  #unlisten: readonly (() => void)[] = [];

  /** @throws InvalidOptionError */
  constructor(options: RocketServerOptions) {
    super();
    const { engine, broker, environment, converter } = options;
    if (engine !== undefined && (broker !== undefined || environment !== undefined)) {
      const expected = 'left out when the option engine is given: it is for a broker of the server';
      const option = broker === undefined ? 'environment' : 'broker';
      throw new InvalidOptionError({ option, value: options[option], expected });
    }
    this.#options = options;
    this.#engine = engine ?? new EmbeddedBroker(broker, environment);
    this.#converter = converter ?? new DefaultMessageConverter();
  }

  /**
   * Nest joins several handlers of an event to one, which has ended as soon as one of them ends without a value: what the others come to, and their `RECONSUME_LATER`,
   * would be lost.
   *
   * @throws PatternIllegalError
   */
  override addHandler(
    pattern: MsPattern,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const destination = this.normalizePattern(pattern);
    if (!isEventHandler || this.messageHandlers.get(destination)?.isEventHandler !== true) {
      super.addHandler(pattern, callback, isEventHandler, extras);
      return;
    }
    this.#further.set(destination, [...(this.#further.get(destination) ?? []), callback]);
  }

  /** Subscribes to the topics of all patterns; starts the broker if it is the server's own. */
  listen(callback: (error?: unknown) => void): void {
    this.#listening ??= this.#listen().catch((error: unknown) => {
      this.#listening = undefined;
      throw error;
    });
    from(this.#listening).subscribe({ complete: () => callback(), error: callback });
  }

  /** Waits for handlers that are running. A broker of the server's own is closed. A second call waits for the first, whose handlers may need the broker. */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  /** Tells of the engine's failures until the server is closed; see `RocketEvents`. */
  on<Type extends EngineEventType>(type: Type, callback: RocketServerEvents[Type]): void {
    if (this.#engine.listen === undefined) throw new UnsupportedByEngineError({ feature: 'events' });
    // What an async callback returns goes to the engine, which sees to its rejection.
    const unlisten = this.#engine.listen((event) =>
      event.type === type ? (callback as (event: EngineEvent) => void)(event) : undefined,
    );
    this.#unlisten = [...this.#unlisten, unlisten];
  }

  /** The engine. */
  // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- Nest's signature
  unwrap<T = MessageEngine>(): T {
    return this.#engine as T;
  }

  /** @throws PatternIllegalError the pattern is no destination */
  protected override normalizePattern(pattern: MsPattern): string {
    return destinationOf(pattern);
  }

  async #close(): Promise<void> {
    const consumer = await this.#listening?.catch(() => undefined);
    this.#listening = undefined;
    const { shutdownTimeoutMs = DEFAULT_SHUTDOWN_TIMEOUT_MS } = this.#options;
    try {
      const stillRunning = (await consumer?.close({ timeoutMs: shutdownTimeoutMs })) ?? 0;
      if (stillRunning > 0) {
        this.logger.warn(
          `${stillRunning} handlers still running after ${shutdownTimeoutMs} ms; their messages come again`,
        );
      }
    } finally {
      await this.#leaveEngine();
    }
  }

  async #leaveEngine(): Promise<void> {
    try {
      if (this.#options.engine === undefined) await this.#engine.close();
    } finally {
      for (const unlisten of this.#unlisten) unlisten();
      this.#unlisten = [];
    }
  }

  async #listen(): Promise<Consumer | undefined> {
    const { consumerGroup, messageModel, consumeFromWhere, consumeTimestampMs, engine } = this.#options;
    const subscriptions = this.#subscriptions();
    if (engine === undefined) await this.#engine.start();
    // Without a pattern there is nothing to subscribe to; a hybrid app may have its handlers elsewhere.
    if (subscriptions.length === 0) return undefined;
    const place = { messageModel, consumeFromWhere, consumeTimestampMs };
    return this.#engine.subscribe({ group: consumerGroup, ...place, subscriptions });
  }

  /** One for each topic: a group has one subscription to a topic, whichever tags its patterns name. */
  #subscriptions(): readonly TopicSubscription[] {
    const tagsOf = new Map<string, (string | undefined)[]>();
    for (const destination of this.messageHandlers.keys()) {
      const { topic, tag } = splitDestination(destination);
      tagsOf.set(topic, [...(tagsOf.get(topic) ?? []), tag]);
    }
    const { concurrency, consumeMode, consumeTimeoutMs, delayLevelWhenNextConsume } = this.#options;
    const { maxReconsumeTimes, suspendCurrentQueueTimeMs } = this.#options;
    return [...tagsOf].map(([topic, tags]) => ({
      topic,
      selector: { type: 'TAG', expression: tags.includes(undefined) ? '*' : tags.join('||') },
      handler: (message) => this.#handle(message),
      concurrency,
      consumeMode,
      consumeTimeoutMs,
      delayLevelWhenNextConsume,
      maxReconsumeTimes,
      suspendCurrentQueueTimeMs,
    }));
  }

  async #handle(message: MessageExt): Promise<unknown> {
    const { topic, tags } = message;
    const exact = `${topic}:${tags}`;
    const pattern = this.messageHandlers.has(exact) ? exact : topic;
    const handler = this.messageHandlers.get(pattern);
    // A retry of a tag whose handler the app had before.
    if (handler === undefined) {
      const listener = tags === undefined ? topic : exact;
      throw new ListenerUnknownError({ listener, known: [...this.messageHandlers.keys()] });
    }
    const context = new RocketRpcContext([message, pattern]);
    const call = (): Promise<unknown> => this.#hooked(context, () => this.#callAll(pattern, message, context));
    const isRequest = message.properties[Property.CORRELATION_ID] !== undefined && handler.isEventHandler !== true;
    if (!isRequest) return call();
    // What fails here comes again, as at any listener that replies.
    if (!isRpcRequest(message)) return this.#engine.reply(message, encodeValue(await call(), this.#converter));
    const outcome = await call().then(
      (value): RpcOutcome => ({ value }),
      (error: unknown): RpcOutcome => ({ error }),
    );
    return this.#engine.reply(message, this.#encode(outcome));
  }

  /** Waits for each handler, so that none is called again while it runs. */
  async #callAll(pattern: string, message: MessageExt, context: RocketRpcContext): Promise<unknown> {
    const first = this.messageHandlers.get(pattern)!;
    const further = first.isEventHandler === true ? (this.#further.get(pattern) ?? []) : [];
    const calls = [first, ...further].map((handler) => this.#call(handler, message, context));
    await Promise.allSettled(calls);
    const results = await Promise.all(calls);
    return results.find((result) => result === RECONSUME_LATER) ?? results[0];
  }

  async #call(handler: MessageHandler, message: MessageExt, context: RocketRpcContext): Promise<unknown> {
    const payload = payloadOf(this.#converter, message, undefined);
    const result: unknown = await handler(payload, context);
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  }

  /** A value that can't be said in bytes is an error of the handler, and whoever asked is to know. */
  #encode(outcome: RpcOutcome): ReturnType<typeof encodeOutcome> {
    try {
      return encodeOutcome(outcome, this.#converter);
    } catch (error) {
      return encodeOutcome({ error }, this.#converter);
    }
  }

  /** Between Nest's hooks, by which instrumentation sees the calls of handlers. */
  #hooked<T>(context: RocketRpcContext, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.onProcessingStartHook(ROCKET_TRANSPORT, context, async () => {
        try {
          resolve(await work());
        } catch (error) {
          reject(error);
        } finally {
          this.#tellEnd(context);
        }
      });
    });
  }

  /** Called where nobody could catch what the hook throws. */
  #tellEnd(context: RocketRpcContext): void {
    try {
      this.onProcessingEndHook?.(ROCKET_TRANSPORT, context);
    } catch (error) {
      this.logger.error(`The hook at the end of a handler threw: ${messageOf(error)}`, stackOf(error));
    }
  }
}
