import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { EmbeddedBroker, SilentLogger } from 'nestjs-rocket';

/** Runs `work` with a broker on an empty directory of the disk that BENCH_DIR (default: the system's temporary directory) is on. */
export async function withBroker(work, options = {}) {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'rocket-bench-'));
  const broker = new EmbeddedBroker(
    { ...options, store: { path: join(directory, 'store'), ...options.store } },
    { logger: new SilentLogger() },
  );
  try {
    await broker.start();
    return await work(broker, directory);
  } finally {
    await broker.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Keeps `inFlight` calls of `send` under way until `total` have ended. @returns calls a second */
export async function keepInFlight(inFlight, total, send) {
  let started = 0;
  const sender = async () => {
    while (started < total) {
      started++;
      await send();
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: inFlight }, sender));
  return (total * 1000) / (performance.now() - startedMs);
}

/** A subscription of `group` to `topic`, with a handler that counts. */
export function countingConsumer(group, topic, onMessage, changes = {}) {
  return {
    group,
    messageModel: 'CLUSTERING',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    subscriptions: [
      {
        topic,
        selector: { type: 'TAG', expression: '*' },
        consumeMode: 'CONCURRENTLY',
        concurrency: 20,
        maxReconsumeTimes: -1,
        delayLevelWhenNextConsume: 0,
        pullThresholdForQueue: 1000,
        pullThresholdSizeForQueueBytes: 100 * 1024 * 1024,
        handler: onMessage,
        ...changes,
      },
    ],
  };
}

/** Has a new group consume what is there, up to a number of messages. @returns seconds */
export async function consumeBacklog(broker, { group, topic, messages }, changes) {
  let handled = 0;
  let onAll;
  const all = new Promise((resolve) => (onAll = resolve));
  const onMessage = () => {
    if (++handled === messages) onAll();
  };
  const startedMs = performance.now();
  const consumer = await broker.subscribe(countingConsumer(group, topic, onMessage, changes));
  await all;
  const seconds = (performance.now() - startedMs) / 1000;
  await consumer.close({ timeoutMs: 10_000 });
  return seconds;
}

/** What the process holds after a full collection: `rss`, and `ownBytes` of heap and buffers. */
export function memoryAfterGc() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  for (let i = 0; i < 3; i++) collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, ownBytes: heapUsed + external };
}

/** Bytes of one record on disk, besides its body: what a plain send to the topic writes. */
export const recordBytes = (topic, bodyBytes) => 91 + bodyBytes + topic.length + 'UNIQ_KEY'.length + 1 + 32 + 1;

export const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

/** The middle one of several measurements: a machine that does other things now and then should not decide. */
export async function median(rounds, measure) {
  const results = [];
  for (let i = 0; i < rounds; i++) results.push(await measure());
  return results.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
}
