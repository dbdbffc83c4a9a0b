import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { ConsumerSpec, MessageEngine } from '../engine/index.js';
import {
  ConsumingDisabledError,
  ListenerIdTakenError,
  ListenersEndedError,
  UnsupportedByEngineError,
} from '../errors/index.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import { runInContext } from '../rocket.context-carrier.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { planConsumers } from './consumer-plan.js';
import type { ListenerControl } from './listener-control.js';
import type { ListenerDefinition } from './listener-definition.js';
import { ListenerExplorer } from './listener.explorer.js';
import { createHandlers } from './listener.handler.js';
import { ListenerReplies } from './listener.reply.js';
import { ListenerMembership } from './listener-membership.js';

/** Holds the app's members of consumer groups from the subscription to the end. */
@Injectable()
export class ListenerContainer {
  readonly #explorer: ListenerExplorer;
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #replies: ListenerReplies;
  readonly #options: ResolvedRocketOptions;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #memberships: readonly ListenerMembership[] = [];
  #decorated: readonly ListenerMembership[] = [];
  /** Listeners whose groups are being joined. */
  readonly #joining = new Set<Promise<unknown>>();
  #hasBegun = false;
  #hasEnded = false;

  constructor(
    @Inject(ListenerExplorer) explorer: ListenerExplorer,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#explorer = explorer;
    this.#engine = engine;
    this.#converter = converter;
    this.#options = options;
    this.#replies = new ListenerReplies(engine, converter);
  }

  /** All listeners of the app, decorated ones first. */
  get listeners(): readonly ListenerControl[] {
    return this.#memberships.flatMap(({ listeners }) => listeners);
  }

  /** Finds the listeners and checks that they can live together. Nothing is subscribed. */
  discover(): void {
    const definitions = this.#explorer.explore();
    const found = this.#plan(definitions).map((spec) => {
      const ofGroup = definitions.filter(({ options }) => options.consumerGroup === spec.group);
      return new ListenerMembership(spec, ofGroup);
    });
    for (const membership of found) this.#admit(membership);
    this.#decorated = found;
  }

  /** Fixes where each group begins. No handler is called before {@link begin}. */
  async subscribe(): Promise<void> {
    // An app may be told to stop before it has started. Nobody would end its part in groups then, and it would keep its queues.
    if (this.#hasEnded) return;
    const decorated = this.#decorated;
    const joining = this.#joinAll(decorated);
    this.#joining.add(joining);
    try {
      await joining;
    } finally {
      this.#joining.delete(joining);
    }
    // The drain closes what has joined meanwhile.
    if (this.#hasEnded) return;
    for (const { listeners } of decorated) for (const listener of listeners) this.#announce(listener.definition);
  }

  begin(): void {
    this.#hasBegun = true;
    for (const membership of this.#memberships) membership.begin();
  }

  /**
   * Adds a listener while the app runs, as a member of its own.
   *
   * @throws ListenerIdTakenError, ListenersEndedError, ListenerRefusedError
   */
  async add(definition: ListenerDefinition): Promise<ListenerMembership> {
    const { id } = definition.options;
    if (!this.#options.consumer.enabled) throw new ConsumingDisabledError({ listener: id });
    if (this.#hasEnded) throw new ListenersEndedError({ listener: id });
    const [spec] = this.#plan([definition]);
    const membership = new ListenerMembership(spec!, [definition]);
    this.#admit(membership);
    const joining = membership.join(this.#engine);
    this.#joining.add(joining);
    try {
      await joining;
    } catch (error) {
      this.#forget(membership);
      throw error;
    } finally {
      this.#joining.delete(joining);
    }
    // The app may have come to its end meanwhile; the drain closes the membership.
    if (this.#hasEnded) throw new ListenersEndedError({ listener: id });
    if (this.#hasBegun) membership.begin();
    this.#announce(definition);
    return membership;
  }

  /** Ends what {@link add} has begun. */
  async remove(membership: ListenerMembership, timeoutMs: number): Promise<number> {
    try {
      return await membership.leave(timeoutMs);
    } finally {
      // Also when its positions could not be written: it is no member any more.
      this.#forget(membership);
    }
  }

  /** Stops pulling, waits for running handlers and commits what is done. Harmless when there is nothing to stop. */
  async drain(timeoutMs: number): Promise<void> {
    this.#hasEnded = true;
    for (const membership of this.#memberships) membership.pause();
    await Promise.allSettled(this.#joining);
    const memberships = this.#memberships;
    const outcomes = await Promise.allSettled(memberships.map((membership) => this.#leave(membership, timeoutMs)));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async #joinAll(memberships: readonly ListenerMembership[]): Promise<void> {
    for (const membership of memberships) {
      if (this.#hasEnded) return;
      await membership.join(this.#engine);
    }
  }

  #plan(definitions: readonly ListenerDefinition[]): readonly ConsumerSpec[] {
    if (!this.#engine.capabilities.requestReply && definitions.some(({ options }) => options.replies)) {
      throw new UnsupportedByEngineError({ feature: 'listeners that reply' });
    }
    const { context } = this.#options.producer;
    return planConsumers(definitions, (listener) => {
      const handlers = createHandlers(listener, this.#converter, this.#replies);
      const { handler } = handlers;
      if (handler === undefined || context === undefined) return handlers;
      return { handler: (message) => runInContext(context, message.properties, () => handler(message)) };
    });
  }

  #admit(membership: ListenerMembership): void {
    for (const { id, name } of membership.listeners) {
      const present = this.listeners.find((listener) => listener.id === id);
      if (present !== undefined) throw new ListenerIdTakenError({ id, first: present.name, second: name });
    }
    this.#memberships = [...this.#memberships, membership];
  }

  #forget(membership: ListenerMembership): void {
    this.#memberships = this.#memberships.filter((other) => other !== membership);
  }

  #announce({ name, options }: ListenerDefinition): void {
    const { topic, consumerGroup, selector, messageModel, consumeMode } = options;
    const selection = `${selector.type} "${selector.expression}"`;
    this.#logger.log(
      `${name} listens to topic "${topic}" in group "${consumerGroup}" (${selection}, ${messageModel}, ${consumeMode})`,
    );
  }

  async #leave(membership: ListenerMembership, timeoutMs: number): Promise<void> {
    const stillRunning = await membership.leave(timeoutMs);
    if (stillRunning === 0) return;
    this.#logger.warn(
      `${stillRunning} ${stillRunning === 1 ? 'handler' : 'handlers'} of group "${membership.group}" still running after ${timeoutMs} ms ` +
        `(consumer.shutdownTimeoutMs); what they handle will come again`,
    );
  }
}
