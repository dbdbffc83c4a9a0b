import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { Consumer, ConsumerSpec, MessageEngine } from '../engine/index.js';
import { ListenerRefusedError, UnsupportedByEngineError } from '../errors/index.js';
import { messageOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE } from '../rocket.tokens.js';
import { planConsumers } from './consumer-plan.js';
import type { ListenerDefinition } from './listener-definition.js';
import { ListenerExplorer } from './listener.explorer.js';
import { createHandlers } from './listener.handler.js';
import { ListenerReplies } from './listener.reply.js';

/** Holds the app's members of consumer groups from the subscription to the end. */
@Injectable()
export class ListenerContainer {
  readonly #explorer: ListenerExplorer;
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #listeners: readonly ListenerDefinition[] = [];
  #specs: readonly ConsumerSpec[] = [];
  #consumers: readonly Consumer[] = [];

  constructor(
    @Inject(ListenerExplorer) explorer: ListenerExplorer,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
  ) {
    this.#explorer = explorer;
    this.#engine = engine;
    this.#converter = converter;
  }

  /** Finds the listeners and checks that they can live together. Nothing is subscribed. */
  discover(): void {
    this.#listeners = this.#explorer.explore();
    if (!this.#engine.capabilities.requestReply && this.#listeners.some(({ options }) => options.replies)) {
      throw new UnsupportedByEngineError({ feature: 'listeners that reply' });
    }
    const replies = new ListenerReplies(this.#engine, this.#converter);
    this.#specs = planConsumers(this.#listeners, (listener) => createHandlers(listener, this.#converter, replies));
  }

  /** Fixes where each group begins. No handler is called before {@link begin}. */
  async subscribe(): Promise<void> {
    for (const spec of this.#specs) {
      const consumer = await this.#join(spec);
      consumer.pause();
      this.#consumers = [...this.#consumers, consumer];
    }
    for (const { name, options } of this.#listeners) {
      const { topic, consumerGroup, selector, messageModel, consumeMode } = options;
      const selection = `${selector.type} "${selector.expression}"`;
      this.#logger.log(
        `${name} listens to topic "${topic}" in group "${consumerGroup}" (${selection}, ${messageModel}, ${consumeMode})`,
      );
    }
  }

  begin(): void {
    for (const consumer of this.#consumers) consumer.resume();
  }

  /** Stops pulling, waits for running handlers and commits what is done. Harmless when there is nothing to stop. */
  async drain(timeoutMs: number): Promise<void> {
    const consumers = this.#consumers;
    this.#consumers = [];
    for (const consumer of consumers) consumer.pause();
    const outcomes = await Promise.allSettled(consumers.map((consumer) => this.#leave(consumer, timeoutMs)));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async #join(spec: ConsumerSpec): Promise<Consumer> {
    try {
      return await this.#engine.subscribe(spec);
    } catch (error) {
      const members = this.#listeners.filter(({ options }) => options.consumerGroup === spec.group);
      const listeners = members.map(({ name }) => name);
      throw new ListenerRefusedError({ listeners, group: spec.group, reason: messageOf(error) }, error);
    }
  }

  async #leave(consumer: Consumer, timeoutMs: number): Promise<void> {
    const stillRunning = await consumer.close({ timeoutMs });
    if (stillRunning === 0) return;
    this.#logger.warn(
      `${stillRunning} ${stillRunning === 1 ? 'handler' : 'handlers'} of group "${consumer.group}" still running after ${timeoutMs} ms ` +
        `(consumer.shutdownTimeoutMs); what they handle will come again`,
    );
  }
}
