// Kills a process that sends and consumes with SIGKILL at random moments, starts it again on the same store, and so on. What the store holds, and what handlers got,
// is compared with a journal of acknowledgements that is kept outside of the store.
//
//   npm run crash-test [-- --rounds 50 --seed 1 --directory /mnt/disk --keep]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../build/engine/index.js';
import { Ledger } from './ledger.mjs';
import { readStore } from './stored-queues.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    directory: { type: 'string', default: tmpdir() },
    keep: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const random = new SeededRandom(Number(values.seed));

const LOAD = fileURLToPath(new URL('load-process.mjs', import.meta.url));
/** Numbers of one process; more than it can send. */
const NUMBERS_PER_ROUND = 1_000_000;
const READY_MS = 30_000;
/** How long what was promised may take to come true, once nobody is killed any more. */
const SETTLE_MS = 90_000;

const directory = await mkdtemp(join(values.directory, 'nestjs-rocket-crash-'));
const store = join(directory, 'store');
const journal = join(directory, 'journal.jsonl');
const ledger = new Ledger(journal);
const tally = { kills: 0, killsAtStart: 0, cleanStops: 0, checks: 0, tornTails: 0 };
const beganMs = performance.now();
console.log(`${rounds} rounds, seed ${values.seed}, in ${directory}`);

for (let round = 1; round <= rounds && ledger.faults.length === 0; round++) {
  await runRound(round);
  ledger.readOn();
  if (random.nextInt(2) === 0) await checkStore();
  if (round % 10 === 0) console.log(`round ${round}: ${describe(ledger.counts)}`);
}
if (ledger.faults.length === 0) await settle();

console.log(
  `${tally.kills} kills (${tally.killsAtStart} of them while starting), ${tally.cleanStops} clean stops, ${tally.checks} checks of the whole store, ` +
    `${tally.tornTails} torn ends found, ${Math.round((performance.now() - beganMs) / 1000)} s`,
);
console.log(describe(ledger.counts));
for (const fault of ledger.faults) console.log(`not ok ${fault}`);
console.log(
  ledger.faults.length === 0 ? 'ok: everything acknowledged is there and was handled' : `not ok: seed ${values.seed}`,
);
if (ledger.faults.length === 0 && !values.keep) await rm(directory, { recursive: true, force: true });
else console.log(`The store and the journal are in ${directory}`);
process.exitCode = ledger.faults.length === 0 ? 0 : 1;

async function runRound(round) {
  const flushDiskType = random.nextInt(4) === 0 ? 'ASYNC_FLUSH' : 'SYNC_FLUSH';
  const load = startLoad(round, flushDiskType, 'send');
  const killsAtStart = random.nextInt(4) === 0;
  if (!killsAtStart && !(await load.ready())) return;
  await sleep(killsAtStart ? random.nextInt(600) : lifeMs());
  const isClean = !killsAtStart && random.nextInt(8) === 0;
  if (isClean) tally.cleanStops += 1;
  else tally.kills += 1;
  if (killsAtStart) tally.killsAtStart += 1;
  await load.end(isClean ? 'SIGTERM' : 'SIGKILL');
}

/** Mostly short; sometimes long enough for all that is written now and then, such as the offsets every 5 s. */
function lifeMs() {
  return 50 + random.nextInt(1200) + (random.nextInt(6) === 0 ? 5000 : 0);
}

/** Nobody is killed any more: now all that was promised must come true. */
async function settle() {
  const load = startLoad(rounds + 1, 'SYNC_FLUSH', 'settle');
  if (!(await load.ready())) return;
  const endMs = performance.now() + SETTLE_MS;
  let owed;
  do {
    await sleep(500);
    ledger.readOn();
    owed = ledger.owed();
  } while (owed.length > 0 && performance.now() < endMs);
  if (owed.length > 0)
    ledger.fault(`never handled: ${owed.length} deliveries, such as ${owed.slice(0, 10).join(', ')}`);
  await load.end('SIGTERM');
  ledger.readOn();
  ledger.checkDeadLetters(await checkStore());
}

async function checkStore() {
  tally.checks += 1;
  try {
    const { queues, notFound } = await readStore(store, onWarning, ledger.sampleOfKeys(50));
    ledger.checkStore(queues);
    for (const { number } of notFound) ledger.fault(`${number} is not found by its key`);
    return queues;
  } catch (error) {
    ledger.fault(`the store can't be opened or read: ${error.stack}`);
    return [];
  }
}

function onWarning(text) {
  if (text.includes('torn')) tally.tornTails += 1;
}

function startLoad(round, flushDiskType, mode) {
  const args = [LOAD, store, journal, round * NUMBERS_PER_ROUND, random.nextInt(1_000_000), flushDiskType, mode];
  const child = spawn(process.execPath, args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
  let errorText = '';
  let isKilled = false;
  child.stderr.on('data', (text) => (errorText += text));
  const exited = once(child, 'exit').then(([code, signal]) => {
    if (signal === 'SIGKILL' || (isKilled && code === 0)) return;
    ledger.fault(`round ${round}: the process ended with ${code ?? signal}: ${errorText}`);
  });
  const firstOutput = once(child.stdout, 'data').then(() => true);
  return {
    ready: async () => {
      const isReady = await Promise.race([firstOutput, exited.then(() => false), sleep(READY_MS).then(() => false)]);
      if (isReady) return true;
      ledger.fault(`round ${round}: the broker did not start: ${errorText}`);
      child.kill('SIGKILL');
      await exited;
      return false;
    },
    end: async (signal) => {
      isKilled = true;
      child.kill(signal);
      await exited;
    },
  };
}

function describe({ sent, acknowledged, recalled, deliveries, repeats, deadLetters }) {
  return `${sent} messages sent, ${acknowledged} acknowledged, ${recalled} recalled, ${deliveries} deliveries (${repeats} repeated), ${deadLetters} dead letters`;
}
