// Runs the lines of the benchmark, each in a process of its own: a table for people, `bench/results/latest.jsonl` for machines. Each row is a ratio or a figure of one run.
//
//   npm run bench [-- --quick | --full] [--only B1,flat]
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { parseArgs } from 'node:util';

import { formatHeader, formatRow } from './table.mjs';

/** In the order in which they run: the title of each line, under the name of its file in `lines/`. */
const TITLES = {
  'durable-send': 'B1 durable send',
  'send-to-consumed': 'B2 send → consumed',
  drain: 'B3 drain',
  flat: 'B4 flat',
  timers: 'B5 timers',
  transactions: 'B6 transactions',
  'good-guest': 'B7 good guest',
  open: 'B8 open',
  start: 'B9 start',
  sql92: 'filter SQL92',
  orderly: 'orderly',
  costs: 'costs',
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
if (values.quick && values.full) fail('--quick and --full exclude each other.');
const size = values.quick ? 'quick' : values.full ? 'full' : 'normal';
const chosen = values.only === undefined ? Object.keys(TITLES) : values.only.split(',').map((name) => nameOf(name));

const startedMs = performance.now();
const header = describeRun();
console.log(formatHeader(header));
const rows = [];
const failed = [];
for (const name of chosen) await runLine(name);
const directory = new URL('./results/', import.meta.url);
mkdirSync(directory, { recursive: true });
const json = [header, ...rows].map((row) => `${JSON.stringify(row)}\n`).join('');
writeFileSync(new URL('latest.jsonl', directory), json);
const missed = rows.filter(({ met }) => met === false).length;
const targets = rows.filter(({ met }) => met !== undefined).length;
console.log(
  `\n${targets - missed} of ${targets} targets met, in ${Math.round((performance.now() - startedMs) / 1000)} s`,
);
if (failed.length > 0) fail(`Not measured, see above: ${failed.join(', ')}`);

/** A process of its own, so that neither garbage nor compiled code of one line counts in another. */
async function runLine(name) {
  const child = fork(new URL('line-process.mjs', import.meta.url), [name, size]);
  child.on('message', (row) => {
    rows.push({ line: TITLES[name], ...row });
    console.log(formatRow(rows.at(-1)));
  });
  const [code, signal] = await once(child, 'exit');
  if (code === 0) return;
  failed.push(name);
  console.error(`${TITLES[name]} ended with ${signal ?? `exit code ${code}`}`);
}

/** `B4` and `flat` are the same. */
function nameOf(text) {
  const name = text in TITLES ? text : Object.keys(TITLES).find((key) => TITLES[key].split(' ')[0] === text);
  return name ?? fail(`There is no line ${text}; there are B1 to B9 and ${Object.keys(TITLES).join(', ')}.`);
}

function describeRun() {
  return {
    machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${type()} ${release()}`,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD') ?? 'unknown',
    changedSince: (git('status', '--porcelain', '--untracked-files=no') ?? '') !== '',
    size,
    loadAverage: Number(loadavg()[0].toFixed(2)),
  };
}

/** @returns undefined where there is no git, or no repository */
function git(...args) {
  try {
    return execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
