import { clientVersions, HOW_TO_GET_CLIENTS, missingClients } from './lib/npm-clients.mjs';
import { findProgram, programVersion } from './lib/programs.mjs';
import { startServer } from './lib/server-process.mjs';

const QUEUE = 'bench';
const CONCURRENCY = 300;

const server = () => findProgram('redis-server');

function serverOptions({ appendfsync }) {
  return ['--appendonly', 'yes', '--appendfsync', appendfsync, '--save', '', '--maxmemory-policy', 'noeviction'];
}

/** @type {import('./index.mjs').Peer} */
export const redis = {
  name: 'redis',
  title: 'BullMQ on Redis',
  howToGet: `redis-server: apt-get install redis-server; clients: ${HOW_TO_GET_CLIENTS}`,
  missing: () => [
    ...(server() === undefined ? ['the program redis-server'] : []),
    ...missingClients('bullmq', 'ioredis'),
  ],
  versions: () => ({
    server: `Redis ${programVersion(server(), '--version')}`,
    client: clientVersions('bullmq', 'ioredis'),
  }),
  setups: [
    { name: 'appendfsync always', appendfsync: 'always', isSyncedBeforeAck: true },
    { name: 'appendfsync everysec', appendfsync: 'everysec', isSyncedBeforeAck: false },
  ],
  configuration: (setup) => [
    `redis-server ${serverOptions(setup)
      .map((option) => option || "''")
      .join(' ')}`,
    `Queue: add() one by one, auto-pipelined; removeOnComplete. Worker: concurrency ${CONCURRENCY}`,
  ],

  async start(setup, { directory, port }) {
    const args = ['--bind', '127.0.0.1', '--port', port, '--dir', directory, '--daemonize', 'no'];
    const all = [...args.map(String), ...serverOptions(setup)];
    return startServer(server(), all, { directory }, (started) => started.untilAnswers(port));
  },

  async connect(_setup, { port }) {
    const { Queue, Worker } = await import('bullmq');
    const connection = { host: '127.0.0.1', port };
    const queue = new Queue(QUEUE, {
      connection: { ...connection, enableAutoPipelining: true },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    await queue.waitUntilReady();
    let worker;
    return {
      async consume(onHandled) {
        const options = { connection: { ...connection, maxRetriesPerRequest: null }, concurrency: CONCURRENCY };
        worker = new Worker(QUEUE, async (job) => onHandled(job.data.id), options);
        await worker.waitUntilReady();
      },
      send: (payload) => queue.add('message', payload),
      async close() {
        await worker.close();
        await queue.close();
      },
    };
  },
};
