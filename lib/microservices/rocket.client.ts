import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { from } from 'rxjs';
import { DefaultMessageConverter, type MessageConverter } from '../converter/index.js';
import type { Message, MessageEngine } from '../engine/index.js';
import { InvalidOptionError } from '../errors/index.js';
import { composeMessage } from '../template/outgoing-message.js';
import { destinationOf } from './pattern.js';
import { decodeReply, RPC_PROPERTY } from './rpc-reply.js';

/** Options of a `RocketClient`. */
export interface RocketClientOptions {
  /** The engine to send with: that of the app's `RocketModule` (`ROCKET_ENGINE`), or `server.unwrap()` of a `RocketServer`. */
  readonly engine: MessageEngine;
  /** Turns payloads into bytes and back. Default: text, bytes and JSON, as `RocketTemplate` does. */
  readonly converter?: MessageConverter | undefined;
  /** Bounds every `emit`, and every `send` with its answer, in milliseconds. Default 3000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * A client for `@nestjs/microservices`: `emit` stores a message, `send` is a request with one answer. Patterns are those of `RocketServer`. Data may be a
 * `RocketMessage`, which carries headers: keys, a delay level, user properties.
 *
 * The message of `emit` is the same as that of `RocketTemplate.convertAndSend`, so listeners of any kind get it.
 *
 * @example
 * ```ts
 * ClientsModule.registerAsync([
 *   {
 *     name: 'BILLING',
 *     inject: [ROCKET_ENGINE],
 *     useFactory: (engine: MessageEngine) => ({ customClass: RocketClient, options: { engine } }),
 *   },
 * ]);
 * ```
 *
 * @publicApi
 */
export class RocketClient extends ClientProxy {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #timeoutMs: number | undefined;

  /** @throws InvalidOptionError */
  constructor({ engine, converter, timeoutMs }: RocketClientOptions) {
    super();
    if (typeof engine?.send !== 'function') {
      throw new InvalidOptionError({ option: 'engine', value: engine, expected: 'an engine, such as ROCKET_ENGINE' });
    }
    this.#engine = engine;
    this.#converter = converter ?? new DefaultMessageConverter();
    this.#timeoutMs = timeoutMs;
  }

  /** The engine is open; whoever gave it sees to that. */
  async connect(): Promise<void> {}

  /** The engine stays open. */
  close(): void {}

  /** The engine. */
  // eslint-disable-next-line typescript/no-unnecessary-type-parameters -- Nest's signature
  unwrap<T = MessageEngine>(): T {
    return this.#engine as T;
  }

  /** Resolves with the engine's `SendResult`, when the message is on disk. */
  protected dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    return this.#engine.send(this.#compose(packet), { timeoutMs: this.#timeoutMs }) as Promise<T>;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const asking = from(this.#ask(packet)).subscribe({
      next: callback,
      error: (error: unknown) => callback({ err: error }),
    });
    return () => asking.unsubscribe();
  }

  async #ask(packet: ReadPacket): Promise<WritePacket> {
    const message = this.#compose(packet);
    const properties = { ...message.properties, [RPC_PROPERTY]: 'request' };
    const reply = await this.#engine.request({ ...message, properties }, { timeoutMs: this.#timeoutMs });
    const outcome = decodeReply(message.topic, reply, this.#converter);
    if ('error' in outcome) return { err: outcome.error };
    return outcome.value === undefined ? { isDisposed: true } : { response: outcome.value, isDisposed: true };
  }

  #compose({ pattern, data }: ReadPacket): Message {
    return composeMessage(destinationOf(pattern), data, {}, this.#converter);
  }
}
