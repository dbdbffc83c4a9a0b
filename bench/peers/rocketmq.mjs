import { clientVersions, HOW_TO_GET_CLIENTS, missingClients } from './lib/npm-clients.mjs';
import { fromBytes, toBytes } from './lib/payload.mjs';
import {
  HOW_TO_GET_ROCKETMQ,
  missingServer,
  ports,
  serverConfiguration,
  serverVersion,
  startRocketmq,
  TOPIC,
} from './lib/rocketmq-server.mjs';

const QUEUES = 8;
/** Each asks for 32 messages, and not again before it has them. */
const CONSUMERS = 4;
/** The client's default of 3 s is an error on a machine that is busy. */
const REQUEST_TIMEOUT_MS = 30_000;
/** With a full cache the consumer rests for a second: enough that it is never full. */
const CACHE_MESSAGES = 1_000_000;

/** @type {import('./index.mjs').Peer} */
export const rocketmq = {
  name: 'rocketmq',
  title: 'Apache RocketMQ, Node client',
  howToGet: `${HOW_TO_GET_ROCKETMQ}; client: ${HOW_TO_GET_CLIENTS}`,
  missing: () => [...missingServer(), ...missingClients('rocketmq-client-nodejs')],
  versions: () => ({ server: serverVersion(), client: clientVersions('rocketmq-client-nodejs') }),
  setups: [
    { name: 'SYNC_FLUSH', flushDiskType: 'SYNC_FLUSH', isSyncedBeforeAck: true },
    { name: 'ASYNC_FLUSH', flushDiskType: 'ASYNC_FLUSH', isSyncedBeforeAck: false },
  ],
  configuration: (setup) => [
    ...serverConfiguration(setup, QUEUES),
    `gRPC; Producer.send() pipelined; ${CONSUMERS} PushConsumers of one group, maxCacheMessageCount ${CACHE_MESSAGES}`,
  ],
  start: (setup, place) => startRocketmq(setup, place, QUEUES),

  async connect(_setup, place) {
    const { ConsumeResult, Producer, PushConsumer } = await import('rocketmq-client-nodejs');
    const silent = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, () => undefined]));
    const common = {
      endpoints: `127.0.0.1:${ports(place).grpc}`,
      namespace: '',
      logger: silent,
      requestTimeout: REQUEST_TIMEOUT_MS,
    };
    const producer = new Producer({ ...common, topic: TOPIC });
    await producer.startup();
    const consumers = [];
    return {
      async consume(onHandled) {
        for (let i = 0; i < CONSUMERS; i++) {
          const consumer = new PushConsumer({
            ...common,
            consumerGroup: 'bench-group',
            subscriptions: new Map([[TOPIC, '*']]),
            maxCacheMessageCount: CACHE_MESSAGES,
            messageListener: {
              async consume({ body }) {
                onHandled(fromBytes(body).id);
                return ConsumeResult.SUCCESS;
              },
            },
          });
          await consumer.startup();
          consumers.push(consumer);
        }
      },
      send: (payload) => producer.send({ topic: TOPIC, body: toBytes(payload) }),
      async close() {
        await Promise.all(consumers.map((consumer) => consumer.shutdown()));
        await producer.shutdown();
      },
    };
  },
};
