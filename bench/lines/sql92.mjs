import { consumeBacklog, count, inTurn, keepInFlight, withBroker } from '../support.mjs';
import { ratioRow } from '../table.mjs';

const TOPIC = 'filtered';
const KINDS = 10;
const ROUNDS = 3;

/** Consuming a backlog of which one message in ten passes the filter. Rates count the messages that were looked at. */
export async function measure({ pick, report }) {
  const messages = pick(30_000, 200_000);
  await withBroker(async (broker) => {
    const body = Buffer.alloc(128, 'b');
    let sent = 0;
    await keepInFlight(256, messages, () => {
      const kind = String(sent++ % KINDS);
      return broker.send({ topic: TOPIC, body, tags: `kind${kind}`, properties: { kind } });
    });
    let groups = 0;
    const backlog = async (selector, passing) => {
      const work = { group: `group-${groups++}`, topic: TOPIC, messages: passing };
      const { rate, cpuUs } = await consumeBacklog(broker, work, { selector });
      return { rate: (rate * messages) / passing, cpuUs: (cpuUs * passing) / messages };
    };
    // The first pass warms up what the others find.
    await backlog({ type: 'TAG', expression: '*' }, messages);
    const [all, tag, sql] = await inTurn(
      ROUNDS,
      () => backlog({ type: 'TAG', expression: '*' }, messages),
      () => backlog({ type: 'TAG', expression: 'kind3' }, messages / KINDS),
      () => backlog({ type: 'SQL92', expression: "kind = '3'" }, messages / KINDS),
    );
    const what = `${count(messages)} stored, 1 in ${KINDS} passes`;
    report(ratioRow(`TAG, ${what}`, tag, { against: 'no filter', floor: all.rate }));
    report(ratioRow(`SQL92, ${what}`, sql, { against: 'no filter', floor: all.rate }));
    report(ratioRow(`SQL92, ${what}`, sql, { against: 'TAG', floor: tag.rate }));
  });
}
