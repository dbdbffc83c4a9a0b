// A disk that is really full: the built engine on a tmpfs of 24 MiB. What was acknowledged is consumed and found again, sending heals when there is room, and a close
// and an opening on the full disk lose nothing; a read-only mount is refused by name. Mounting needs root: where that is not allowed, this says so and passes.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import assert from 'node:assert/strict';

import { EmbeddedBroker, SilentLogger } from '../../dist/engine/index.js';

const MIB = 1024 * 1024;
const BODY_BYTES = 3000;

const mountPoint = await mkdtemp(join(tmpdir(), 'nestjs-rocket-full-'));
try {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'nestjs-rocket-test', mountPoint], { stdio: 'pipe' });
} catch (error) {
  await rm(mountPoint, { recursive: true });
  console.log(`NOT RUN: a small disk could not be mounted here (${String(error.stderr ?? error).trim()})`);
  process.exit(0);
}
try {
  await fillAndHeal();
  await refuseReadOnlyMount();
} finally {
  execFileSync('umount', [mountPoint]);
  await rm(mountPoint, { recursive: true });
}

async function fillAndHeal() {
  const ballast = join(mountPoint, 'ballast');
  await writeFile(ballast, Buffer.alloc(8 * MIB, 1));

  const broker = await open();
  const seen = await consume(broker, 'at-work');
  const acknowledged = new Set();
  const first = await sendUntilFull(broker, acknowledged);
  console.log(`disk full after ${acknowledged.size} messages: ${first.message}`);
  assert.equal(first.code, 'DISK_FULL');
  // Smaller ones may still find room, larger ones do not: each is stored, or refused by name.
  let refused = 0;
  for (let i = 0; i < 300; i++)
    refused += (await send(broker, acknowledged, 1 + ((i * 37) % 9000))) === undefined ? 0 : 1;
  assert.ok(refused > 0, 'a full disk refuses');
  await until(() => seen.size === acknowledged.size, 'what was acknowledged is consumed on the full disk');
  assert.deepEqual(seen, acknowledged);

  await rm(ballast);
  assert.equal(await send(broker, acknowledged, BODY_BYTES), undefined, 'sending heals by itself');
  await sendUntilFull(broker, acknowledged);
  await broker.close().catch((error) => console.log(`closing on the full disk: ${error.code}`));

  // The store is on a full disk: opening it may be refused, by name, and must harm nothing.
  const onFullDisk = await open().catch((error) => error);
  if (onFullDisk instanceof EmbeddedBroker) await onFullDisk.close().catch(() => undefined);
  else console.log(`opening on the full disk: ${onFullDisk.code} ${onFullDisk.message}`);

  execFileSync('mount', ['-o', 'remount,size=64m', mountPoint]);
  const again = await open();
  const found = await consume(again, 'afterwards');
  assert.equal(await send(again, acknowledged, BODY_BYTES), undefined, 'the healed disk takes messages');
  await until(() => found.size >= acknowledged.size, 'all is found again');
  assert.deepEqual(found, acknowledged);
  await again.close();
  console.log(`PASSED: ${acknowledged.size} messages acknowledged and found again, ${refused} refused by name`);
}

async function refuseReadOnlyMount() {
  execFileSync('mount', ['-o', 'remount,ro', mountPoint]);
  await assert.rejects(open(), (error) => error.code === 'STORE_UNUSABLE' && error.message.includes('read-only'));
  console.log('PASSED: a read-only mount is refused by name');
}

async function open() {
  const store = {
    path: join(mountPoint, 'store'),
    mappedFileSizeCommitLogBytes: 4 * MIB,
    consumeQueueFileEntries: 10_000,
    maxHashSlotNum: 1000,
    maxIndexNum: 20_000,
    checkpointIntervalMs: 50,
    // Percentages never count, so that the disk itself has the word.
    diskFreeSpaceEnoughBytes: 0,
  };
  const broker = new EmbeddedBroker({ store }, { logger: new SilentLogger() });
  await broker.start();
  return broker;
}

/** Message ids that a group got. */
async function consume(broker, group) {
  const seen = new Set();
  await broker.subscribe({
    group,
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    subscriptions: [{ topic: 'filling', handler: (message) => void seen.add(message.msgId) }],
  });
  return seen;
}

/** @returns the error of the refusal; undefined: stored */
async function send(broker, acknowledged, sizeBytes) {
  try {
    acknowledged.add((await broker.send({ topic: 'filling', body: randomBytes(sizeBytes) })).msgId);
    return undefined;
  } catch (error) {
    assert.equal(error.code, 'DISK_FULL', error.stack);
    return error;
  }
}

async function sendUntilFull(broker, acknowledged) {
  for (;;) {
    const refusals = await Promise.all(Array.from({ length: 16 }, () => send(broker, acknowledged, BODY_BYTES)));
    const refusal = refusals.find((error) => error !== undefined);
    if (refusal !== undefined) return refusal;
  }
}

async function until(holds, what) {
  for (let attempts = 0; !holds(); attempts++) {
    assert.ok(attempts < 1000, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
