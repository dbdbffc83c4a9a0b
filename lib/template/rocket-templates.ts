import { Inject, Injectable } from '@nestjs/common';
import type { MessageConverter } from '../converter/index.js';
import type { MessageEngine } from '../engine/index.js';
import { resolveProducerOptions, type ProducerOptions, type ResolvedRocketOptions } from '../rocket.options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { TransactionListenerRegistry, TransactionSender } from '../transaction/index.js';
import { PullConsumers } from './pull-consumers.js';
import { RocketTemplate } from './rocket-template.js';

/** Makes templates that send to one store, each with producer options of its own. */
@Injectable()
export class RocketTemplates {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #registry: TransactionListenerRegistry;
  readonly #pullConsumers: PullConsumers;
  readonly #options: ResolvedRocketOptions;

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(TransactionListenerRegistry) registry: TransactionListenerRegistry,
    @Inject(PullConsumers) pullConsumers: PullConsumers,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#engine = engine;
    this.#converter = converter;
    this.#registry = registry;
    this.#pullConsumers = pullConsumers;
    this.#options = options;
  }

  /** @throws InvalidOptionError, UnknownOptionError */
  create(given: ProducerOptions): RocketTemplate {
    const options = { ...this.#options, producer: resolveProducerOptions(given, this.#options.producer) };
    this.#registry.sendsAs(options.producer.group);
    const transactions = new TransactionSender(this.#engine, this.#converter, this.#registry, options);
    return new RocketTemplate(this.#engine, this.#converter, transactions, this.#pullConsumers, options);
  }
}
