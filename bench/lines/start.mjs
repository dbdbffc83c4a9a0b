import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { withDirectory } from '../support.mjs';
import { figureRow } from '../table.mjs';

/** B9: from the start of `node` to the first handled message of a Nest app, and what of it node and Nest take without us. Medians; the kinds take turns. */
export async function measure({ pick, report }) {
  const rounds = pick(1, 9);
  await withDirectory(async (directory) => {
    const kept = join(directory, 'kept');
    await startOnce('start-app', kept);
    const kinds = [
      ['node itself: the first line of an empty file', () => startOnce('start-nothing')],
      ["import '@nestjs/core' alone", () => startOnce('start-nest-import')],
      ['a Nest app without this package, bootstrapped', () => startOnce('start-nest')],
      ["import 'nestjs-rocket' alone", () => startOnce('start-rocket-import')],
      ['node app → first message handled, store is there', () => startOnce('start-app', kept), { below: 250 }],
      [
        'node app → first message handled, new store',
        (i) => startOnce('start-app', join(directory, `new-${i}`)),
        { below: 250 },
      ],
    ];
    const starts = kinds.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, [, start]] of kinds.entries()) starts[index].push(await start(round));
    }
    for (const [index, [what, , target]] of kinds.entries()) {
      const { tookMs, cpuMs } = starts[index].toSorted((a, b) => a.tookMs - b.tookMs)[Math.floor(rounds / 2)];
      report(figureRow(what, tookMs, 'ms', target, { cpuMs }));
    }
  });
}

/** The child writes the time on a clock that all processes share, and the CPU time that it has had. */
async function startOnce(name, path = '') {
  const file = new URL(`../processes/${name}.mjs`, import.meta.url).pathname;
  const startedNs = process.hrtime.bigint();
  const child = spawn(process.execPath, [file, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  const [, endedNs, cpuUs] = /^(\d+) (\d+)$/.exec(text) ?? [];
  if (code !== 0 || endedNs === undefined) {
    throw new Error(`processes/${name}.mjs ended with ${code} and wrote '${text}'`);
  }
  return { tookMs: Number(BigInt(endedNs) - startedNs) / 1e6, cpuMs: Number(cpuUs) / 1000 };
}
