import { NotARequestError, RequestTimeoutError, StoreClosedError } from '../../errors/index.js';
import { Property, type Clock, type MessageExt, type Random, type Reply, type SendObserver } from '../types/index.js';

/** The parts of a message that make it a request (RocketMQ: `RequestResponseFuture`, `MessageUtil`). */
export type RequestProperties = Readonly<Record<string, string>>;

interface PendingRequest {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

export interface RequestTableParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Tells the requests of this broker apart from those that another one left in the store. */
  readonly clientId: string;
  /** Undefined: nobody is told of answers that are dropped. */
  readonly observer?: Pick<SendObserver, 'replyDropped'> | undefined;
}

/**
 * Brings answers to those who asked. Requests and answers find each other by a correlation id, so that any number can be under way. Whoever asks waits
 * in memory: after a restart nobody does, and the answer to an old request is dropped.
 */
export class RequestTable {
  readonly #parts: RequestTableParts;
  readonly #pending = new Map<string, PendingRequest>();
  #lateReplies = 0;

  constructor(parts: RequestTableParts) {
    this.#parts = parts;
  }

  /** Answers that came when nobody waited for them (any more). */
  get lateReplies(): number {
    return this.#lateReplies;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param send sends the message with these properties; when it fails, the request does
   * @throws RequestTimeoutError
   */
  ask(topic: string, timeoutMs: number, send: (properties: RequestProperties) => Promise<unknown>): Promise<Reply> {
    const correlationId = this.#newId();
    return new Promise((resolve, reject) => {
      // Somebody waits for the answer, so the process must not end for want of other work.
      const timer = this.#parts.clock.setTimer(() => fail(new RequestTimeoutError({ topic, timeoutMs })), timeoutMs, {
        keepsProcessAlive: true,
      });
      const end = (): void => {
        this.#pending.delete(correlationId);
        timer.cancel();
      };
      const fail = (error: unknown): void => {
        end();
        reject(error);
      };
      const succeed = (reply: Reply): void => {
        end();
        resolve(reply);
      };
      this.#pending.set(correlationId, { resolve: succeed, reject: fail });
      const properties = {
        [Property.CORRELATION_ID]: correlationId,
        [Property.REPLY_TO_CLIENT]: this.#parts.clientId,
        [Property.TTL]: String(timeoutMs),
      };
      send(properties).catch(fail);
    });
  }

  /**
   * @returns whether somebody waited for the answer
   * @throws NotARequestError
   */
  answer(request: MessageExt, reply: Reply): boolean {
    const correlationId = request.properties[Property.CORRELATION_ID];
    if (correlationId === undefined) throw new NotARequestError({ msgId: request.msgId, topic: request.topic });
    const pending = this.#pending.get(correlationId);
    if (pending === undefined) {
      this.#lateReplies++;
      this.#parts.observer?.replyDropped(request.topic, request.msgId);
      return false;
    }
    pending.resolve(reply);
    return true;
  }

  /** Nobody will answer any more. */
  close(): void {
    const error = new StoreClosedError({ operation: 'wait for an answer', state: 'closing' });
    for (const pending of this.#pending.values()) pending.reject(error);
  }

  #newId(): string {
    const part = (): string => this.#parts.random.nextInt(0x10000).toString(16).padStart(4, '0');
    return `${part()}${part()}-${part()}-${part()}-${part()}-${part()}${part()}${part()}`;
  }
}
