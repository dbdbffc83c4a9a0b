import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { fromBytes, toBytes } from './lib/payload.mjs';

const TOPIC = 'bench';
const GROUP = 'bench-group';
const CONCURRENCY = 20;

const version = () => JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

/** @type {import('./index.mjs').Peer} */
export const nestjsRocket = {
  name: 'nestjs-rocket',
  title: 'nestjs-rocket',
  howToGet: 'npm ci && npm run build',
  missing: () => [],
  versions: () => ({ server: `nestjs-rocket ${version()}`, client: 'in the same process' }),
  setups: [
    { name: 'engine, SYNC_FLUSH', connect: connectEngine, isSyncedBeforeAck: true },
    { name: 'RocketTemplate in a Nest app, SYNC_FLUSH', connect: connectNest, isSyncedBeforeAck: true },
  ],
  configuration: () => [`flushDiskType SYNC_FLUSH, 4 queues, one listener with concurrency ${CONCURRENCY}`],
  // The broker is embedded: it starts with its client.
  start: async () => ({ stop: async () => undefined }),
  connect: (setup, { directory }) => setup.connect(join(directory, 'store')),
};

async function connectEngine(path) {
  const { countingConsumer } = await import('../support.mjs');
  // The built package, by its path: for files in this folder, which is a package of its own, it has no name.
  const { EmbeddedBroker, SilentLogger } = await import('../../dist/index.js');
  const options = { store: { path, flushDiskType: 'SYNC_FLUSH' } };
  const broker = new EmbeddedBroker(options, { logger: new SilentLogger() });
  await broker.start();
  return {
    async consume(onHandled) {
      const onMessage = ({ body }) => onHandled(fromBytes(body).id);
      await broker.subscribe(countingConsumer(GROUP, TOPIC, onMessage, { concurrency: CONCURRENCY }));
    },
    send: (payload) => broker.send({ topic: TOPIC, body: toBytes(payload) }),
    close: () => broker.close(),
  };
}

async function connectNest(path) {
  await import('reflect-metadata');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { MessageListener, RocketModule, RocketTemplate } = await import('../../dist/index.js');
  class Listener {
    onMessage({ id }) {
      this.onHandled(id);
    }
  }
  const from = { consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET' };
  MessageListener({ topic: TOPIC, consumerGroup: GROUP, concurrency: CONCURRENCY, ...from })(Listener);
  // Its decorator is called below: plain JavaScript has no other way.
  // oxlint-disable-next-line typescript/no-extraneous-class
  class App {}
  const imports = [RocketModule.forRoot({ store: { path, flushDiskType: 'SYNC_FLUSH' } })];
  Module({ imports, providers: [Listener] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
  const template = app.get(RocketTemplate);
  return {
    async consume(onHandled) {
      app.get(Listener).onHandled = onHandled;
    },
    send: (payload) => template.convertAndSend(TOPIC, payload),
    close: () => app.close(),
  };
}
