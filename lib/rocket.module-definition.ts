import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RocketModuleOptions } from './rocket.options.js';
import { ROCKET_MODULE_OPTIONS } from './rocket.tokens.js';

/** What stands beside the options of `forRoot` and `forRootAsync`. */
export interface RocketModuleExtras {
  /**
   * `false`: only modules that import the module, or one that exports it, can inject its parts. It then starts and ends with the modules beside it, and no longer first and
   * last. Default true.
   */
  readonly isGlobal?: boolean | undefined;
  /**
   * Names the store, in an app that has several; one of them may have no name. Its parts are injected by `@InjectRocketTemplate(name)` and `getRocketStoreToken`, and
   * its listeners name it in their option `store`. Letters, digits, `_` and `-`.
   */
  readonly name?: string | undefined;
}

export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RocketModuleOptions>({ optionsInjectionToken: ROCKET_MODULE_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRocketOptions')
    // Global, so that it starts before the modules that send and ends after those whose listeners it drains.
    .setExtras<RocketModuleExtras>({ isGlobal: true, name: undefined }, (definition, { isGlobal = true }) => ({
      ...definition,
      global: isGlobal,
    }))
    .build();

/** What `RocketModule.forRootAsync` takes: `useFactory` with `inject`, `useClass` or `useExisting`, and `imports`. */
export type RocketModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;
