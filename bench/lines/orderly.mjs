import { consumeBacklog, count, inTurn, keepInFlight, withBroker } from '../support.mjs';
import { ratioRow } from '../table.mjs';

const TOPIC = 'ordered';
const KEYS = 1000;
const ROUNDS = 3;

/** Consuming a backlog of keyed messages in order, and concurrently. */
export async function measure({ pick, report }) {
  const messages = pick(30_000, 200_000);
  report(
    await withBroker(async (broker) => {
      const body = Buffer.alloc(128, 'b');
      let sent = 0;
      await keepInFlight(256, messages, () => broker.send({ topic: TOPIC, body, shardingKey: `key${sent++ % KEYS}` }));
      let groups = 0;
      const backlog = (consumeMode) =>
        consumeBacklog(broker, { group: `group-${groups++}`, topic: TOPIC, messages }, { consumeMode });
      await backlog('CONCURRENTLY');
      const [concurrent, orderly] = await inTurn(
        ROUNDS,
        () => backlog('CONCURRENTLY'),
        () => backlog('ORDERLY'),
      );
      const what = `${count(messages)} stored, ${KEYS} keys, 4 queues, 128 B`;
      return ratioRow(what, orderly, { against: 'concurrent', floor: concurrent.rate });
    }),
  );
}
