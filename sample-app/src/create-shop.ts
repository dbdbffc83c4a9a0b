import type { LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { RocketErrorFilter } from './messages/rocket-error.filter.js';
import { InputPipe } from './validation/input.pipe.js';

export interface CreateShopOptions {
  /** Default: everything that Nest logs by default. */
  readonly logger?: false | LogLevel[] | undefined;
}

/** The shop as `main.ts` and the tests start it. Settings come from the environment at the time of the call. */
export async function createShop({ logger }: CreateShopOptions = {}): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    bodyParser: false,
    ...(logger === undefined ? {} : { logger }),
  });
  // Somewhat more than the 4 MiB that a message may have, so that it is the broker that says what is too large.
  app.useBodyParser('json', { limit: '5mb' });
  app.useGlobalPipes(new InputPipe());
  app.useGlobalFilters(new RocketErrorFilter());
  app.enableShutdownHooks();
  return app;
}
