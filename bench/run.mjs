// Runs the lines of the benchmark: a table for people, `bench/results/latest.jsonl` for machines. Each line is a ratio within one run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { durableSend } from './lines/durable-send.mjs';
import { orderly } from './lines/orderly.mjs';
import { sendToConsumed } from './lines/send-to-consumed.mjs';
import { sql92 } from './lines/sql92.mjs';
import { timers } from './lines/timers.mjs';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const lines = { 'durable-send': durableSend, 'send-to-consumed': sendToConsumed, timers, sql92, orderly };
const chosen = values.only === undefined ? Object.keys(lines) : values.only.split(',');
const unknown = chosen.filter((name) => !(name in lines));
if (unknown.length > 0) {
  console.error(`There is no line ${unknown.join(', ')}; there are ${Object.keys(lines).join(', ')}.`);
  process.exit(1);
}

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`);
const results = [];
for (const name of chosen) {
  for await (const result of lines[name]({ scale: values.quick ? 0.1 : 1 })) {
    results.push(result);
    console.log(format(result));
  }
}
const directory = new URL('./results/', import.meta.url);
mkdirSync(directory, { recursive: true });
writeFileSync(new URL('latest.jsonl', directory), results.map((result) => `${JSON.stringify(result)}\n`).join(''));

function format({ line, what, rate, floor, against = 'floor', note = '' }) {
  const columns = [line.padEnd(20), what.padEnd(40)];
  if (rate !== undefined) columns.push(`${Math.round(rate).toLocaleString('en')}/s`.padStart(12));
  if (floor !== undefined) {
    columns.push(
      `${against} ${Math.round(floor).toLocaleString('en')}/s`.padStart(22),
      `ratio ${(rate / floor).toFixed(2)}`,
    );
  }
  return [...columns, note].join('  ').trimEnd();
}
