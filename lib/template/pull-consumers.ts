import { Inject, Injectable } from '@nestjs/common';
import { isPayloadType, type MessageConverter } from '../converter/index.js';
import type { MessageEngine } from '../engine/index.js';
import { PullGroupMissingError, UnsupportedByEngineError } from '../errors/index.js';
import { checkOptions, optionRefusal } from '../rocket.option-rules.js';
import type { ResolvedRocketOptions } from '../rocket.options.js';
import { PULL_RULES } from '../rocket.pull-options.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from '../rocket.tokens.js';
import { payloadReader } from './pulled-message.js';
import { Receiver } from './receiver.js';
import type { ReceiveOptions } from './receive-options.js';
import { RocketPullConsumer, type RocketPullConsumerOptions } from './rocket-pull-consumer.js';

/** The template's pull consumers, from the first to the end of the app. */
@Injectable()
export class PullConsumers {
  readonly #engine: MessageEngine;
  readonly #converter: MessageConverter;
  readonly #options: ResolvedRocketOptions['pullConsumer'];
  readonly #open = new Set<RocketPullConsumer>();
  readonly #making = new Set<Promise<RocketPullConsumer>>();
  #receiver: Promise<Receiver> | undefined;

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_CONVERTER) converter: MessageConverter,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#engine = engine;
    this.#converter = converter;
    this.#options = options.pullConsumer;
  }

  /** Fixes where `receive` begins, so that what is sent from now on is received also by a new group. */
  async start(): Promise<void> {
    if (this.#options !== undefined) await this.#receiving();
  }

  async create(options: RocketPullConsumerOptions): Promise<RocketPullConsumer> {
    if (!this.#engine.capabilities.pull) throw new UnsupportedByEngineError({ feature: 'pull consumers' });
    const making = this.#make(checkConsumerOptions(options));
    this.#making.add(making);
    try {
      return await making;
    } finally {
      this.#making.delete(making);
    }
  }

  /** @param options have been checked */
  async receive(options: ReceiveOptions): Promise<unknown[]> {
    const receiver = await this.#receiving();
    return receiver.receive(options);
  }

  async close(): Promise<void> {
    // Those that are being made as well: an engine that is not the module's would keep them in their groups.
    await Promise.allSettled(this.#making);
    await Promise.all([...this.#open].map((consumer) => consumer.close()));
  }

  async #make({ payloadType, ...pull }: RocketPullConsumerOptions): Promise<RocketPullConsumer> {
    const consumer = await this.#engine.createPullConsumer(pull);
    const read = payloadReader(this.#converter, payloadType, `the pull consumer of group "${consumer.group}"`);
    const created = new RocketPullConsumer(consumer, read, (closed) => this.#open.delete(closed));
    this.#open.add(created);
    return created;
  }

  /** Made once; a failure is not kept, so that the next call tries again. */
  #receiving(): Promise<Receiver> {
    this.#receiver ??= this.#subscribe().catch((error: unknown) => {
      this.#receiver = undefined;
      throw error;
    });
    return this.#receiver;
  }

  async #subscribe(): Promise<Receiver> {
    if (this.#options === undefined) throw new PullGroupMissingError({ group: undefined });
    const { topic, selectorType: type = 'TAG', selectorExpression: expression, ...pull } = this.#options;
    const consumer = await this.create(pull);
    try {
      await consumer.subscribe(topic, expression === undefined ? undefined : { type, expression });
    } catch (error) {
      await consumer.close();
      throw error;
    }
    return new Receiver(consumer, this.#converter);
  }
}

function checkConsumerOptions(options: RocketPullConsumerOptions | undefined): RocketPullConsumerOptions {
  // Without a group the engine's error is the one that helps.
  const group: unknown = options?.group;
  if (options === undefined || group === undefined || group === null || group === '')
    throw new PullGroupMissingError({ group });
  const payloadType = { expected: 'a class, or an array with one class in it', accepts: isPayloadType };
  checkOptions(options, { ...PULL_RULES, payloadType }, optionRefusal('The options object of createPullConsumer'));
  return options;
}
