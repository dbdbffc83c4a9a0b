import { setImmediate } from 'node:timers';
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ListenerContainer } from './listener/index.js';
import { InvalidOptionError } from './errors/index.js';
import { RocketDiscovery } from './rocket.discovery.js';
import { RocketControl } from './rocket.lifecycle.control.js';
import type { ResolvedRocketOptions } from './rocket.options.js';
import { ROCKET_RESOLVED_OPTIONS } from './rocket.tokens.js';
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
  readonly #discovery: RocketDiscovery;
  readonly #options: ResolvedRocketOptions;
  #hasDiscovered = false;
  #hasSubscribed = false;
  #beginning: NodeJS.Immediate | undefined;
  #ending: Promise<void> | undefined;

  constructor(
    @Inject(ListenerContainer) listeners: ListenerContainer,
    @Inject(TransactionChecks) checks: TransactionChecks,
    @Inject(PullConsumers) pullConsumers: PullConsumers,
    @Inject(RocketControl) control: RocketControl,
    @Inject(RocketDiscovery) discovery: RocketDiscovery,
    @Inject(ROCKET_RESOLVED_OPTIONS) options: ResolvedRocketOptions,
  ) {
    this.#listeners = listeners;
    this.#checks = checks;
    this.#pullConsumers = pullConsumers;
    this.#control = control;
    this.#discovery = discovery;
    this.#options = options;
  }

  async onModuleInit(): Promise<void> {
    await this.#orRelease(() => {
      // An app whose start has failed in another module may be started again.
      if (this.#hasDiscovered) return;
      this.#refuseTwins();
      this.#refuseShadows();
      this.#checks.discover();
      this.#listeners.discover();
      this.#hasDiscovered = true;
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#orRelease(async () => {
      if (!this.#options.consumer.enabled || this.#hasSubscribed) return;
      await this.#listeners.subscribe();
      await this.#pullConsumers.start();
      this.#hasSubscribed = true;
    });
    // One turn later, the hooks of the other modules have been called, up to the first one that takes time: this module's come first, and Nest does not tell when the last
    // has ended. `node:timers` is not replaced by the fake timers of test runners.
    this.#beginning = setImmediate(() => {
      this.#beginning = undefined;
      this.#control.prepared();
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.#cancelBeginning();
    // What fails is told by onApplicationShutdown: Nest 11 would not call it any more, and the store would stay open.
    this.#ending = this.#end();
    await Promise.allSettled([this.#ending]);
  }

  async onApplicationShutdown(): Promise<void> {
    try {
      await this.#ending;
    } finally {
      await this.#control.release();
    }
  }

  async #end(): Promise<void> {
    try {
      await this.#control.stop();
    } finally {
      // Handlers may still have polled while they ended.
      await this.#pullConsumers.close();
    }
  }

  /** Both would take all listeners. */
  #refuseTwins(): void {
    const names = this.#discovery.storeNames();
    const twin = names.find((name, index) => names.indexOf(name) !== index);
    if (twin === undefined) return;
    const expected = 'different for each RocketModule.forRoot of an app (one of them may have none)';
    throw new InvalidOptionError({ option: 'name', value: twin, expected });
  }

  /** A module that imports the template would send to it what is meant for the store. */
  #refuseShadows(): void {
    const stores = this.#discovery.storeNames();
    const shadow = this.#discovery.featureNames().find((name) => stores.includes(name));
    if (shadow === undefined) return;
    const expected = `another than that of a store: ${stores.join(', ')}`;
    throw new InvalidOptionError({ option: 'name of RocketModule.forFeature', value: shadow, expected });
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
      await Promise.allSettled([this.#listeners.drain(0)]);
      await Promise.allSettled([this.#control.release()]);
      throw error;
    }
  }
}
