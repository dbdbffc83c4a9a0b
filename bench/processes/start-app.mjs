// A Nest app with a listener, as TypeScript compiles it; sends a message when it has bootstrapped, and says when that was handled. The first argument is where the store is.
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, RocketModule, RocketTemplate } from 'nestjs-rocket';

import { sayNow } from './say-now.mjs';

let onHandled;
const handled = new Promise((resolve) => (onHandled = resolve));

class LoveListener {
  onMessage() {
    sayNow();
    onHandled();
  }
}
MessageListener({ topic: 'love', consumerGroup: 'madoka' })(LoveListener);

class AppModule {
  constructor(rocket) {
    this.rocket = rocket;
  }

  async onApplicationBootstrap() {
    await this.rocket.convertAndSend('love', { text: '2333' });
  }
}
Reflect.defineMetadata('design:paramtypes', [RocketTemplate], AppModule);
Module({ imports: [RocketModule.forRoot({ store: { path: process.argv[2] } })], providers: [LoveListener] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
await handled;
await app.close();
