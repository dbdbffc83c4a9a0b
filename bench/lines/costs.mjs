import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { count, countingConsumer, keepInFlight, memoryAfterGc, openBroker, withDirectory } from '../support.mjs';
import { figureRow } from '../table.mjs';

const BODY_BYTES = 128;

/** What messages, queues and groups cost that nobody does anything with: bytes of disk and memory, open files, time of the processor. docs/scaling.md reckons with them. */
export async function measure({ pick, report }) {
  const messages = pick(20_000, 200_000);
  await withDirectory(async (directory) => {
    for (const keys of [0, 2]) {
      const path = join(directory, `keys-${keys}`);
      const broker = await openBroker(path);
      const body = Buffer.alloc(BODY_BYTES, 'b');
      let sent = 0;
      await keepInFlight(256, messages, () => {
        const number = sent++;
        return broker.send({
          topic: 'bench',
          body,
          ...(keys > 0 && { keys: `order-${number} customer-${number % 100}` }),
        });
      });
      await broker.close();
      const [log, queues, index] = ['commitlog', 'consumequeue', 'index'].map(
        (name) => usedBytes(join(path, name)) / messages,
      );
      const what = `disk of a message of ${BODY_BYTES} B${keys > 0 ? ` with ${keys} keys` : ''}`;
      report(figureRow(what, log + queues + index, 'B', {}, { logB: log, queueB: queues, indexB: index }));
    }
  });
  await withDirectory((directory) => queuesAndGroups(directory, pick(100, 1000), pick(50, 500), report));
}

async function queuesAndGroups(directory, topics, groups, report) {
  const path = join(directory, 'store');
  const body = Buffer.alloc(BODY_BYTES, 'b');
  let broker = await openBroker(path);
  await broker.send({ topic: 'first', body });
  await broker.whenIdle();
  const before = memoryAfterGc();
  const queues = topics * 4;
  let sent = 0;
  await keepInFlight(256, queues, () => {
    const number = sent++;
    return broker.send({ topic: `topic-${number >> 2}`, body, queueId: number & 3 }, { timeoutMs: 60_000 });
  });
  await broker.whenIdle();
  const withQueues = memoryAfterGc();
  report(
    figureRow(
      `memory of a queue, of ${count(queues)}`,
      (withQueues.ownBytes - before.ownBytes) / queues,
      'B',
      {},
      {
        rssB: (withQueues.rss - before.rss) / queues,
      },
    ),
  );
  const consumers = [];
  for (let i = 0; i < groups; i++) {
    consumers.push(await broker.subscribe(countingConsumer(`group-${i}`, 'topic-0', () => undefined)));
  }
  await broker.whenIdle();
  const withGroups = memoryAfterGc();
  report(
    figureRow(
      `memory of a group on a topic of 4 queues, of ${count(groups)}`,
      (withGroups.ownBytes - withQueues.ownBytes) / groups,
      'B',
      {},
      { rssB: (withGroups.rss - withQueues.rss) / groups },
    ),
  );
  report(figureRow('processor while nothing happens, with them', await idleCpuPercent(), '%'));
  if (process.platform === 'linux') {
    report(figureRow('open files, with them', readdirSync('/proc/self/fd').length, 'files'));
  }
  for (const consumer of consumers) await consumer.close({ timeoutMs: 1000 });
  await broker.close();
  report(figureRow('disk of a queue with one message', usedBytes(join(path, 'consumequeue')) / queues, 'B'));
  const startedMs = performance.now();
  broker = await openBroker(path);
  report(
    figureRow(`opening with ${count(queues)} queues, ${count(groups)} groups`, performance.now() - startedMs, 'ms'),
  );
  await broker.close();
}

async function idleCpuPercent() {
  // Past the writing of what has just happened.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - startedMs);
}

/** Room that the files below a directory take on the disk: they are sparse. */
function usedBytes(path) {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0);
}
