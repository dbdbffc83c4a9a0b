import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { clientVersions, HOW_TO_GET_CLIENTS, missingClients } from './lib/npm-clients.mjs';
import { fromBytes, toBytes } from './lib/payload.mjs';
import { findProgram } from './lib/programs.mjs';
import { startInTurn, startServer } from './lib/server-process.mjs';

const QUEUE = 'bench';
const PREFETCH = 1000;

// What Debian has on the PATH changes to the user rabbitmq first, who may not enter our directory.
const server = () => findProgram('rabbitmq-server', ['/usr/lib/rabbitmq/bin']);
const portMapper = () => findProgram('epmd');

/** @type {import('./index.mjs').Peer} */
export const rabbitmq = {
  name: 'rabbitmq',
  title: 'RabbitMQ',
  howToGet: `rabbitmq-server (with epmd of Erlang): apt-get install rabbitmq-server; client: ${HOW_TO_GET_CLIENTS}`,
  missing: () => [
    ...(server() === undefined ? ['the program rabbitmq-server'] : []),
    ...(portMapper() === undefined ? ['the program epmd'] : []),
    ...missingClients('amqplib'),
  ],
  versions: () => ({ server: 'RabbitMQ', client: clientVersions('amqplib') }),
  setups: [
    // Its confirms mean that the message was written: system calls traced under load show no sync, for quorum queues they do.
    { name: 'classic queue', queue: { 'x-queue-type': 'classic', 'x-queue-version': 2 }, isSyncedBeforeAck: false },
    { name: 'quorum queue', queue: { 'x-queue-type': 'quorum' }, isSyncedBeforeAck: true },
  ],
  configuration: ({ queue }) => [
    `one durable queue, ${JSON.stringify(queue)}; persistent messages; server as it comes, one node`,
    `a connection each for the confirm channel, and for the consumer: prefetch ${PREFETCH}, one ack for all messages of a turn of the event loop`,
  ],

  async start(_setup, { directory, port }) {
    const epmdPort = port + 1;
    writeFileSync(join(directory, 'rabbitmq.conf'), `listeners.tcp.default = 127.0.0.1:${port}\n`);
    writeFileSync(join(directory, 'enabled_plugins'), '[].\n');
    writeFileSync(join(directory, 'rabbitmq-env.conf'), '');
    mkdirSync(join(directory, 'home'));
    const env = {
      ...process.env,
      HOME: join(directory, 'home'),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(epmdPort),
      RABBITMQ_CONF_ENV_FILE: join(directory, 'rabbitmq-env.conf'),
      RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
      RABBITMQ_DIST_PORT: String(port + 2),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
      RABBITMQ_NODENAME: 'bench@localhost',
      RABBITMQ_PID_FILE: join(directory, 'pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    };
    return startInTurn(
      // Else the server would start one that goes on running after it.
      () => startServer(portMapper(), [], { directory, env }, (started) => started.untilAnswers(epmdPort)),
      () => startServer(server(), [], { directory, env }, (started) => started.untilAnswers(port)),
    );
  },

  async connect({ queue }, { port }) {
    const { connect } = await import('amqplib');
    const open = () => connect(`amqp://127.0.0.1:${port}`, { noDelay: true });
    const sending = await open();
    const receiving = await open();
    const confirmed = await sending.createConfirmChannel();
    await confirmed.assertQueue(QUEUE, { durable: true, arguments: queue });
    const channel = await receiving.createChannel();
    await channel.prefetch(PREFETCH);
    return {
      serverVersion: `RabbitMQ ${sending.connection.serverProperties.version}`,
      async consume(onHandled) {
        let latest;
        const acknowledge = () => {
          channel.ack(latest, true);
          latest = undefined;
        };
        await channel.consume(QUEUE, (message) => {
          onHandled(fromBytes(message.content).id);
          if (latest === undefined) setImmediate(acknowledge);
          latest = message;
        });
      },
      send: (payload) =>
        new Promise((resolve, reject) => {
          confirmed.sendToQueue(QUEUE, toBytes(payload), { persistent: true }, (error) =>
            error ? reject(error) : resolve(),
          );
        }),
      async close() {
        // The acks of this turn go out first.
        await nextTurn();
        await receiving.close();
        await sending.close();
      },
    };
  },
};
