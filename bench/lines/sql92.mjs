import { consumeBacklog, keepInFlight, withBroker } from '../support.mjs';

const LINE = 'B6 SQL92';
const TOPIC = 'filtered';
const KINDS = 10;

/** B6: consuming a backlog of which one message in ten passes the filter. Rates count the messages that were looked at. */
export async function* sql92({ scale }) {
  const messages = Math.round(300_000 * scale);
  const results = [];
  await withBroker(async (broker) => {
    const body = Buffer.alloc(128, 'b');
    let sent = 0;
    await keepInFlight(256, messages, () => {
      const kind = String(sent++ % KINDS);
      return broker.send({ topic: TOPIC, body, tags: `kind${kind}`, properties: { kind } });
    });
    const backlog = (name, selector, passing) =>
      consumeBacklog(broker, { group: name, topic: TOPIC, messages: passing }, { selector });
    // The first pass warms up what the others find.
    await backlog('warm-up', { type: 'TAG', expression: '*' }, messages);
    const secondsOf = {
      all: await backlog('all', { type: 'TAG', expression: '*' }, messages),
      tag: await backlog('tag', { type: 'TAG', expression: 'kind3' }, messages / KINDS),
      sql: await backlog('sql', { type: 'SQL92', expression: "kind = '3'" }, messages / KINDS),
    };
    const rate = (name) => messages / secondsOf[name];
    results.push({ line: LINE, what: 'no filter', rate: rate('all') });
    results.push({
      line: LINE,
      what: 'TAG, 1 in 10 passes',
      rate: rate('tag'),
      floor: rate('all'),
      against: 'no filter',
    });
    results.push({
      line: LINE,
      what: 'SQL92, 1 in 10 passes',
      rate: rate('sql'),
      floor: rate('all'),
      against: 'no filter',
    });
    results.push({ line: LINE, what: 'SQL92, 1 in 10 passes', rate: rate('sql'), floor: rate('tag'), against: 'TAG' });
  });
  yield* results;
}
