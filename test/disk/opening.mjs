// How long a store of the built engine takes to open, and how many files it holds open: a clean one of 1 GiB, the same after a kill -9, and one of 5,000 queues.
//
//   npm run opening-test [-- --megabytes=1024 --queues=5000 --slack=1]
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { EmbeddedBroker, SilentLogger } from '../../dist/engine/index.js';

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024' },
    queues: { type: 'string', default: '5000' },
    slack: { type: 'string', default: '1' },
    child: { type: 'string' },
  },
});
const MIB = 1024 * 1024;
const BODY = Buffer.alloc(1000, 'x');
const CLEAN_LIMIT_MS = 1000 * Number(values.slack);
/** What a crash may leave to be read again: one checkpoint interval of full load, and what is under way. */
const CRASHED_LIMIT_MS = 10_000 * Number(values.slack);
/** 128 files of queues and index, 128 of the log, lock, and those of Node itself. */
const MOST_DESCRIPTORS = 300;

const open = async (path, logger = new SilentLogger()) => {
  const broker = new EmbeddedBroker({ store: { path }, defaultTopicQueueNums: 1 }, { logger });
  await broker.start();
  return broker;
};
const fill = async (broker, bytes) => {
  for (let sent = 0; sent < bytes;) {
    await Promise.all(
      Array.from({ length: 4096 }, (_, i) => broker.send({ topic: `t${i % 8}`, body: BODY, keys: `k${i}` })),
    );
    sent += 4096 * (BODY.length + 200);
  }
};
const descriptors = async () => (await readdir('/proc/self/fd').catch(() => [])).length;

if (values.child !== undefined) {
  const broker = await open(values.child);
  process.send('open');
  await fill(broker, Infinity);
}

const directory = await mkdtemp(join(tmpdir(), 'nestjs-rocket-opening-'));
try {
  await measureOpening(join(directory, 'large'));
  await measureDescriptors(join(directory, 'wide'));
} finally {
  await rm(directory, { recursive: true });
}

async function measureOpening(path) {
  const megabytes = Number(values.megabytes);
  const writer = await open(path);
  await fill(writer, megabytes * MIB);
  await writer.close();
  for (let round = 0; round < 3; round++) {
    const [broker, tookMs] = await timed(() => open(path));
    console.log(`a clean store of ${megabytes} MiB is open after ${tookMs.toFixed(0)} ms`);
    await broker.close();
    assert.ok(tookMs < CLEAN_LIMIT_MS, `a clean store opens within ${CLEAN_LIMIT_MS} ms`);
  }

  const child = fork(new URL(import.meta.url), ['--child', path]);
  await once(child, 'message');
  await new Promise((resolve) => setTimeout(resolve, 7000));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lines = [];
  const logger = { debug() {}, log: (line) => lines.push(line), warn: (line) => lines.push(line), error() {} };
  const [crashed, tookMs] = await timed(() => open(path, logger));
  console.log(`after kill -9 under load it is open after ${tookMs.toFixed(0)} ms`);
  for (const line of lines) console.log(`  ${line}`);
  await crashed.close();
  assert.ok(tookMs < CRASHED_LIMIT_MS, `a crashed store opens within ${CRASHED_LIMIT_MS} ms`);
}

async function measureDescriptors(path) {
  const queues = Number(values.queues);
  const before = await descriptors();
  let broker = await open(path);
  const send = (index) => broker.send({ topic: `wide${Math.floor(index / 100)}`, queueId: index % 100, body: BODY });
  for (let topic = 0; topic < queues / 100; topic++) {
    await broker.admin.topics.create(`wide${topic}`, { readQueueNums: 100, writeQueueNums: 100 });
  }
  for (let index = 0; index < queues; index += 500) {
    await Promise.all(Array.from({ length: Math.min(500, queues - index) }, (_, i) => send(index + i)));
  }
  await new Promise((resolve) => setTimeout(resolve, 6000));
  const writing = (await descriptors()) - before;
  const [, closeMs] = await timed(() => broker.close());
  const [reopened, openMs] = await timed(() => open(path));
  broker = reopened;
  await Promise.all(Array.from({ length: queues }, (_, i) => send(i)));
  const after = (await descriptors()) - before;
  await broker.close();
  console.log(
    `${queues} queues: ${writing} descriptors while writing, ${after} after reopening; close ${closeMs.toFixed(0)} ms, open ${openMs.toFixed(0)} ms`,
  );
  assert.ok(Math.max(writing, after) < MOST_DESCRIPTORS, `fewer than ${MOST_DESCRIPTORS} descriptors`);
}

async function timed(work) {
  const startMs = performance.now();
  const result = await work();
  return [result, performance.now() - startMs];
}
