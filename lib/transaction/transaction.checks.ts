import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { MessageEngine, MessageExt, TransactionState } from '../engine/index.js';
import { TransactionListenerMissingError, UnsupportedByEngineError } from '../errors/index.js';
import { messageOf, stackOf } from '../errors/thrown.js';
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

  /** From here on listeners are asked. Not before: the engine counts a check-back that it hands over, and one that waits here would be given up in the end. */
  begin(): void {
    try {
      this.#unregister = this.#bindings.producerGroups.map((producerGroup) =>
        this.#engine.registerTransactionChecker(
          producerGroup,
          (half) => this.#check(half, producerGroup),
          this.#bindings.topicsOf(producerGroup),
        ),
      );
    } catch (error) {
      // An engine that is not the module's may have been closed by now, and this is called where nobody could catch it.
      this.#logger.error(`Transaction listeners are not asked: ${messageOf(error)}`);
    }
  }

  /** From here on listeners are not asked any more: half messages wait for the next start. */
  end(): void {
    for (const unregister of this.#unregister) unregister();
    this.#unregister = [];
  }

  async #check(half: MessageExt, producerGroup: string): Promise<TransactionState> {
    const listener = this.#bindings.find(half.topic, producerGroup);
    // Only an engine that asks for topics that were not named to it comes here. A throw counts as UNKNOWN.
    if (listener === undefined) throw new TransactionListenerMissingError({ topic: half.topic, producerGroup });
    const outcome = await runInContext(this.#context, half.properties, () =>
      askListener(listener, half, this.#converter, 'checkLocalTransaction'),
    );
    if ('error' in outcome) {
      this.#logger.error(
        `${listener.name}.checkLocalTransaction failed for transaction ${half.transactionId ?? half.msgId}; it counts as UNKNOWN`,
        stackOf(outcome.error),
      );
    }
    return outcome.state;
  }
}
