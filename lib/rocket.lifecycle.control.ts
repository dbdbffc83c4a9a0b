import { Inject, Injectable, Logger } from '@nestjs/common';
import type { MessageEngine } from './engine/index.js';
import { ListenerContainer } from './listener/index.js';
import { ROCKET_LOG_CONTEXT } from './rocket.constants.js';
import type { ResolvedRocketOptions } from './rocket.options.js';
import { ROCKET_ENGINE, ROCKET_RESOLVED_OPTIONS } from './rocket.tokens.js';
import { PullConsumers } from './template/index.js';
import { TransactionChecks } from './transaction/index.js';

/** `prepared`: groups are joined, and nothing is handled yet. */
type Stage = 'starting' | 'prepared' | 'running' | 'stopped';

/**
 * Begins and ends the handling of messages by hand. The module does both by itself; inject this where that is too early or too late.
 *
 * @publicApi
 */
@Injectable()
export class RocketControl {
  readonly #listeners: ListenerContainer;
  readonly #checks: TransactionChecks;
  readonly #pullConsumers: PullConsumers;
  readonly #engine: MessageEngine;
  readonly #options: ResolvedRocketOptions;
  readonly #logger = new Logger(ROCKET_LOG_CONTEXT);
  #stage: Stage = 'starting';
  #isAsked = false;
  #stopping: Promise<void> | undefined;
  #announceReady: () => void = () => undefined;
  readonly #ready = new Promise<void>((resolve) => {
    this.#announceReady = resolve;
  });

  constructor(
    @Inject(ListenerContainer) listeners: ListenerContainer,
    @Inject(TransactionChecks) checks: TransactionChecks,
    @Inject(PullConsumers) pullConsumers: PullConsumers,
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#listeners = listeners;
    this.#checks = checks;
    this.#pullConsumers = pullConsumers;
    this.#engine = engine;
    this.#options = options;
  }

  /** True while messages are handled; with `consumer.enabled: false`, while they can be sent. */
  get isReady(): boolean {
    return this.#stage === 'running';
  }

  /** Resolves when {@link isReady} becomes true for the first time. It does not settle when the app does not start, or is never told to. */
  whenReady(): Promise<void> {
    return this.#ready;
  }

  /**
   * Begins to handle messages, and to answer check-backs, in an app with `consumer.autoStart: false`. Before the app has bootstrapped: from then on. Has no effect on
   * an app that has begun, or has ended.
   */
  start(): void {
    this.#isAsked = true;
    if (this.#stage === 'prepared') this.#run();
  }

  /**
   * Ends the handling of messages: starts no more handlers, and gives running ones `consumer.shutdownTimeoutMs`. Sending goes on. Shutdown does the same in
   * `onModuleDestroy`, after the hooks of all other modules; a service that closes its database in that hook awaits this before. A second call waits for the first.
   */
  stop(): Promise<void> {
    this.#stage = 'stopped';
    this.#checks.end();
    return (this.#stopping ??= this.#listeners.drain(this.#options.consumer.shutdownTimeoutMs));
  }

  /**
   * {@link stop}, and frees the store: nothing can be sent any more. Shutdown does it in `onApplicationShutdown`. It is for an app whose start has failed in another module:
   * Nest 11 then refuses `app.close()` and calls no hook, so the store would stay locked until the process ends. A second call is harmless.
   */
  async release(): Promise<void> {
    try {
      await this.stop();
    } finally {
      await Promise.allSettled([this.#pullConsumers.close()]);
      await this.#closeOwnEngine();
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

  /** Called by the module, once groups are joined and the bootstrap hooks of other modules have begun. */
  prepared(): void {
    if (this.#stage !== 'starting') return;
    this.#stage = 'prepared';
    const { autoStart, enabled } = this.#options.consumer;
    if (!enabled) this.#logger.log('Consuming is disabled (consumer.enabled): no listener gets messages');
    if (autoStart || !enabled || this.#isAsked) this.#run();
    else this.#logger.log('Listeners wait for RocketControl.start() (consumer.autoStart is false)');
  }

  #run(): void {
    this.#stage = 'running';
    if (this.#options.consumer.enabled) {
      this.#listeners.begin();
      this.#checks.begin();
    }
    this.#announceReady();
  }
}
