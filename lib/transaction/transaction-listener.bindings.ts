import { TransactionListenerConflictError } from '../errors/index.js';
import type { TransactionListenerDefinition } from './transaction-listener-definition.js';

/** Which transaction listener a half message belongs to: by its topic, else by its producer group. */
export class TransactionListenerBindings {
  readonly #byTopic = new Map<string, TransactionListenerDefinition>();
  readonly #byGroup = new Map<string, TransactionListenerDefinition>();
  /** Every producer group that a listener is bound to, alone or with topics. */
  readonly producerGroups: readonly string[];

  /** @throws TransactionListenerConflictError when two are bound to the same */
  constructor(definitions: readonly TransactionListenerDefinition[]) {
    for (const definition of definitions) {
      for (const topic of definition.topics) bind(this.#byTopic, topic, definition, `topic "${topic}"`);
      if (definition.topics.length > 0) continue;
      bind(this.#byGroup, definition.producerGroup, definition, `producer group "${definition.producerGroup}"`);
    }
    this.producerGroups = [...new Set(definitions.map((definition) => definition.producerGroup))];
  }

  /** The topics that transactions of the group may have to be answered for; undefined: any. */
  topicsOf(producerGroup: string): readonly string[] | undefined {
    return this.#byGroup.has(producerGroup) ? undefined : [...this.#byTopic.keys()];
  }

  find(topic: string, producerGroup: string): TransactionListenerDefinition | undefined {
    return this.#byTopic.get(topic) ?? this.#byGroup.get(producerGroup);
  }
}

function bind(
  bindings: Map<string, TransactionListenerDefinition>,
  key: string,
  definition: TransactionListenerDefinition,
  binding: string,
): void {
  const other = bindings.get(key);
  if (other !== undefined) {
    throw new TransactionListenerConflictError({ binding, first: other.name, second: definition.name });
  }
  bindings.set(key, definition);
}
