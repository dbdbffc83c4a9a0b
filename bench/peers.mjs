// Compares with what one would use instead: `npm run bench:peers`. Installs nothing; what is missing is named, with how to get it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { measureFloor } from './floor.mjs';
import { peers } from './peers/index.mjs';
import { freePorts } from './peers/lib/ports.mjs';
import { markdownTable } from './peers/lib/table.mjs';

const IN_FLIGHT = 256;
const BODY_BYTES = [128, 1024];
const RATES_PER_SECOND = [500, 2000];
/** What the engine's record of a short topic adds to a body: fields, topic and message id. */
const RECORD_BYTES = 138;
const PORTS = 10;
/** A client that hangs must not keep the others from their turn. */
const MOST_MS = 15 * 60_000;
/** The JVM's compiler takes longest to warm up. */
const FULL = { warmUpMs: 15_000, rounds: 3, roundMs: 5000, restMs: 500, latencyMs: 10_000 };
const QUICK = { warmUpMs: 3000, rounds: 1, roundMs: 2000, restMs: 200, latencyMs: 3000 };

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const names = peers.map(({ name }) => name);
const chosen = values.only === undefined ? names : values.only.split(',');
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no peer ${unknown.join(', ')}; there are ${names.join(', ')}.`);
  process.exit(1);
}

const results = [];
const machine = { node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, os: release() };
console.log(`Node ${machine.node}, ${machine.cpu}, ${process.platform} ${machine.os}; ${IN_FLIGHT} sends in flight`);

await printFloors();
for (const peer of peers.filter(({ name }) => chosen.includes(name))) {
  const missing = peer.missing();
  if (missing.length > 0) {
    console.log(
      `\n${peer.title}: not measured, ${missing.join(' and ')} not found.\n  How to get it: ${peer.howToGet}`,
    );
    continue;
  }
  for (const setup of peer.setups) {
    console.log(`\n${peer.title}, ${setup.name}`);
    for (const line of peer.configuration(setup)) console.log(`  ${line}`);
    for (const bodyBytes of BODY_BYTES) {
      const result = await measurement(peer, setup, bodyBytes);
      results.push(result);
      writeResults();
      console.log(`  ${summary(result)}`);
    }
  }
}
if (results.length > 0) console.log(`\n${markdownTable(results)}`);
process.exitCode = results.some(({ error }) => error !== undefined) ? 1 : 0;

/** One line of the table: a server and a directory of its own, and a fresh Node process with the client. */
async function measurement(peer, setup, bodyBytes) {
  const { server, client } = peer.versions();
  const work = { bodyBytes, inFlight: IN_FLIGHT, ratesPerSecond: RATES_PER_SECOND, ...(values.quick ? QUICK : FULL) };
  const result = {
    peer: peer.name,
    title: peer.title,
    setup: setup.name,
    isSyncedBeforeAck: setup.isSyncedBeforeAck,
    server,
    client,
    configuration: peer.configuration(setup),
    at: new Date().toISOString(),
    machine,
    load: loadavg()[0],
    work,
  };
  return withDirectory(async (directory) => {
    try {
      const place = { directory, port: await freePorts(PORTS) };
      const stoppable = await peer.start(setup, place);
      try {
        const { serverVersion, ...measured } = await inFreshProcess(peer, setup, place, work);
        return { ...result, server: serverVersion ?? server, ...measured };
      } finally {
        await stoppable.stop();
      }
    } catch (error) {
      return { ...result, error: error.message };
    }
  });
}

async function inFreshProcess(peer, setup, place, work) {
  const child = fork(new URL('./peers/lib/client-process.mjs', import.meta.url));
  const stopChild = () => child.kill('SIGKILL');
  const watch = setTimeout(stopChild, MOST_MS);
  let answer;
  child.on('message', (message) => (answer = message));
  child.send({ peerName: peer.name, setupIndex: peer.setups.indexOf(setup), place, work });
  const [code, signal] = await once(child, 'exit');
  clearTimeout(watch);
  if (answer?.result === undefined) {
    throw new Error(answer?.error ?? `The client's process ended with ${signal ?? `code ${code}`}.`);
  }
  return answer.result;
}

async function printFloors() {
  for (const bodyBytes of BODY_BYTES) {
    const work = { groupSize: IN_FLIGHT, recordBytes: RECORD_BYTES + bodyBytes, totalRecords: 100_000 };
    const rate = await withDirectory((directory) => measureFloor(directory, work));
    console.log(
      `The disk: groups of ${IN_FLIGHT} records with ${bodyBytes} B bodies, written and synced: ${perSecond(rate)}`,
    );
  }
}

async function withDirectory(work) {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'rocket-bench-peers-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work(directory);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

function writeResults() {
  const directory = new URL('./results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL('peers.jsonl', directory), results.map((result) => `${JSON.stringify(result)}\n`).join(''));
}

function summary({ work, error, messagesPerSecond, latencies, repeated }) {
  if (error !== undefined) return `${work.bodyBytes} B: failed: ${error}`;
  const parts = [`${work.bodyBytes} B: ${perSecond(messagesPerSecond)} send → consumed`];
  for (const { ratePerSecond, kept, p50Ms, p99Ms } of latencies) {
    parts.push(
      kept
        ? `at ${ratePerSecond}/s p50 ${p50Ms.toFixed(2)} ms p99 ${p99Ms.toFixed(2)} ms`
        : `${ratePerSecond}/s not kept`,
    );
  }
  if (repeated > 0) parts.push(`${repeated} messages came again`);
  return parts.join('; ');
}

function perSecond(rate) {
  return `${Math.round(rate).toLocaleString('en')}/s`;
}
