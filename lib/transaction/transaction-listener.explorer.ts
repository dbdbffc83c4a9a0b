import { Inject, Injectable } from '@nestjs/common';
import { isPayloadType, type RocketMessage } from '../converter/index.js';
import type { TransactionListenerOptions } from '../decorators/transaction-listener.decorator.js';
import { ListenerInvalidError, ListenerOptionError, UnknownOptionError } from '../errors/index.js';
import { TRANSACTION_LISTENER_METADATA } from '../rocket.constants.js';
import { RocketDiscovery, labelOf, type DecoratedClass, type DiscoveredInstance } from '../rocket.discovery.js';
import { producerGroupRule, storeNameRule, topicRule } from '../rocket.names.js';
import { checkOptions, type OptionRules } from '../rocket.option-rules.js';
import type { TransactionListenerDefinition } from './transaction-listener-definition.js';

const RULES: OptionRules<TransactionListenerOptions> = {
  topic: {
    expected: `${topicRule.expected}; or an array of such names`,
    accepts: (value) =>
      Array.isArray(value)
        ? value.length > 0 && value.every((topic) => topicRule.accepts(topic))
        : topicRule.accepts(value),
  },
  producerGroup: producerGroupRule,
  store: storeNameRule,
  payloadType: { expected: 'a class, or an array with one class in it', accepts: isPayloadType },
};

/** Finds what is decorated with `@TransactionListener` in the app. */
@Injectable()
export class TransactionListenerExplorer {
  readonly #discovery: RocketDiscovery;

  constructor(@Inject(RocketDiscovery) discovery: RocketDiscovery) {
    this.#discovery = discovery;
  }

  /** @throws ListenerInvalidError, ListenerOptionError, UnknownOptionError */
  explore(defaultProducerGroup: string): readonly TransactionListenerDefinition[] {
    for (const scoped of this.#discovery.scoped()) {
      if (declarationsOf(scoped.type).length === 0) continue;
      const reason = `it is ${scoped.scope}, itself or through what it injects; a transaction listener must be a singleton`;
      throw new ListenerInvalidError({ listener: labelOf(scoped), reason });
    }
    return this.#discovery.instances().flatMap((found) =>
      declarationsOf(found.type)
        .filter((options) => this.#discovery.isOfThisStore(options.store, labelOf(found)))
        .map((options) => define(found, options, defaultProducerGroup)),
    );
  }
}

function declarationsOf(type: DecoratedClass): readonly TransactionListenerOptions[] {
  return (Reflect.getMetadata(TRANSACTION_LISTENER_METADATA, type) ?? []) as readonly TransactionListenerOptions[];
}

function define(
  found: DiscoveredInstance,
  options: TransactionListenerOptions,
  defaultProducerGroup: string,
): TransactionListenerDefinition {
  const name = labelOf(found);
  checkOptions(options, RULES, {
    invalid: (option, value, expected) => new ListenerOptionError({ listener: name, option, value, expected }),
    unknown: (option, nearest, known) =>
      new UnknownOptionError({ owner: `@TransactionListener of ${name}`, option, nearest, known }),
  });
  const instance = found.instance as Record<string, unknown>;
  for (const method of ['executeLocalTransaction', 'checkLocalTransaction']) {
    if (typeof instance[method] === 'function') continue;
    throw new ListenerInvalidError({ listener: name, reason: `it has no method ${method}` });
  }
  const listener = found.instance as {
    executeLocalTransaction(message: RocketMessage, arg: unknown): unknown;
    checkLocalTransaction(message: RocketMessage): unknown;
  };
  const { topic = [], producerGroup = defaultProducerGroup, payloadType } = options;
  return {
    name,
    topics: typeof topic === 'string' ? [topic] : topic,
    producerGroup,
    payloadType,
    execute: (message, arg) => listener.executeLocalTransaction(message, arg),
    check: (message) => listener.checkLocalTransaction(message),
  };
}
