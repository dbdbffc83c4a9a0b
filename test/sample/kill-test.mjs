// Kills the built sample shop with SIGKILL in the middle of a loop of acknowledged sends, restarts it, and goes on; three times. Then every
// acknowledged message must have been handled at least once, and every fee whose payment is in the database must be in the ledger exactly once.
//
//   npm run build:sample && npm run kill-test [-- --sends=5000 --rounds=3 --seed=1]
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ShopProcess } from './shop-process.mjs';

const { values } = parseArgs({
  options: {
    sends: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const sendsPerRound = Number(values.sends);
const rounds = Number(values.rounds);
const random = seededRandom(Number(values.seed));

const CONCURRENCY = 32;
/** One of so many sends is followed by the payment of a fee. */
const FEE_EVERY = 50;
const OUTCOMES = ['commit', 'unknown', 'rollback', 'throw'];
/** How long what was acknowledged may take to be handled, once the last restart is through. */
const SETTLE_MS = 60_000;

const MAIN = new URL('../../dist-sample/sample-app/src/main.js', import.meta.url).pathname;
if (!existsSync(MAIN)) {
  console.error(`There is no ${MAIN}. Build it first: npm run build:sample`);
  process.exit(2);
}

const directory = await mkdtemp(join(tmpdir(), 'nestjs-rocket-kill-'));
const dataDirectory = join(directory, 'data');
const shop = new ShopProcess(MAIN, directory, {
  DATA_DIR: dataDirectory,
  CHECK_TIMEOUT_MS: '1000',
  CHECK_INTERVAL_MS: '1000',
});
const journalPath = join(directory, 'journal.txt');
const journal = openSync(journalPath, 'a');

/** Ids of all fees that somebody tried to pay: how it ended is for the database to tell. */
const feeIds = [];
let unanswered = 0;
let passed = 0;
let failed = 0;

function check(promise, isKept, detail) {
  if (isKept) passed += 1;
  else failed += 1;
  console.log(`${isKept ? 'ok    ' : 'not ok'} ${promise}${detail === '' ? '' : `: ${detail}`}`);
}

/** Sends until the message is acknowledged, over as many restarts as it takes. Only the acknowledgement gets into the journal. */
async function sendUntilAcknowledged(keys) {
  for (;;) {
    await shop.whenUp();
    try {
      const { status, body } = await shop.post('/messages', { topic: 'messages', keys, payload: { keys } });
      if (status !== 201) throw new Error(`POST /messages answered ${status}: ${JSON.stringify(body)}`);
      writeSync(journal, `${body.msgId}\n`);
      return;
    } catch (error) {
      if (error.code === undefined) throw error;
      unanswered += 1;
      await sleep(5);
    }
  }
}

/** Paid once, whatever comes of it: a request that the kill cut off is not made again. */
async function payFee(feeId) {
  feeIds.push(feeId);
  await shop.whenUp();
  const outcome = OUTCOMES[Math.floor(random() * OUTCOMES.length)];
  try {
    await shop.post('/fees', { feeId, amount: 1, outcome });
  } catch (error) {
    if (error.code === undefined) throw error;
  }
}

async function runRound(round) {
  const killAfter = Math.floor(sendsPerRound * (0.2 + 0.6 * random()));
  let next = 0;
  let acknowledged = 0;
  let restart = Promise.resolve(0);
  const beganMs = Date.now();

  async function worker() {
    while (next < sendsPerRound) {
      const n = next++;
      await sendUntilAcknowledged(`r${round}-${n}`);
      acknowledged += 1;
      if (acknowledged === killAfter) {
        restart = shop.killAndRestart();
        // When it fails the workers learn of it; it is awaited only after them.
        restart.catch(() => undefined);
      }
      if (n % FEE_EVERY === 0) await payFee(`fee-${round}-${n}`);
    }
  }

  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const startMs = await restart;
  const seconds = ((Date.now() - beganMs) / 1000).toFixed(1);
  check(
    `round ${round}: killed after ${killAfter} of ${sendsPerRound} acknowledged sends, restarted, all acknowledged`,
    acknowledged === sendsPerRound,
    `${seconds} s, up again ${startMs} ms after the kill`,
  );
}

/** All deliveries on the topic, page by page. */
async function readDeliveries() {
  const deliveries = [];
  for (let after = 0; ;) {
    const { body } = await shop.get(`/events?topic=messages&limit=5000&after=${after}`);
    if (body.length === 0) return deliveries;
    deliveries.push(...body);
    after = body.at(-1).seq;
  }
}

async function within(ms, probe) {
  const deadlineMs = Date.now() + ms;
  for (;;) {
    if (await probe()) return true;
    if (Date.now() > deadlineMs) return false;
    await sleep(100);
  }
}

async function checkMessages() {
  const acknowledged = readFileSync(journalPath, 'utf8').trimEnd().split('\n');
  let deliveries = [];
  let missing = acknowledged;
  const settled = await within(SETTLE_MS, async () => {
    const { body: summary } = await shop.get('/events/summary?topic=messages');
    if (summary.messages < acknowledged.length) return false;
    deliveries = await readDeliveries();
    const handled = new Set(deliveries.map((delivery) => delivery.msgId));
    missing = acknowledged.filter((msgId) => !handled.has(msgId));
    return missing.length === 0;
  });
  check(
    'every acknowledged message was handled at least once',
    settled,
    `${acknowledged.length} acknowledged, ${missing.length} missing${missing.length > 0 ? ` (${missing[0]}, …)` : ''}`,
  );

  const distinct = new Set(deliveries.map((delivery) => delivery.msgId)).size;
  console.log(`       repeats: ${deliveries.length - distinct} of ${deliveries.length} deliveries`);
  console.log(`       sends without an answer: ${unanswered}, stored all the same: ${distinct - acknowledged.length}`);
}

async function checkFees() {
  let paid = [];
  let problem = '';
  const settled = await within(SETTLE_MS, async () => {
    const { body: ledger } = await shop.get('/ledger');
    const booked = ledger.entries.map((entry) => entry.reference);
    const answers = await Promise.all(feeIds.map((feeId) => shop.get(`/fees/${feeId}`)));
    paid = feeIds.filter((_feeId, index) => answers[index].status === 200);
    const unbooked = paid.filter((feeId) => !booked.includes(feeId));
    const unpaid = booked.filter((feeId) => !paid.includes(feeId));
    problem = `${unbooked.length} not booked, ${unpaid.length} booked but not paid`;
    return unbooked.length === 0 && unpaid.length === 0 && new Set(booked).size === booked.length;
  });
  check(
    'every paid fee is in the ledger exactly once, and no other',
    settled,
    `${paid.length} of ${feeIds.length} paid, ${problem}`,
  );
}

async function checkCleanStop() {
  const before = (await shop.get('/events/summary')).body;
  await shop.stop();
  // RocketMQ's mark of a store that is open, or was not closed.
  const isClosed = !existsSync(join(dataDirectory, 'rocket-store', 'abort'));
  check('SIGTERM closes the store', isClosed, '');
  await shop.start();
  // A message of its own tells when the topic has been read up to its end: repeats would come before it, or at the same time.
  await shop.post('/love', { text: 'the last' });
  await within(SETTLE_MS, async () => (await shop.get('/events?id=the%20last')).body.length > 0);
  await sleep(500);
  const after = (await shop.get('/events/summary')).body;
  check('after a clean stop nothing is delivered again', after.deliveries === before.deliveries + 1, '');
}

function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

try {
  console.log(`seed ${values.seed}, ${rounds} rounds of ${sendsPerRound} sends`);
  await shop.start();
  for (let round = 1; round <= rounds; round += 1) await runRound(round);
  await checkMessages();
  await checkFees();
  await checkCleanStop();
} catch (error) {
  check('the test ran to its end', false, error.stack);
} finally {
  await shop.stop();
  closeSync(journal);
}
if (failed === 0) await rm(directory, { recursive: true });
else console.log(`The store, the database, the journal and the shop's log are left in ${directory}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
