import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { MessageEngine, MessageExt, TransactionState } from '../engine/index.js';
import { TransactionListenerMissingError, UnsupportedByEngineError } from '../errors/index.js';
import { stackOf } from '../errors/thrown.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import { runInContext, type ContextCarrier } from '../rocket.context-carrier.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { TransactionListenerBindings } from './transaction-listener.bindings.js';
import { TransactionListenerRegistry } from './transaction-listener.registry.js';
import { askListener } from './transaction-outcome.js';

/** Answers the engine's check-backs. */
@Injectable()
export class TransactionChecks {
  readonly #registry: TransactionListenerRegistry;
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #context: ContextCarrier | undefined;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #bindings = new TransactionListenerBindings([]);
  #begin: () => void = () => undefined;
  readonly #begun = new Promise<void>((resolve) => {
    this.#begin = resolve;
  });
  #unregister: readonly (() => void)[] = [];

  constructor(
    @Inject(TransactionListenerRegistry) registry: TransactionListenerRegistry,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#registry = registry;
    this.#engine = engine;
    this.#converter = converter;
    this.#context = options.producer.context;
  }

  /** Finds the transaction listeners and checks that they can live together. */
  discover(): void {
    this.#bindings = this.#registry.discover();
    if (this.#bindings.producerGroups.length > 0 && !this.#engine.capabilities.transactions) {
      throw new UnsupportedByEngineError({ feature: '@TransactionListener' });
    }
  }

  /** From here on half messages are offered to listeners, but none is asked before {@link begin}. */
  register(): void {
    this.#unregister = this.#bindings.producerGroups.map((producerGroup) =>
      this.#engine.registerTransactionChecker(producerGroup, (half) => this.#check(half, producerGroup)),
    );
  }

  begin(): void {
    this.#begin();
  }

  /** From here on listeners are not asked any more: half messages wait for the next start. */
  end(): void {
    for (const unregister of this.#unregister) unregister();
    this.#unregister = [];
  }

  async #check(half: MessageExt, producerGroup: string): Promise<TransactionState> {
    await this.#begun;
    const listener = this.#bindings.find(half.topic, producerGroup);
    // A throw counts as UNKNOWN: in the end the message is set aside where it can be looked at.
    if (listener === undefined) throw new TransactionListenerMissingError({ topic: half.topic, producerGroup });
    const outcome = await runInContext(this.#context, half.properties, () =>
      askListener(listener, half, this.#converter, 'checkLocalTransaction'),
    );
    if (outcome.error !== undefined) {
      this.#logger.error(
        `${listener.name}.checkLocalTransaction failed for transaction ${half.transactionId ?? half.msgId}; it counts as UNKNOWN`,
        stackOf(outcome.error),
      );
    }
    return outcome.state;
  }
}
