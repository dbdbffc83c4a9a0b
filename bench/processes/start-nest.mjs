// The app of start-app.mjs without RocketModule.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { sayNow } from './say-now.mjs';

class AppModule {
  onApplicationBootstrap() {
    sayNow();
  }
}
Module({})(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
await app.close();
