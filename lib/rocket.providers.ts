import { Logger, Scope, type Provider } from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import type { MessageConverter } from './converter/index.js';
import { EmbeddedBroker, type MessageEngine, type MessageExt } from './engine/index.js';
import { InvalidOptionError } from './errors/index.js';
import { RocketContext } from './execution/index.js';
import { ROCKET_ENGINE_LOG_CONTEXT, ROCKET_LOG_CONTEXT } from './rocket.constants.js';
import { resolveRocketOptions, type ResolvedRocketOptions, type RocketModuleOptions } from './rocket.options.js';
import {
  ROCKET_CONVERTER,
  ROCKET_ENGINE,
  ROCKET_MESSAGE,
  ROCKET_MODULE_OPTIONS,
  ROCKET_RESOLVED_OPTIONS,
} from './rocket.tokens.js';

/** Providers that are made of options. */
export const rocketProviders: readonly Provider[] = [
  {
    // In a module without forRoot nothing takes its place.
    provide: ROCKET_MODULE_OPTIONS,
    useFactory: (): never => {
      throw new InvalidOptionError({ option: 'imports', value: 'RocketModule', expected: 'RocketModule.forRoot()' });
    },
  },
  {
    provide: ROCKET_RESOLVED_OPTIONS,
    useFactory: (options: RocketModuleOptions): ResolvedRocketOptions => resolveRocketOptions(options),
    inject: [ROCKET_MODULE_OPTIONS],
  },
  {
    provide: ROCKET_CONVERTER,
    useFactory: (options: ResolvedRocketOptions): MessageConverter => options.converter,
    inject: [ROCKET_RESOLVED_OPTIONS],
  },
  {
    // Opened while providers are made, so that whoever has the template can send: from onModuleInit, or before.
    provide: ROCKET_ENGINE,
    useFactory: provideEngine,
    inject: [ROCKET_RESOLVED_OPTIONS],
  },
  // What is being handled, for request-scoped providers. Durable ones get what the app's strategy says instead.
  {
    provide: RocketContext,
    scope: Scope.REQUEST,
    useFactory: (request: unknown): RocketContext | undefined => contextIn(request),
    inject: [REQUEST],
  },
  {
    provide: ROCKET_MESSAGE,
    scope: Scope.REQUEST,
    useFactory: (request: unknown): MessageExt | undefined => contextIn(request)?.message,
    inject: [REQUEST],
  },
];

function contextIn(request: unknown): RocketContext | undefined {
  return request instanceof RocketContext ? request : undefined;
}

async function provideEngine(options: ResolvedRocketOptions): Promise<MessageEngine> {
  const engine = options.engine ?? (await openBroker(options));
  return options.instrumentation?.instrument(engine) ?? engine;
}

async function openBroker(options: ResolvedRocketOptions): Promise<MessageEngine> {
  const logger = new Logger(ROCKET_ENGINE_LOG_CONTEXT);
  const broker = new EmbeddedBroker(options.broker, { logger, ...options.environment });
  await broker.start();
  const { type, path, flushDiskType } = options.broker.store;
  const place = type === 'memory' ? 'memory: nothing outlives the app' : `${path} (${flushDiskType})`;
  new Logger(ROCKET_LOG_CONTEXT).log(`Store opened in ${place}`);
  return broker;
}
