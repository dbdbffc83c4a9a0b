import { Inject, Injectable, Logger } from '@nestjs/common';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_LOG_CONTEXT } from '../rocket.constants.js';
import { ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import type { TransactionListenerDefinition } from './transaction-listener-definition.js';
import { TransactionListenerBindings } from './transaction-listener.bindings.js';
import { TransactionListenerExplorer } from './transaction-listener.explorer.js';

/** The app's transaction listeners. */
@Injectable()
export class TransactionListenerRegistry {
  readonly #explorer: TransactionListenerExplorer;
  readonly #producerGroup: string;
  /** All groups that the app sends as. */
  readonly #sendingGroups: Set<string>;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #bindings: TransactionListenerBindings | undefined;

  constructor(
    @Inject(TransactionListenerExplorer) explorer: TransactionListenerExplorer,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#explorer = explorer;
    this.#producerGroup = options.producer.group;
    this.#sendingGroups = new Set([this.#producerGroup]);
  }

  /** @throws what a class that can not be a transaction listener, or two that are bound to the same, deserve */
  discover(): TransactionListenerBindings {
    const definitions = this.#explorer.explore(this.#producerGroup);
    const bindings = new TransactionListenerBindings(definitions);
    for (const definition of definitions) this.#announce(definition);
    this.#bindings = bindings;
    return bindings;
  }

  /** A template of the app sends transactions as this group. */
  sendsAs(producerGroup: string): void {
    this.#sendingGroups.add(producerGroup);
  }

  /** The listener for transactions of this app on a topic. */
  findForSend(topic: string, producerGroup: string): TransactionListenerDefinition | undefined {
    // A transaction may be sent before discovery, from the construction of another provider. What is found then may not be all, so it
    // is not kept.
    const bindings = this.#bindings ?? new TransactionListenerBindings(this.#explorer.explore(this.#producerGroup));
    return bindings.find(topic, producerGroup);
  }

  #announce({ name, topics, producerGroup }: TransactionListenerDefinition): void {
    if (topics.length > 0) {
      this.#logger.log(`${name} decides transactions on ${topics.map((topic) => `"${topic}"`).join(', ')}`);
    } else if (this.#sendingGroups.has(producerGroup)) {
      this.#logger.log(`${name} decides transactions of producer group "${producerGroup}"`);
    } else {
      this.#logger.warn(
        `${name} is bound to producer group "${producerGroup}", but this app sends as "${this.#producerGroup}" ` +
          '(producer.group): it is only asked about transactions that were sent as that group before',
      );
    }
  }
}
