import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerPipelines, RocketContext } from './execution/index.js';
import {
  ListenerContainer,
  ListenerExplorer,
  ListenerMetadataAccessor,
  RocketListenerRegistry,
} from './listener/index.js';
import { RocketEvents } from './events/index.js';
import { RocketAdmin } from './rocket.admin.js';
import { RocketDiscovery } from './rocket.discovery.js';
import { RocketControl } from './rocket.lifecycle.control.js';
import { RocketLifecycle } from './rocket.lifecycle.js';
import { ConfigurableModuleClass, type RocketModuleAsyncOptions } from './rocket.module-definition.js';
import type { RocketModuleOptions } from './rocket.options.js';
import { rocketProviders } from './rocket.providers.js';
import { ROCKET_CONVERTER, ROCKET_ENGINE, ROCKET_MESSAGE, getRocketTemplateToken } from './rocket.tokens.js';
import { PullConsumers, RocketTemplate } from './template/index.js';
import {
  TransactionChecks,
  TransactionListenerExplorer,
  TransactionListenerRegistry,
  TransactionSender,
} from './transaction/index.js';

/**
 * RocketMQ's messages inside a Nest app. Import it once, in the root module; it is global.
 *
 * @example
 * ```ts
 * @Module({ imports: [RocketModule.forRoot()], providers: [OrderListener] })
 * export class AppModule {}
 * ```
 *
 * @publicApi
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...rocketProviders,
    RocketDiscovery,
    HandlerPipelines,
    ListenerMetadataAccessor,
    ListenerExplorer,
    ListenerContainer,
    RocketListenerRegistry,
    TransactionListenerExplorer,
    TransactionListenerRegistry,
    TransactionSender,
    TransactionChecks,
    PullConsumers,
    RocketTemplate,
    RocketAdmin,
    RocketEvents,
    RocketControl,
    RocketLifecycle,
  ],
  exports: [
    RocketTemplate,
    RocketAdmin,
    RocketEvents,
    RocketListenerRegistry,
    RocketControl,
    getRocketTemplateToken(),
    ROCKET_ENGINE,
    ROCKET_CONVERTER,
    RocketContext,
    ROCKET_MESSAGE,
  ],
})
export class RocketModule extends ConfigurableModuleClass {
  /** Every option has a default: `forRoot()` alone keeps a store in `./rocket-store`. */
  static override forRoot(options: RocketModuleOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** The same with options that are made at start: by `useFactory` with `inject`, by `useClass`, or by `useExisting`. */
  static override forRootAsync(options: RocketModuleAsyncOptions): DynamicModule {
    return super.forRootAsync(options);
  }
}
