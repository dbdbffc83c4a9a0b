import {
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import type { MessageEngine } from '../../engine/index.js';
import { ROCKET_ENGINE } from '../../rocket.tokens.js';
import { registerRocketMetrics, type RocketPrometheusOptions } from './register-rocket-metrics.js';

const PROMETHEUS_OPTIONS = Symbol('ROCKET_PROMETHEUS_OPTIONS');

/**
 * Puts the metrics of the app's `RocketModule` into a registry of prom-client, and takes them out when the app ends. How the registry is served is left to the
 * app.
 *
 * @publicApi
 */
@Module({})
export class RocketPrometheusModule implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #engine: MessageEngine;
  readonly #options: RocketPrometheusOptions;
  #unregister: (() => void) | undefined;

  constructor(
    @Inject(ROCKET_ENGINE) engine: MessageEngine,
    @Inject(PROMETHEUS_OPTIONS) options: RocketPrometheusOptions,
  ) {
    this.#engine = engine;
    this.#options = options;
  }

  static forRoot(options: RocketPrometheusOptions = {}): DynamicModule {
    return { module: RocketPrometheusModule, providers: [{ provide: PROMETHEUS_OPTIONS, useValue: options }] };
  }

  /** After the listeners have started: an app whose listeners are refused is not closed by Nest, and its metrics would take the place of the next one's. */
  onApplicationBootstrap(): void {
    this.#unregister ??= registerRocketMetrics(this.#engine, this.#options);
  }

  onApplicationShutdown(): void {
    this.#unregister?.();
  }
}
