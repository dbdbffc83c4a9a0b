// Brokers to measure, and what is measured of them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { EmbeddedBroker, SilentLogger } from 'nestjs-rocket/engine';

export const MIB = 1024 * 1024;

/** Runs `work` with a directory of its own on the disk that BENCH_DIR (default: the system's temporary directory) is on. */
export async function withDirectory(work) {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'rocket-bench-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function openBroker(path, options = {}) {
  const broker = new EmbeddedBroker({ ...options, store: { path, ...options.store } }, { logger: new SilentLogger() });
  await broker.start();
  return broker;
}

/** Runs `work` with a broker on an empty store. */
export function withBroker(work, options = {}) {
  return withDirectory(async (directory) => {
    const broker = await openBroker(join(directory, 'store'), options);
    try {
      return await work(broker, directory);
    } finally {
      await broker.close();
    }
  });
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

/**
 * Starts `total` calls of `send` at a fixed rate, whether the ones before have ended or not: those that are due, every millisecond or as soon after it as the process gets to it.
 *
 * @returns calls a second that were really started
 */
export async function sendAtRate(ratePerSecond, total, send) {
  let started = 0;
  let ended = 0;
  let onEnd;
  let onFailed;
  // Not a promise of each call, kept until the end: the garbage collector would carry all of them along.
  const allEnded = new Promise((resolve, reject) => {
    onEnd = () => ++ended === total && resolve();
    onFailed = reject;
  });
  const startedMs = performance.now();
  while (started < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) * ratePerSecond) / 1000));
    while (started < due) send(started++).then(onEnd, onFailed);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const rate = (total * 1000) / (performance.now() - startedMs);
  await allEnded;
  return rate;
}

/** @returns messages a second, and CPU time of the process a message: on a busy machine the second is the less noisy one */
export async function measured(messages, work) {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const rate = (messages * 1000) / (performance.now() - startedMs);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { rate, cpuUs: (user + system) / messages };
}

/** Measures several works in turn, some rounds, so that what else the machine does meets all of them. @returns the round with the median rate of each */
export async function inTurn(rounds, ...works) {
  const results = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) results[index].push(await work());
  }
  return results.map((ofWork) => ofWork.toSorted((a, b) => a.rate - b.rate)[Math.floor(rounds / 2)]);
}

/** A subscription of `group` to `topic`. */
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
        pullThresholdSizeForQueueBytes: 100 * MIB,
        handler: onMessage,
        ...changes,
      },
    ],
  };
}

/** Has a new group consume what is there, up to a number of messages. */
export async function consumeBacklog(broker, { group, topic, messages }, changes) {
  let handled = 0;
  let onAll;
  const all = new Promise((resolve) => (onAll = resolve));
  const onMessage = () => {
    if (++handled === messages) onAll();
  };
  let consumer;
  const result = await measured(messages, async () => {
    consumer = await broker.subscribe(countingConsumer(group, topic, onMessage, changes));
    await all;
  });
  await consumer.close({ timeoutMs: 10_000 });
  return result;
}

/** Waits until each of several groups has had so many messages. */
export class Consumption {
  #handled = 0;
  #wanted = 0;
  #groups;
  #onReached = undefined;

  constructor(groups = 1) {
    this.#groups = groups;
  }

  count() {
    if (++this.#handled === this.#wanted) this.#onReached?.();
  }

  /** @param {number} messages more than those that were waited for before */
  async more(messages) {
    this.#wanted += messages * this.#groups;
    if (this.#handled < this.#wanted) await new Promise((resolve) => (this.#onReached = resolve));
  }
}

/** Subscribes groups to a topic. @returns a function that sends a number of messages and measures until the last handler's end */
export async function sendAndConsume(broker, { topic, body, inFlight, groups = 1 }) {
  const message = { topic, body };
  const consumed = new Consumption(groups);
  for (let i = 0; i < groups; i++) {
    await broker.subscribe(countingConsumer(`${topic}-group-${i}`, topic, () => consumed.count()));
  }
  return (messages) =>
    measured(messages, async () => {
      await keepInFlight(inFlight, messages, () => broker.send(message));
      await consumed.more(messages);
    });
}

/** Bytes that one call of `send` adds to the log: the distance of two records. */
export async function recordBytesOf(send) {
  const offset = ({ offsetMsgId }) => Number(BigInt(`0x${offsetMsgId.slice(16)}`));
  const first = offset(await send());
  return offset(await send()) - first;
}

/** What the process holds after a full collection: `rss`, and `ownBytes` of heap and buffers. */
export function memoryAfterGc() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  for (let i = 0; i < 3; i++) collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, ownBytes: heapUsed + external };
}

/** Runs a file of `processes/` with an argument, until it has ended. @returns what it sent */
export async function runProcess(name, argument) {
  const child = startProcess(name, argument);
  let answer;
  child.on('message', (message) => (answer = message));
  const [code, signal] = await once(child, 'exit');
  if (code !== 0) throw new Error(`processes/${name}.mjs ended with ${signal ?? code}`);
  return answer;
}

export function startProcess(name, argument) {
  return fork(new URL(`./processes/${name}.mjs`, import.meta.url), [JSON.stringify(argument)]);
}

export { percentile } from './percentile.mjs';

/** The middle one of several measurements: a machine that does other things now and then should not decide. */
export async function median(rounds, measure) {
  const results = [];
  for (let i = 0; i < rounds; i++) results.push(await measure());
  return results.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
}

/** A count for the eyes: `300,000`. */
export const count = (value) => value.toLocaleString('en');
