import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RocketModuleOptions } from './rocket.options.js';
import { ROCKET_MODULE_OPTIONS } from './rocket.tokens.js';

export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RocketModuleOptions>({ optionsInjectionToken: ROCKET_MODULE_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRocketOptions')
    // Global, so that it starts before the modules that send and ends after those whose listeners it drains.
    .setExtras({}, (definition) => ({ ...definition, global: true }))
    .build();

/** What `RocketModule.forRootAsync` takes: `useFactory` with `inject`, `useClass` or `useExisting`, and `imports`. */
export type RocketModuleAsyncOptions = typeof ASYNC_OPTIONS_TYPE;
