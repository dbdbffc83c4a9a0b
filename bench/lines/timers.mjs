import { EmbeddedBroker, SilentLogger } from 'nestjs-rocket';

import { countingConsumer, keepInFlight, memoryAfterGc, percentile, withBroker } from '../support.mjs';

const LINE = 'B5 timers';
const IN_FLIGHT = 256;
const HOUR_MS = 3_600_000;
/** Beyond the measured part, and within one roll window: each is stored once. */
const SPREAD_HOURS = 46;
const PRECISE_TIMERS = 5000;
const PRECISE_SPREAD_MS = 10_000;

/** B5: a million pending timers, and how precisely others fire beside them. */
export async function* timers({ scale }) {
  const pending = Math.round(1_000_000 * scale);
  const results = [];
  await withBroker(async (broker, directory) => {
    const body = Buffer.alloc(128, 'b');
    const send = () => broker.send({ topic: 'plain', body });
    await keepInFlight(IN_FLIGHT, Math.round(pending / 10), send);
    const plain = await keepInFlight(IN_FLIGHT, Math.round(pending / 4), send);
    await broker.whenIdle();
    const before = memoryAfterGc();
    const startedMs = performance.now();
    await keepInFlight(IN_FLIGHT, pending, () =>
      broker.send({ topic: 'timed', body, delayMs: HOUR_MS + Math.floor(Math.random() * SPREAD_HOURS * HOUR_MS) }),
    );
    const rate = (pending * 1000) / (performance.now() - startedMs);
    await broker.whenIdle();
    const indexed = (pending * 1000) / (performance.now() - startedMs);
    const what = `${pending.toLocaleString('en')} timers, ${IN_FLIGHT} in flight`;
    results.push({ line: LINE, what: `send: ${what}`, rate, floor: plain, against: 'plain' });
    results.push({ line: LINE, what: 'send and index them', rate: indexed, floor: plain, against: 'plain' });
    const after = memoryAfterGc();
    const bytes = (name) => ((after[name] - before[name]) / pending).toFixed(1);
    const memory = `heap and buffers ${bytes('ownBytes')} B a timer, RSS ${bytes('rss')} B a timer`;
    results.push({ line: LINE, what: 'memory of the pending ones', note: memory });
    results.push({ line: LINE, what: 'precision beside them', note: await precision(broker, body) });
    await broker.close();
    results.push({ line: LINE, what: 'open again with them', note: await reopening(directory, pending) });
  });
  yield* results;
}

/** How late handlers are called, by the clock of the machine. */
async function precision(broker, body) {
  const lateMs = [];
  let onAll;
  const all = new Promise((resolve) => (onAll = resolve));
  const onMessage = ({ properties }) => {
    lateMs.push(performance.timeOrigin + performance.now() - Number(properties['TIMER_DELIVER_MS']));
    if (lateMs.length === PRECISE_TIMERS) onAll();
  };
  await broker.subscribe(countingConsumer('precise', 'precise', onMessage));
  const nowMs = Date.now();
  await keepInFlight(IN_FLIGHT, PRECISE_TIMERS, () => {
    const deliverAtMs = nowMs + 2000 + Math.floor(Math.random() * PRECISE_SPREAD_MS);
    return broker.send({ topic: 'precise', body, deliverAtMs });
  });
  await all;
  const sorted = lateMs.toSorted((a, b) => a - b);
  const figures = [0.5, 0.99].map((p) => `p${p * 100} ${percentile(sorted, p).toFixed(1)} ms`);
  figures.push(`latest ${sorted.at(-1).toFixed(1)} ms`, `earliest ${sorted[0].toFixed(1)} ms`);
  return `${PRECISE_TIMERS.toLocaleString('en')} in ${PRECISE_SPREAD_MS / 1000} s, to the handler: ${figures.join(', ')}`;
}

async function reopening(directory, pending) {
  const startedMs = performance.now();
  const broker = new EmbeddedBroker({ store: { path: `${directory}/store` } }, { logger: new SilentLogger() });
  await broker.start();
  const tookMs = performance.now() - startedMs;
  await broker.whenIdle();
  const { total } = broker.admin.delays.timers();
  await broker.close();
  if (total !== pending) throw new Error(`${total} timers wait after the restart, ${pending} were sent.`);
  return `${Math.round(tookMs)} ms until sends are taken`;
}
