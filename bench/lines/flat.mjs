import { join } from 'node:path';

import { count, inTurn, openBroker, runProcess, sendAndConsume, withDirectory } from '../support.mjs';
import { ratioRow } from '../table.mjs';

const TOPIC = 'bench';
const BODY_BYTES = 128;
const ROUNDS = 5;

/** B4: B2 on a store that is full of other topics' messages, against B2 on an empty one. Both are open at the same time and take turns. */
export async function measure({ pick, report }) {
  const topics = pick(100, 1000);
  const stored = pick(30_000, 500_000, 10_000_000);
  const messages = pick(10_000, 100_000);
  report(
    await withDirectory(async (directory) => {
      const fullPath = join(directory, 'full');
      const names = Array.from({ length: topics }, (_, i) => `stored-${i}`);
      await runProcess('fill', { path: fullPath, messages: stored, bodyBytes: BODY_BYTES, topics: names });
      const brokers = [await openBroker(join(directory, 'empty')), await openBroker(fullPath)];
      const work = { topic: TOPIC, body: Buffer.alloc(BODY_BYTES, 'b'), inFlight: 256 };
      const runs = [];
      for (const broker of brokers) runs.push(await sendAndConsume(broker, work));
      for (const run of runs) await run(Math.min(messages, 50_000));
      const [empty, full] = await inTurn(ROUNDS, ...runs.map((run) => () => run(messages)));
      for (const broker of brokers) await broker.close();
      const what = `B2 on a store of ${count(stored)} messages, ${count(topics)} topics`;
      return ratioRow(
        what,
        full,
        { against: 'empty store', floor: empty.rate, atLeast: 0.9 },
        { emptyCpuUs: empty.cpuUs },
      );
    }),
  );
}
