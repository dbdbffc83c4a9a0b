import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { count, MIB, runProcess, startProcess, withDirectory } from '../support.mjs';
import { figureRow } from '../table.mjs';

const BODY_BYTES = 1000;
/** A record of such a body with its properties, a key among them. */
const RECORD_BYTES = 1150;
const TOPICS = Array.from({ length: 8 }, (_, i) => `t${i}`);
const ROUNDS = 3;
/** An engine writes a checkpoint every 5 s, or after 100,000 records. */
const LOAD_MS = 7000;

/** B8: how soon a store is open: closed as it should be, killed under load, and killed with a checkpoint that is lost, so that all of its log is read. Each opening is a new process; the page cache is warm. */
export async function measure({ pick, report }) {
  for (const mebibytes of pick([64], [256], [1024, 4096])) {
    await withDirectory(async (directory) => {
      const path = join(directory, 'store');
      const messages = Math.round((mebibytes * MIB) / RECORD_BYTES);
      await runProcess('fill', { path, messages, bodyBytes: BODY_BYTES, topics: TOPICS, keys: true });
      const clean = await medianOpening(() => openOnce(path));
      const what = `store of ${count(mebibytes)} MiB`;
      report(figureRow(`clean ${what}`, clean.tookMs, 'ms', { below: 1000 }, { cpuMs: clean.cpuMs }));

      const rounds = mebibytes > 1024 ? 1 : ROUNDS;
      const forgotten = await medianOpening(async () => {
        await killUnderLoad(path, 200);
        forgetCheckpoint(path);
        return openOnce(path);
      }, rounds);
      report(scanRow(`killed, its checkpoint lost, ${what}`, forgotten));

      const loadMs = pick(1000, LOAD_MS);
      await killUnderLoad(path, loadMs);
      report(scanRow(`killed after ${loadMs / 1000} s of load, ${what} before`, await openOnce(path)));
    });
  }
}

function scanRow(what, { tookMs, cpuMs, scannedBytes }) {
  const scannedMB = scannedBytes / 1e6;
  return figureRow(what, scannedMB / (tookMs / 1000), 'MB/s', { atLeast: 300 }, { openMs: tookMs, cpuMs, scannedMB });
}

async function openOnce(path) {
  return runProcess('open', { path });
}

async function medianOpening(measureOne, rounds = ROUNDS) {
  const results = [];
  for (let i = 0; i < rounds; i++) results.push(await measureOne());
  return results.toSorted((a, b) => a.tookMs - b.tookMs)[Math.floor(rounds / 2)];
}

async function killUnderLoad(path, afterMs) {
  const work = { path, messages: Number.MAX_SAFE_INTEGER, bodyBytes: BODY_BYTES, topics: TOPICS, keys: true };
  const child = startProcess('fill', work);
  await once(child, 'message');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Then all of the log has to be read. */
function forgetCheckpoint(path) {
  const checkpoint = join(path, 'checkpoint');
  if (!existsSync(checkpoint)) throw new Error(`There is no ${checkpoint}`);
  rmSync(checkpoint);
}
