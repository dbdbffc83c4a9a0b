import { setImmediate } from 'node:timers';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { MessageEngine } from './engine/index.js';
import { ListenerContainer } from './listener/index.js';
import { ROCKET_LOG_CONTEXT } from './rocket.constants.js';
import { RocketControl } from './rocket.lifecycle.control.js';
import type { ResolvedRocketOptions } from './rocket.options.js';
import { ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from './rocket.tokens.js';
import { PullConsumers } from './template/index.js';
import { TransactionChecks } from './transaction/index.js';

/**
 * What happens when, in the life of an app:
 *
 * | hook | |
 * |---|---|
 * | construction of providers | the store is opened: sends are taken |
 * | onModuleInit | listeners are found and checked |
 * | onApplicationBootstrap | consumer groups are joined and know where they begin |
 * | after the hooks | handlers and check-backs begin |
 * | onModuleDestroy | pulling stops, running handlers get `consumer.shutdownTimeoutMs`, positions are stored; pull consumers are closed |
 * | onApplicationShutdown | the store is closed: sends are taken up to here |
 *
 * The module is global, so its hooks come first at start and last at the end. Database modules close in onApplicationShutdown and before
 * this one; the handlers are through by then.
 */
@Injectable()
export class RocketLifecycle implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly #listeners: ListenerContainer;
  readonly #checks: TransactionChecks;
  readonly #pullConsumers: PullConsumers;
  readonly #control: RocketControl;
  readonly #engine: MessageEngine;
  readonly #options: ResolvedRocketOptions;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #beginning: NodeJS.Immediate | undefined;

  constructor(
    @Inject(ListenerContainer) listeners: ListenerContainer,
    @Inject(TransactionChecks) checks: TransactionChecks,
    @Inject(PullConsumers) pullConsumers: PullConsumers,
    @Inject(RocketControl) control: RocketControl,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#listeners = listeners;
    this.#checks = checks;
    this.#pullConsumers = pullConsumers;
    this.#control = control;
    this.#engine = engine;
    this.#options = options;
  }

  async onModuleInit(): Promise<void> {
    await this.#orRelease(() => {
      this.#checks.discover();
      this.#listeners.discover();
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#orRelease(async () => {
      if (!this.#options.consumer.enabled) return;
      await this.#listeners.subscribe();
      await this.#pullConsumers.start();
      this.#checks.register();
    });
    // One turn later, the hooks of the other modules have been called: this module's come first. `node:timers` is not replaced by the
    // fake timers of test runners.
    this.#beginning = setImmediate(() => {
      this.#beginning = undefined;
      this.#control.prepared();
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.#cancelBeginning();
    await this.#control.stop();
    // Handlers may still have polled while they ended.
    await this.#pullConsumers.close();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#closeOwnEngine();
  }

  #cancelBeginning(): void {
    if (this.#beginning !== undefined) clearImmediate(this.#beginning);
    this.#beginning = undefined;
  }

  /** An app that does not start is not closed by Nest, so the store would stay locked: by the process, or for the tests after this one. */
  async #orRelease(work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await Promise.allSettled([this.#listeners.drain(0), this.#pullConsumers.close()]);
      await Promise.allSettled([this.#closeOwnEngine()]);
      throw error;
    }
  }

  async #closeOwnEngine(): Promise<void> {
    if (this.#options.engine !== undefined) return;
    try {
      await this.#engine.close();
    } catch (error) {
      // Nest 12 logs what a shutdown hook throws, without saying whose; Nest 11 rejects app.close().
      this.#logger.error('The store could not be closed as it should; the next start recovers it');
      throw error;
    }
  }
}
