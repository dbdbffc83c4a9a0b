import { join } from 'node:path';

import {
  Consumption,
  count,
  countingConsumer,
  inTurn,
  keepInFlight,
  measured,
  memoryAfterGc,
  openBroker,
  percentile,
  sendAndConsume,
  withDirectory,
} from '../support.mjs';
import { figureRow, ratioRow } from '../table.mjs';

const IN_FLIGHT = 256;
const BODY = Buffer.alloc(128, 'b');
const HOUR_MS = 3_600_000;
/** Beyond the measured part, and within one roll window: each is stored once. */
const SPREAD_HOURS = 46;
const ROUNDS = 5;
const TIMERS_A_SECOND = 500;
/** More than the 32 MiB of young log that a broker keeps in memory. */
const FILL_MESSAGES = 36_000;

/** B5: many pending timers, B2 beside them and without them, and how precisely others fire. */
export async function measure({ pick, report }) {
  const pending = pick(50_000, 200_000, 1_000_000);
  const messages = pick(10_000, 100_000);
  await withDirectory(async (directory) => {
    const path = join(directory, 'timed');
    const broker = await openBroker(path);
    const without = await openBroker(join(directory, 'without'));
    for (const row of await pendingTimers(broker, pending)) report(row);

    const work = { topic: 'bench', body: BODY, inFlight: IN_FLIGHT };
    const runs = [await sendAndConsume(without, work), await sendAndConsume(broker, work)];
    for (const run of runs) await run(Math.min(messages, 50_000));
    const [plain, beside] = await inTurn(ROUNDS, ...runs.map((run) => () => run(messages)));
    await without.close();
    const of = `${count(pending)} pending timers`;
    const comparison = { against: 'without', floor: plain.rate, atLeast: 0.9 };
    report(ratioRow(`B2 beside ${of}`, beside, comparison, { withoutCpuUs: plain.cpuUs }));

    await broker.whenIdle();
    report(await precision(broker, { seconds: pick(2, 10), of }));
    report(await burst(broker, { timers: pick(5000, 50_000), of }));
    await broker.close();
    report(await reopening(path, pending));
  });
}

/** Sends them, and measures what each holds of memory once all are in their place. */
async function pendingTimers(broker, pending) {
  const send = () => broker.send({ topic: 'plain', body: BODY });
  const large = Buffer.alloc(1000, 'l');
  await keepInFlight(IN_FLIGHT, FILL_MESSAGES, () => broker.send({ topic: 'plain', body: large }));
  const plain = await measured(pending / 4, () => keepInFlight(IN_FLIGHT, pending / 4, send));
  const delayMs = () => HOUR_MS + Math.floor(Math.random() * SPREAD_HOURS * HOUR_MS);
  await keepInFlight(IN_FLIGHT, 1000, () => broker.send({ topic: 'timed', body: BODY, delayMs: delayMs() }));
  await broker.whenIdle();
  const before = memoryAfterGc();
  const sent = await measured(pending - 1000, async () => {
    await keepInFlight(IN_FLIGHT, pending - 1000, () =>
      broker.send({ topic: 'timed', body: BODY, delayMs: delayMs() }),
    );
    await broker.whenIdle();
  });
  const after = memoryAfterGc();
  const bytesEach = (name) => (after[name] - before[name]) / (pending - 1000);
  return [
    ratioRow(`${count(pending)} timers sent and in place`, sent, { against: 'plain sends', floor: plain.rate }),
    figureRow(
      `heap and buffers of ${count(pending)} pending timers, each`,
      bytesEach('ownBytes'),
      'B',
      { atMost: 64 },
      {
        rssBytesEach: bytesEach('rss'),
      },
    ),
  ];
}

/** How late handlers are called, by the clock of the machine. Nothing else is under way, but for the sends before the first is due. */
async function precision(broker, { seconds, of }) {
  const timers = TIMERS_A_SECOND * seconds;
  const lateMs = [];
  const consumed = new Consumption();
  const onMessage = ({ properties }) => {
    lateMs.push(performance.timeOrigin + performance.now() - Number(properties['TIMER_DELIVER_MS']));
    consumed.count();
  };
  const consumer = await broker.subscribe(countingConsumer('precise', 'precise', onMessage));
  const firstMs = Date.now() + 2000;
  await keepInFlight(IN_FLIGHT, timers, () =>
    broker.send({
      topic: 'precise',
      body: BODY,
      deliverAtMs: firstMs + Math.floor(Math.random() * seconds * 1000),
    }),
  );
  await consumed.more(timers);
  await consumer.close({ timeoutMs: 10_000 });
  const sorted = lateMs.toSorted((a, b) => a - b);
  const what = `p99 lateness of ${TIMERS_A_SECOND}/s beside ${of}, else idle`;
  return figureRow(
    what,
    percentile(sorted, 0.99),
    'ms',
    { atMost: 50 },
    {
      p50Ms: percentile(sorted, 0.5),
      latestMs: sorted.at(-1),
      earliestMs: sorted[0],
    },
  );
}

/** Timers that are all due in one second: from the first that is handled to the last. */
async function burst(broker, { timers, of }) {
  const consumed = new Consumption();
  let firstMs;
  let cpuBefore;
  let lastLateMs;
  const onMessage = ({ properties }) => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      cpuBefore = process.cpuUsage();
    }
    lastLateMs = performance.timeOrigin + performance.now() - Number(properties['TIMER_DELIVER_MS']);
    consumed.count();
  };
  const consumer = await broker.subscribe(countingConsumer('burst', 'burst', onMessage));
  const dueMs = Date.now() + 3000 + timers / 10;
  await keepInFlight(IN_FLIGHT, timers, () => broker.send({ topic: 'burst', body: BODY, deliverAtMs: dueMs }));
  await consumed.more(timers);
  const rate = (timers * 1000) / (performance.now() - firstMs);
  const { user, system } = process.cpuUsage(cpuBefore);
  await consumer.close({ timeoutMs: 10_000 });
  return {
    ...figureRow(`${count(timers)} due at once beside ${of}`, rate, '/s', {}, { lastLateMs }),
    cpuUs: Number(((user + system) / timers).toPrecision(3)),
  };
}

async function reopening(path, pending) {
  const startedMs = performance.now();
  const broker = await openBroker(path);
  const tookMs = performance.now() - startedMs;
  await broker.whenIdle();
  const { total } = broker.admin.delays.timers();
  await broker.close();
  if (total !== pending) throw new Error(`${total} timers wait after the restart, ${pending} were sent.`);
  return figureRow(`opening the store with ${count(pending)} pending timers`, tookMs, 'ms');
}
