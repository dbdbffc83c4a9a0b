// A Nest app with one HTTP route and one listener, which consumes when told to: `{ path, messages }`. Says what its event loop had to bear.
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageListener, RocketControl, RocketModule } from 'nestjs-rocket';

const { path, messages } = JSON.parse(process.argv[2]);

class HelloController {
  hello() {
    return { hello: 'madoka' };
  }
}
Controller('hello')(HelloController);
Get()(HelloController.prototype, 'hello', Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello'));

class OrderListener {
  static handled = 0;

  onMessage() {
    if (++OrderListener.handled === messages) process.send({ event: 'drained', ...loopDelay() });
  }
}
MessageListener({ topic: 'bench', consumerGroup: 'guest', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' })(
  OrderListener,
);

// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest has nothing of its own
class AppModule {}
Module({
  imports: [RocketModule.forRoot({ store: { path }, consumer: { autoStart: false } })],
  controllers: [HelloController],
  providers: [OrderListener],
})(AppModule);

const delay = monitorEventLoopDelay({ resolution: 1 });
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.on('message', async (order) => {
  if (order === 'watch') {
    delay.enable();
    delay.reset();
    process.send({ event: 'watching' });
  } else if (order === 'report') {
    process.send({ event: 'report', ...loopDelay() });
  } else if (order === 'drain') {
    app.get(RocketControl).start();
  } else {
    await app.close();
    process.disconnect();
  }
});
process.send({ event: 'listening', url: `${await app.getUrl()}/hello` });

function loopDelay() {
  return { maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6 };
}
