// A process of its own, to be killed: carries out a plan with our engine, and then sends until its end. What it was told is in the results file, line by line.
//
//   node killed-writer.mjs <dist> <store directory> <file sizes as JSON> <plan file> <results file> <fields of the messages at the end>
import { appendFileSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { fileSizes, loadEngine, readLines } from './engine-side.mjs';
import { writeWithEngine } from './engine-writer.mjs';
import { names } from './plan.mjs';

const [dist, storeDir, sizesText, planFile, resultsFile, noiseText] = process.argv.slice(2);
const engine = await loadEngine(dist);
const sizes = fileSizes(JSON.parse(sizesText));
const noise = JSON.parse(noiseText);
const line = (result) => `${JSON.stringify(result)}\n`;

writeFileSync(resultsFile, '');
const results = await writeWithEngine(engine, { storeDir, sizes }, readLines(planFile));
appendFileSync(resultsFile, results.map(line).join(''));

const broker = new engine.EmbeddedBroker(
  { store: { path: storeDir, ...sizes.options } },
  { logger: new engine.SilentLogger() },
);
await broker.start();
console.log('NOISE');
const out = openSync(resultsFile, 'a');
const sendNoise = async (sender) => {
  for (let count = 0; ; count++) {
    const sent = await broker.send({
      topic: names.plain,
      tags: 'noise',
      keys: `noise-${sender}-${count}`,
      body: Buffer.from(`noise ${count} `.repeat(1 + (count % 40))),
      ...noise,
    });
    // Written only after the acknowledgement: what stands here must be in the store.
    writeSync(out, line({ id: `noise-${sender}-${count}`, op: 'noise', msgId: sent.msgId }));
  }
};
await Promise.all(Array.from({ length: 32 }, (_, sender) => sendNoise(sender)));
