// Run by check-install.mjs in a new app: microservices, health, prometheus, opentelemetry and testing work from CommonJS, beside each other, with the packages that users bring.
// eslint-disable-next-line import/no-unassigned-import -- what it is for
require('reflect-metadata');
const assert = require('node:assert');
const { existsSync } = require('node:fs');
const { Controller, Module, UseFilters } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Ctx, EventPattern, MessagePattern, Payload } = require('@nestjs/microservices');
const { HealthCheckService, TerminusModule } = require('@nestjs/terminus');
const { Test } = require('@nestjs/testing');
const { register } = require('prom-client');
const { lastValueFrom } = require('rxjs');
const { NonRetryableError, RocketEvents, RocketModule, ROCKET_ENGINE } = require('nestjs-rocket');
const { RocketHealthIndicator, RocketHealthModule } = require('nestjs-rocket/health');
const { RocketClient, RocketRpcExceptionFilter, RocketServer } = require('nestjs-rocket/microservices');
const { RocketOpenTelemetry } = require('nestjs-rocket/opentelemetry');
const { RocketPrometheusModule } = require('nestjs-rocket/prometheus');
const { RocketTestBench, RocketTestingModule } = require('nestjs-rocket/testing');

const seen = [];

class OrderController {
  created(data, context) {
    seen.push([data, context.getTags(), context.getAttempt()]);
    if (data === 'bad') throw new NonRetryableError('bad');
  }

  sum(numbers) {
    return numbers.reduce((sum, each) => sum + each, 0);
  }

  fail() {
    throw new TypeError('no');
  }
}

// eslint-disable-next-line typescript/no-extraneous-class -- a module of Nest
class AppModule {}

/** Decorates a method, as TypeScript would. */
function decorate(method, decorator, ...parameters) {
  decorator(OrderController.prototype, method, Object.getOwnPropertyDescriptor(OrderController.prototype, method));
  for (const [index, parameter] of parameters.entries()) parameter(OrderController.prototype, method, index);
}

decorate('created', EventPattern('orders:created'), Payload(), Ctx());
decorate('sum', MessagePattern('sum'), Payload());
decorate('fail', MessagePattern('fail'), Payload());
Controller()(OrderController);
UseFilters(RocketRpcExceptionFilter)(OrderController);
Module({
  imports: [
    RocketModule.forRoot({ store: { type: 'memory' }, instrumentation: new RocketOpenTelemetry() }),
    RocketPrometheusModule.forRoot(),
    TerminusModule,
    RocketHealthModule,
  ],
  controllers: [OrderController],
})(AppModule);

// eslint-disable-next-line typescript/no-extraneous-class -- a module of Nest
class FileStoreModule {}

Module({ imports: [RocketModule.forRoot({ store: { path: './not-for-tests' } })] })(FileStoreModule);

/** Nest 11 and 12 replace providers in different ways. */
async function testWholeApp() {
  const app = await RocketTestingModule.createTestingModule(Test, { imports: [FileStoreModule] }).compile();
  assert.strictEqual(app.get(ROCKET_ENGINE), app.get(RocketTestBench).engine);
  assert.ok(!existsSync('./not-for-tests'), 'a test opened the store of the app');
  await app.close();
}

async function main() {
  const app = await NestFactory.createMicroservice(AppModule, {
    inject: [ROCKET_ENGINE],
    useFactory: (engine) => ({ strategy: new RocketServer({ engine, consumerGroup: 'shop' }) }),
    logger: false,
  });
  await app.listen();
  const engine = app.get(ROCKET_ENGINE);
  const dead = [];
  app
    .get(RocketEvents)
    .of('messageDeadLettered')
    .subscribe(({ topic }) => dead.push(topic));
  const client = new RocketClient({ engine });
  await lastValueFrom(client.emit('orders:created', { id: 1 }));
  await lastValueFrom(client.emit('orders:created', 'bad'));
  await engine.whenIdle();
  // The two went to different queues, between which there is no order.
  seen.sort(([one], [other]) => Number(one === 'bad') - Number(other === 'bad'));
  assert.deepStrictEqual(seen, [
    [{ id: 1 }, 'created', 1],
    ['bad', 'created', 1],
  ]);
  assert.deepStrictEqual(dead, ['orders']);
  assert.strictEqual(await lastValueFrom(client.send('sum', [1, 2])), 3);
  await assert.rejects(lastValueFrom(client.send('fail', 1)), { message: 'no' });
  const health = await app
    .get(HealthCheckService)
    .check([() => app.get(RocketHealthIndicator).isHealthy('rocket', { maxLagMessages: 0, maxDiskUsedRatio: 1 })]);
  assert.strictEqual(health.status, 'ok');
  const count = /rocketmq_messages_in_total\{topic="orders",message_type="normal"\} 2/;
  assert.match(await register.metrics(), count);
  await app.close();
  assert.doesNotMatch(await register.metrics(), /rocketmq_/);
  await testWholeApp();
  console.log('optional entries work');
}

main().catch((error) => {
  console.error(error);
  process.exit(1); // The app is open, and would keep the process alive.
});
