import { consumeBacklog, keepInFlight, withBroker } from '../support.mjs';

const LINE = 'B7 orderly';
const TOPIC = 'ordered';
const KEYS = 1000;

/** B7: consuming a backlog of keyed messages in order, and concurrently. */
export async function* orderly({ scale }) {
  const messages = Math.round(300_000 * scale);
  const results = [];
  await withBroker(async (broker) => {
    const body = Buffer.alloc(128, 'b');
    let sent = 0;
    await keepInFlight(256, messages, () => broker.send({ topic: TOPIC, body, shardingKey: `key${sent++ % KEYS}` }));
    const backlog = (group, consumeMode) => consumeBacklog(broker, { group, topic: TOPIC, messages }, { consumeMode });
    await backlog('warm-up', 'CONCURRENTLY');
    const concurrent = messages / (await backlog('concurrent', 'CONCURRENTLY'));
    const rate = messages / (await backlog('orderly', 'ORDERLY'));
    const what = `${KEYS} keys, 4 queues, 128 B`;
    results.push({ line: LINE, what, rate, floor: concurrent, against: 'concurrent' });
  });
  yield* results;
}
