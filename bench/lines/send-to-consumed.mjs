import { measureFloor } from '../floor.mjs';
import {
  countingConsumer,
  inTurn,
  percentile,
  recordBytesOf,
  sendAndConsume,
  sendAtRate,
  withBroker,
} from '../support.mjs';
import { figureRow, ratioRow } from '../table.mjs';

const TOPIC = 'bench';
const IN_FLIGHT = 256;
const ROUNDS = 3;

/** B2: from the first send to the last handler's end, with one group and with three; and how soon a handler begins at half of that load. */
export async function measure({ pick, report }) {
  const messages = pick(20_000, 150_000);
  const full = new Map();
  for (const groups of [1, 3]) {
    for (const bodyBytes of [128, 1024]) {
      const { row, rate } = await throughput({ bodyBytes, groups, messages });
      if (groups === 1) full.set(bodyBytes, rate);
      report(row);
    }
  }
  for (const [bodyBytes, rate] of full) report(await latency({ bodyBytes, rate: rate / 2, seconds: pick(0.5, 4) }));
}

function throughput({ bodyBytes, groups, messages }) {
  return withBroker(async (broker, directory) => {
    const body = Buffer.alloc(bodyBytes, 'b');
    const recordBytes = await recordBytesOf(() => broker.send({ topic: 'sized', body }));
    const run = await sendAndConsume(broker, { topic: TOPIC, body, inFlight: IN_FLIGHT, groups });
    await run(Math.min(messages, 50_000));
    const work = { groupSize: IN_FLIGHT, recordBytes, totalRecords: messages };
    const [floor, consumed] = await inTurn(
      ROUNDS,
      async () => ({ rate: await measureFloor(directory, work) }),
      () => run(messages),
    );
    const what = `${bodyBytes} B, ${IN_FLIGHT} in flight, 4 queues, ${groups} group${groups > 1 ? 's' : ''}`;
    return { row: ratioRow(what, consumed, { floor: floor.rate, atLeast: 0.5 }, { recordBytes }), rate: consumed.rate };
  });
}

/** Open loop: messages are sent at the rate whether the ones before are through or not. Each carries its number, so that both times of it meet. */
function latency({ bodyBytes, rate, seconds }) {
  return withBroker(async (broker) => {
    const messages = Math.round(rate * seconds);
    const warmUp = Math.round(messages / 4);
    const sentMs = new Float64Array(warmUp + messages);
    const storedMs = new Float64Array(warmUp + messages);
    const handledMs = new Float64Array(warmUp + messages);
    let handled = 0;
    let onAll;
    const all = new Promise((resolve) => (onAll = resolve));
    const onMessage = ({ body }) => {
      handledMs[body.readUInt32LE(0)] = performance.now();
      if (++handled === warmUp + messages) onAll();
    };
    await broker.subscribe(countingConsumer('group', TOPIC, onMessage));
    const filler = Buffer.alloc(bodyBytes, 'b');
    const send = (from) => async (index) => {
      // As apps make them of a text: `Buffer.alloc` would ask the system for memory each time.
      const body = Buffer.from(filler);
      body.writeUInt32LE(from + index, 0);
      sentMs[from + index] = performance.now();
      await broker.send({ topic: TOPIC, body });
      storedMs[from + index] = performance.now();
    };
    await sendAtRate(rate, warmUp, send(0));
    const offeredPerSecond = await sendAtRate(rate, messages, send(warmUp));
    await all;
    const sorted = (before) =>
      handledMs
        .subarray(warmUp)
        .map((ms, i) => ms - before[warmUp + i])
        .toSorted();
    const sinceAck = sorted(storedMs);
    const sinceSend = sorted(sentMs);
    return figureRow(
      `${bodyBytes} B, half of full load: p99 from ack to handler`,
      percentile(sinceAck, 0.99),
      'ms',
      { below: 2 },
      {
        p50Ms: percentile(sinceAck, 0.5),
        p999Ms: percentile(sinceAck, 0.999),
        sendToHandlerP50Ms: percentile(sinceSend, 0.5),
        sendToHandlerP99Ms: percentile(sinceSend, 0.99),
        offeredPerSecond,
        aimedAtPerSecond: rate,
      },
    );
  });
}
