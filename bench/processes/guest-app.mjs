// A Nest app with one HTTP route and one listener, which consumes when told to: `{ path, messages }`. Says what its event loop had to bear.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
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
const stretch = longestStretch();
const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const orders = {
  watch() {
    delay.enable();
    delay.reset();
    stretch.reset();
    process.send({ event: 'watching' });
  },
  report: () => process.send({ event: 'report', ...loopDelay() }),
  drain: () => app.get(RocketControl).start(),
  close: () => void app.close().then(() => process.disconnect()),
};
process.on('message', (order) => orders[order]());
process.send({ event: 'listening', url: `${await app.getUrl()}/hello` });

function loopDelay() {
  return { maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6, longestCpuMs: stretch.longestMs() };
}

/**
 * The longest time that the main thread has had the processor between two turns of the event loop. Unlike a delay it does not count what other processes took. Linux says it; elsewhere it
 * stays undefined.
 */
function longestStretch() {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  if (!existsSync(file)) return { reset() {}, longestMs: () => undefined };
  const fd = openSync(file);
  const buffer = Buffer.alloc(100);
  const onCpuMs = () => Number(buffer.toString('latin1', 0, readSync(fd, buffer, 0, 100, 0)).split(' ')[0]) / 1e6;
  let longestMs = 0;
  let lastMs = onCpuMs();
  const timer = setInterval(() => {
    const nowMs = onCpuMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  }, 1);
  timer.unref();
  process.once('exit', () => closeSync(fd));
  return {
    reset() {
      longestMs = 0;
      lastMs = onCpuMs();
    },
    longestMs: () => longestMs,
  };
}
