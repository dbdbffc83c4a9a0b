import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';

import { groupedSends } from './lib/grouped-sends.mjs';
import { clientVersions, HOW_TO_GET_CLIENTS, missingClients } from './lib/npm-clients.mjs';
import { findProgram, programVersion, versionedFolders } from './lib/programs.mjs';
import { startServer } from './lib/server-process.mjs';

const QUEUE = 'bench';
const CONNECTIONS = 20;
const WORKERS = 2;
const BATCH_SIZE = 500;
const SERVER_OPTIONS = ['fsync=on', 'synchronous_commit=on', 'shared_buffers=1GB', 'max_wal_size=4GB'];

const program = (name) => findProgram(name, versionedFolders('/usr/lib/postgresql', 'bin'));

/** PostgreSQL refuses to run as root; then it runs as the user that its package made. */
function serverUser() {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option) => Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** @type {import('./index.mjs').Peer} */
export const pgBoss = {
  name: 'pg-boss',
  title: 'pg-boss on PostgreSQL',
  howToGet: `initdb and postgres: apt-get install postgresql; clients: ${HOW_TO_GET_CLIENTS}`,
  missing: () => [
    ...['initdb', 'postgres'].filter((name) => program(name) === undefined).map((name) => `the program ${name}`),
    ...missingClients('pg-boss', 'pg'),
  ],
  versions: () => ({
    server: `PostgreSQL ${programVersion(program('postgres'), '--version')}`,
    client: clientVersions('pg-boss', 'pg'),
  }),
  setups: [
    { name: 'send()', isGrouped: false, isSyncedBeforeAck: true },
    { name: 'insert() of what waits', isGrouped: true, isSyncedBeforeAck: true },
  ],
  configuration: ({ isGrouped }) => [
    `postgres ${SERVER_OPTIONS.join(' ')}; pool of ${CONNECTIONS} connections; queue with notify`,
    isGrouped ? 'sends of one turn of the event loop are one insert()' : 'each message is a send()',
    `${WORKERS} workers, batchSize ${BATCH_SIZE}, burstWhenBatchFull`,
  ],

  async start(_setup, { directory, port }) {
    const user = serverUser();
    if (user.uid !== undefined) chownSync(directory, user.uid, user.gid);
    const data = join(directory, 'data');
    const made = spawnSync(program('initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8'], {
      ...user,
      cwd: directory,
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);
    const options = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', ...SERVER_OPTIONS];
    const args = ['-D', data, ...options.flatMap((option) => ['-c', option])];
    // SIGINT: a fast shutdown, which does not wait for clients.
    const serverOptions = { ...user, directory, stopSignal: 'SIGINT' };
    return startServer(program('postgres'), args, serverOptions, (started) =>
      started.until(() => started.log.includes('ready to accept connections'), 'become ready'),
    );
  },

  async connect({ isGrouped }, { port }) {
    const { PgBoss } = await import('pg-boss');
    const address = { host: '127.0.0.1', port, user: 'bench', database: 'postgres' };
    const boss = new PgBoss({ ...address, max: CONNECTIONS, useListenNotify: true });
    boss.on('error', ({ message }) => console.error(message));
    await boss.start();
    await boss.createQueue(QUEUE, { notify: true });
    return {
      async consume(onHandled) {
        const options = {
          batchSize: BATCH_SIZE,
          burstWhenBatchFull: true,
          localConcurrency: WORKERS,
          pollingIntervalSeconds: 0.5,
        };
        await boss.work(QUEUE, options, async (jobs) => {
          for (const job of jobs) onHandled(job.data.id);
        });
      },
      send: isGrouped
        ? groupedSends((payloads) =>
            boss.insert(
              QUEUE,
              payloads.map((data) => ({ data })),
            ),
          )
        : (payload) => boss.send(QUEUE, payload),
      close: () => boss.stop({ graceful: false, close: true }),
    };
  },
};
