import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { clientVersions, HOW_TO_GET_CLIENTS, missingClients } from './lib/npm-clients.mjs';
import { toBytes } from './lib/payload.mjs';
import { findProgram, programVersion } from './lib/programs.mjs';
import { startServer } from './lib/server-process.mjs';

const STREAM = 'bench';
const CONSUMER = 'bench';
const MAX_MESSAGES = 2000;
const MAX_ACK_PENDING = 10_000;

const server = () => findProgram('nats-server');

/** @type {import('./index.mjs').Peer} */
export const nats = {
  name: 'nats',
  title: 'NATS JetStream',
  howToGet: `nats-server: go install github.com/nats-io/nats-server/v2@latest, or a package of your system; clients: ${HOW_TO_GET_CLIENTS}`,
  missing: () => [
    ...(server() === undefined ? ['the program nats-server'] : []),
    ...missingClients('@nats-io/transport-node', '@nats-io/jetstream'),
  ],
  versions: () => ({
    server: `nats-server ${programVersion(server(), '--version')}`,
    client: clientVersions('@nats-io/transport-node', '@nats-io/jetstream'),
  }),
  setups: [
    { name: 'file, sync_interval: always', syncInterval: 'always', isSyncedBeforeAck: true },
    { name: 'file, sync_interval: 2m (default)', syncInterval: '2m', isSyncedBeforeAck: false },
  ],
  configuration: ({ syncInterval }) => [
    `jetstream { sync_interval: ${syncInterval} }; stream: file storage, one replica, limits retention`,
    `publishes pipelined, each waits for its PubAck; pull consumer, consume() with max_messages ${MAX_MESSAGES}, explicit acks, max_ack_pending ${MAX_ACK_PENDING}`,
  ],

  async start({ syncInterval }, { directory, port }) {
    const configPath = join(directory, 'nats.conf');
    const jetStream = `jetstream { store_dir: "${join(directory, 'store')}", sync_interval: ${syncInterval} }`;
    writeFileSync(configPath, `listen: "127.0.0.1:${port}"\n${jetStream}\n`);
    return startServer(server(), ['-c', configPath], { directory }, (started) => started.untilAnswers(port));
  },

  async connect(_setup, { port }) {
    const { connect } = await import('@nats-io/transport-node');
    const { jetstream, jetstreamManager } = await import('@nats-io/jetstream');
    const open = () => connect({ servers: `127.0.0.1:${port}` });
    const sending = await open();
    const receiving = await open();
    const manager = await jetstreamManager(receiving);
    await manager.streams.add({ name: STREAM, subjects: [STREAM], storage: 'file', num_replicas: 1 });
    const consumerConfig = { durable_name: CONSUMER, ack_policy: 'explicit', max_ack_pending: MAX_ACK_PENDING };
    await manager.consumers.add(STREAM, consumerConfig);
    const publisher = jetstream(sending);
    let messages;
    return {
      async consume(onHandled) {
        const consumer = await jetstream(receiving).consumers.get(STREAM, CONSUMER);
        messages = await consumer.consume({
          max_messages: MAX_MESSAGES,
          callback(message) {
            onHandled(message.json().id);
            message.ack();
          },
        });
      },
      send: (payload) => publisher.publish(STREAM, toBytes(payload)),
      async close() {
        await messages.close();
        await receiving.drain();
        await sending.drain();
      },
    };
  },
};
