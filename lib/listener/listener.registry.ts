import { types } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import type { BatchListenerOptions, MessageListenerOptions } from '../decorators/message-listener.decorator.js';
import type { BatchContext, MessageExt } from '../engine/index.js';
import { InvalidOptionError, ListenerOptionError, ListenerUnknownError } from '../errors/index.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { anObject } from '../rocket.option-rules.js';
import { ROCKET_RESOLVED_OPTIONS, ROCKET_STORE_NAME } from '../rocket.tokens.js';
import type { ListenerControl } from './listener-control.js';
import type { DynamicListenerHandle, ListenerHandle, ListenerStatus } from './listener-handle.js';
import type { ListenerMembership } from './listener-membership.js';
import { resolveListenerOptions } from './listener-options.js';
import { ListenerContainer } from './listener.container.js';

/** Names a listener by its id, or by what it consumes. */
export type ListenerKey = string | { readonly consumerGroup: string; readonly topic: string };

/** Handles one message of a listener from code. What it returns and throws means the same as in `RocketListener.onMessage`. */
export type ListenerFunction<T> = (payload: T, message: MessageExt) => unknown;

/** Handles a batch of a listener from code, as `RocketBatchListener.onMessages`. */
export type BatchListenerFunction<T> = (payloads: T[], messages: MessageExt[], context: BatchContext) => unknown;

/**
 * The listeners of the app: to look at, to pause and to resume, and to add some by code. Inject it wherever it is needed.
 *
 * @publicApi
 */
@Injectable()
export class RocketListenerRegistry {
  readonly #container: ListenerContainer;
  readonly #options: ResolvedRocketOptions;
  readonly #store: string;

  constructor(
    @Inject(ListenerContainer) container: ListenerContainer,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
    @Inject(ROCKET_STORE_NAME) store: string,
  ) {
    this.#container = container;
    this.#options = options;
    this.#store = store;
  }

  /** All listeners. Decorated ones are there from this module's `onModuleInit` on. */
  list(): readonly ListenerHandle[] {
    return this.#container.listeners;
  }

  has(key: ListenerKey): boolean {
    return this.#find(key) !== undefined;
  }

  /** @throws ListenerUnknownError, InvalidOptionError */
  get(key: ListenerKey): ListenerHandle {
    const found = this.#find(key);
    if (found !== undefined) return found;
    const listener = typeof key === 'string' ? key : `${key.topic}@${key.consumerGroup}`;
    throw new ListenerUnknownError({ listener, known: this.list().map(({ id }) => id) });
  }

  /** Pauses all listeners; see {@link ListenerHandle.pause}. */
  pause(): void {
    for (const listener of this.list()) listener.pause();
  }

  /** Resumes all listeners, whoever paused them. */
  resume(): void {
    for (const listener of this.list()) listener.resume();
  }

  status(): readonly ListenerStatus[] {
    return this.list().map((listener) => listener.status());
  }

  /**
   * Adds a listener by code, with the options of `@MessageListener`. It becomes a member of its group by itself, so all members of the group must subscribe to the
   * same. Its handler is called from now on, or, before the application has bootstrapped, from then on. At shutdown it is closed with the others.
   *
   * @throws ListenerOptionError, UnknownOptionError, ListenerIdTakenError, ListenerRefusedError; ListenersEndedError when the app shuts down
   */
  subscribe<T = unknown>(
    options: BatchListenerOptions,
    handler: BatchListenerFunction<T>,
  ): Promise<DynamicListenerHandle>;
  subscribe<T = unknown>(options: MessageListenerOptions, handler: ListenerFunction<T>): Promise<DynamicListenerHandle>;
  async subscribe(
    options: MessageListenerOptions,
    handler: ListenerFunction<never> | BatchListenerFunction<never>,
  ): Promise<DynamicListenerHandle> {
    if (!anObject.accepts(options)) {
      throw new InvalidOptionError({ option: 'options of subscribe', value: options, expected: anObject.expected });
    }
    // The body of a generator would not be run, and its messages count as done.
    if (typeof handler !== 'function' || types.isGeneratorFunction(handler)) {
      const expected = 'a function that is no generator';
      throw new InvalidOptionError({ option: 'handler of subscribe', value: handler, expected });
    }
    const name = `Listener ${options.id ?? `${options.topic}@${options.consumerGroup}`} (from code)`;
    const resolved = resolveListenerOptions(name, options);
    if (options.store !== undefined && options.store !== this.#store) {
      const expected = `left out, or "${this.#store}", whose registry this is: ask that of the other store`;
      throw new ListenerOptionError({ listener: name, option: 'store', value: options.store, expected });
    }
    const call = handler as (...args: readonly unknown[]) => unknown;
    const membership = await this.#container.add({ name, options: resolved, invoke: (...args) => call(...args) });
    return this.#handleOf(membership);
  }

  #find(key: ListenerKey): ListenerControl | undefined {
    if (typeof key !== 'string' && !anObject.accepts(key)) {
      const expected = 'the id of a listener, or an object with consumerGroup and topic';
      throw new InvalidOptionError({ option: 'key', value: key, expected });
    }
    return this.#container.listeners.find((listener) =>
      typeof key === 'string'
        ? listener.id === key
        : listener.topic === key.topic && listener.consumerGroup === key.consumerGroup,
    );
  }

  #handleOf(membership: ListenerMembership): DynamicListenerHandle {
    const [control] = membership.listeners;
    const { id, name, topic, consumerGroup } = control!;
    const close = async ({ timeoutMs = this.#options.consumer.shutdownTimeoutMs } = {}): Promise<number> => {
      if (!(timeoutMs >= 0)) {
        throw new InvalidOptionError({ option: 'timeoutMs', value: timeoutMs, expected: 'a number of at least 0' });
      }
      return this.#container.remove(membership, timeoutMs);
    };
    return {
      id,
      name,
      topic,
      consumerGroup,
      close,
      pause: () => control!.pause(),
      resume: () => control!.resume(),
      status: () => control!.status(),
      [Symbol.asyncDispose]: async () => {
        await close();
      },
    };
  }
}
