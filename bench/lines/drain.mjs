import { join } from 'node:path';

import { count, inTurn, MIB, runProcess, sendAndConsume, withBroker, withDirectory } from '../support.mjs';
import { figureRow, ratioRow } from '../table.mjs';

const TOPIC = 'bench';
const BODY_BYTES = 128;
const ROUNDS = 3;

/** B3: a process opens a store of unconsumed messages and a listener starts, against B2. The messages were written by another process, so none is in this one's memory. */
export async function measure({ pick, report }) {
  const messages = pick(30_000, 500_000, 2_000_000);
  const b2 = await measureB2(pick(20_000, 150_000));
  const [drained] = await withDirectory(async (directory) => {
    const path = join(directory, 'store');
    await runProcess('fill', { path, messages, bodyBytes: BODY_BYTES, topics: [TOPIC] });
    let round = 0;
    return inTurn(ROUNDS, () => runProcess('drain', { path, messages, topic: TOPIC, group: `group-${round++}` }));
  });
  const what = `${count(messages)} stored messages of ${BODY_BYTES} B, 1 listener`;
  report(ratioRow(what, drained, { against: 'B2', floor: b2.rate, atLeast: 1 }));
  report(
    figureRow(
      'peak of resident memory above the idle engine',
      (drained.peakRss - drained.idleRss) / MIB,
      'MiB',
      { atMost: 150 },
      {
        idleMiB: drained.idleRss / MIB,
        heapPeakAboveIdleMiB: (drained.peakHeap - drained.idleHeap) / MIB,
        buffersPeakAboveIdleMiB: (drained.peakBuffers - drained.idleBuffers) / MIB,
      },
    ),
  );
}

function measureB2(messages) {
  return withBroker(async (broker) => {
    const run = await sendAndConsume(broker, { topic: TOPIC, body: Buffer.alloc(BODY_BYTES, 'b'), inFlight: 256 });
    await run(Math.min(messages, 50_000));
    const [consumed] = await inTurn(ROUNDS, () => run(messages));
    return consumed;
  });
}
