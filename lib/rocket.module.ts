import { Module, type DynamicModule, type ExistingProvider, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerPipelines, RocketContext } from './execution/index.js';
import {
  ListenerContainer,
  ListenerExplorer,
  ListenerMetadataAccessor,
  RocketListenerRegistry,
} from './listener/index.js';
import { RocketEvents } from './events/index.js';
import { InvalidOptionError } from './errors/index.js';
import { RocketAdmin } from './rocket.admin.js';
import { RocketDiscovery } from './rocket.discovery.js';
import { RocketControl } from './rocket.lifecycle.control.js';
import { RocketLifecycle } from './rocket.lifecycle.js';
import { featureModule, type RocketFeatureOptions } from './rocket.module-feature.js';
import {
  ConfigurableModuleClass,
  type RocketModuleAsyncOptions,
  type RocketModuleExtras,
} from './rocket.module-definition.js';
import { storeNameRule } from './rocket.names.js';
import { requireOptions } from './rocket.option-rules.js';
import type { RocketModuleOptions } from './rocket.options.js';
import { rocketProviders } from './rocket.providers.js';
import {
  DEFAULT_STORE,
  ROCKET_CONVERTER,
  ROCKET_ENGINE,
  ROCKET_MESSAGE,
  ROCKET_STORE_NAME,
  getRocketStoreToken,
  getRocketTemplateToken,
} from './rocket.tokens.js';
import { PullConsumers, RocketTemplate, RocketTemplates } from './template/index.js';
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
    TransactionListenerExplorer,
    TransactionListenerRegistry,
    TransactionSender,
    TransactionChecks,
    PullConsumers,
    RocketControl,
    RocketLifecycle,
  ],
})
export class RocketModule extends ConfigurableModuleClass {
  /** Every option has a default: `forRoot()` alone keeps a store in `./rocket-store`. */
  static override forRoot(options: RocketModuleOptions & RocketModuleExtras = {}): DynamicModule {
    requireOptions('RocketModule.forRoot', options);
    return ofStore(super.forRoot(options), options.name);
  }

  /** The same with options that are made at start: by `useFactory` with `inject`, by `useClass`, or by `useExisting`. */
  static override forRootAsync(options: RocketModuleAsyncOptions): DynamicModule {
    requireOptions('RocketModule.forRootAsync', options);
    return ofStore(super.forRootAsync(options), options.name);
  }

  /**
   * Adds a template with a name and producer options of its own, for the modules that import this. Transactions sent by it are decided by the listeners of its group.
   *
   * @throws InvalidOptionError, UnknownOptionError
   */
  static forFeature(options: RocketFeatureOptions): DynamicModule {
    return featureModule(options);
  }
}

/** What users inject, and nothing of the module does. */
const FACES = [RocketTemplate, RocketTemplates, RocketAdmin, RocketEvents, RocketListenerRegistry];

/** What users inject, and the module as well. */
const INNER_PARTS = [RocketControl, ROCKET_ENGINE, ROCKET_CONVERTER];

/**
 * Parts of a store with a name go by its name alone, so that they are never mixed up with those of another: `app.get(RocketTemplate)` takes what it finds in any module of
 * the app, the last one first.
 */
function ofStore(definition: DynamicModule, name: string = DEFAULT_STORE): DynamicModule {
  if (!storeNameRule.accepts(name)) {
    throw new InvalidOptionError({ option: 'name', value: name, expected: storeNameRule.expected });
  }
  const isDefault = name === DEFAULT_STORE;
  const faces: Provider[] = isDefault
    ? FACES
    : FACES.map((part) => ({ provide: getRocketStoreToken(part, name), useClass: part }));
  const aliased = isDefault ? [...FACES, ...INNER_PARTS] : INNER_PARTS;
  const aliases = aliased.map((part) => aliasOf(part, getRocketStoreToken(part, name)));
  const tokens = [...FACES, ...INNER_PARTS].map((part) => getRocketStoreToken(part, name));
  // Named by its own token, since the store without a name is asked for by name as well.
  if (isDefault) {
    aliases.push(aliasOf(RocketTemplate, getRocketTemplateToken()));
    tokens.push(getRocketTemplateToken());
  }
  return {
    ...definition,
    providers: [...(definition.providers ?? []), { provide: ROCKET_STORE_NAME, useValue: name }, ...faces, ...aliases],
    exports: [...(isDefault ? aliased : []), ...tokens, RocketContext, ROCKET_MESSAGE],
  };
}

function aliasOf(part: Type | symbol, token: string): ExistingProvider {
  return { provide: token, useExisting: part };
}
