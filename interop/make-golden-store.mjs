// Makes test/fixtures/golden-store: stores written by a real Apache RocketMQ broker, and what that broker then finds in them. Needs Java and Maven.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  closeSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { format } from 'prettier';
import { linesOfKind, readLines } from './lib/engine-side.mjs';
import { goldenPlan, names } from './lib/plan.mjs';
import { buildRealBroker, realBrokerVersion, runRealBroker, whatIsMissing } from './lib/real-broker.mjs';

const fixtureDir = fileURLToPath(new URL('../test/fixtures/golden-store/', import.meta.url));

// Small, so that a few hundred messages fill several files of each kind.
const store = {
  mappedFileSizeCommitLog: 65_536,
  mappedFileSizeConsumeQueue: 50 * 20,
  maxHashSlotNum: 97,
  maxIndexNum: 200,
  mappedFileSizeTimerLog: 1040,
};
const broker = { enablePropertyFilter: true, transactionCheckInterval: 600_000 };

const missing = whatIsMissing() ?? buildRealBroker();
if (missing !== undefined) {
  console.error(`The golden store can't be made here: ${missing}`);
  process.exit(1);
}
const workDir = mkdtempSync(path.join(tmpdir(), 'golden-store-'));
rmSync(fixtureDir, { recursive: true, force: true });
mkdirSync(fixtureDir, { recursive: true });
try {
  const cleanDir = await writeStore('clean');
  await pack('clean', 'a clean stop', cleanDir);
  await readStore('clean', cleanDir);

  const killedDir = await writeStore('killed');
  await pack('killed', 'kill -9', killedDir);
  const found = await readStore('killed', killedDir);

  // A killed process leaves whole records, for its pages outlive it. A power cut does not: the last record is torn.
  tearLastRecord(killedDir, found);
  await pack('torn', 'kill -9, and then the last record was torn by hand', killedDir);
  await readStore('torn', killedDir);
} finally {
  rmSync(workDir, { recursive: true, force: true });
}

async function writeStore(variant) {
  const storeDir = path.join(workDir, variant);
  const plan = path.join(workDir, 'plan.jsonl');
  const write = {
    ...requestFor(storeDir),
    command: 'write',
    plan,
    results: path.join(workDir, `${variant}-results.jsonl`),
  };
  if (variant === 'clean') {
    writePlan(plan, goldenPlan());
    await runRealBroker(write);
    return storeDir;
  }
  // The broker writes consumer and delay offsets for the first time after ten seconds; without the pause they would not be there.
  writePlan(plan, [...goldenPlan(), { op: 'pause', ms: 12_000 }]);
  write.noise = {
    op: 'send',
    topic: names.orders,
    queueId: 1,
    tags: 'noise',
    keys: 'noise',
    body: Buffer.from('noise '.repeat(20)).toString('base64'),
  };
  await runRealBroker(write, {
    onSaid: (word, child) => word === 'NOISE' && setTimeout(() => child.kill('SIGKILL'), 40),
  });
  return storeDir;
}

function requestFor(storeDir) {
  return { storeDir, scratchDir: path.join(workDir, 'scratch'), brokerName: 'broker-a', store, broker };
}

function writePlan(file, steps) {
  writeFileSync(file, steps.map((step) => `${JSON.stringify(step)}\n`).join(''));
}

/** Lets the real broker read a copy, for opening a store changes it, and writes down what it found. */
async function readStore(variant, storeDir) {
  const copyDir = path.join(workDir, `${variant}-copy`);
  cpSync(storeDir, copyDir, { recursive: true });
  const out = path.join(workDir, `${variant}-out.jsonl`);
  await runRealBroker({ ...requestFor(copyDir), command: 'read', out, byClient: true, byKey: true, byTime: true });
  const found = readLines(out);
  const results = path.join(workDir, `${variant === 'torn' ? 'killed' : variant}-results.jsonl`);
  writeExpected(variant, found, readLines(results));
  return found;
}

function tearLastRecord(storeDir, found) {
  const last = found
    .filter((line) => line.kind === 'record')
    .reduce((left, right) => (left.physicalOffset > right.physicalOffset ? left : right));
  const fileStart = last.physicalOffset - (last.physicalOffset % store.mappedFileSizeCommitLog);
  const file = openSync(path.join(storeDir, 'commitlog', String(fileStart).padStart(20, '0')), 'r+');
  const tornBytes = Math.floor(last.sizeBytes / 2);
  writeSync(file, Buffer.alloc(tornBytes), 0, tornBytes, last.physicalOffset - fileStart + last.sizeBytes - tornBytes);
  closeSync(file);
}

/** One file with the parts of all files that are not zero, and a list of where they belong. */
async function pack(variant, endedBy, storeDir) {
  const files = [];
  const parts = [];
  let at = 0;
  for (const file of filesUnder(storeDir)) {
    const extents = nonZeroExtents(path.join(storeDir, file));
    files.push({
      path: file,
      sizeBytes: statSync(path.join(storeDir, file)).size,
      extents: extents.map(({ offset, bytes }) => {
        parts.push(bytes);
        const extent = { offset, length: bytes.length, packedAt: at };
        at += bytes.length;
        return extent;
      }),
    });
  }
  writeFileSync(path.join(fixtureDir, `${variant}.bin.gz`), gzipSync(Buffer.concat(parts), { level: 9 }));
  const about = { madeBy: `Apache RocketMQ ${realBrokerVersion()}`, endedBy, brokerConf: store };
  await writeJson(`${variant}.files.json`, { about, files });
}

async function writeJson(name, content) {
  const text = await format(JSON.stringify(content), { parser: 'json', printWidth: 120 });
  writeFileSync(path.join(fixtureDir, name), text);
}

function filesUnder(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .toSorted();
}

function nonZeroExtents(file) {
  const pageBytes = 4096;
  const extents = [];
  const handle = openSync(file, 'r');
  try {
    const page = Buffer.alloc(pageBytes);
    for (let offset = 0; ; offset += pageBytes) {
      const length = readSync(handle, page, 0, pageBytes, offset);
      if (length === 0) {
        return extents;
      }
      const bytes = Buffer.from(page.subarray(0, length));
      if (bytes.some((byte) => byte !== 0)) {
        append(extents, { offset, bytes });
      }
    }
  } finally {
    closeSync(handle);
  }
}

/** Pages side by side are one extent. */
function append(extents, { offset, bytes }) {
  const last = extents.at(-1);
  if (last !== undefined && last.offset + last.bytes.length === offset) {
    last.bytes = Buffer.concat([last.bytes, bytes]);
  } else {
    extents.push({ offset, bytes });
  }
}

/** What the real broker read: one line per thing, sorted, so that a new fixture shows its differences. */
function writeExpected(variant, found, results) {
  const of = (kind) => linesOfKind(found, kind);
  const lists = {
    store: of('store').map(({ minPhyOffset, maxPhyOffset }) => ({ minPhyOffset, maxPhyOffset })),
    topics: sorted(of('topic'), (line) => line.topic),
    groups: sorted(of('group'), (line) => line.group),
    consumerOffsets: sorted(of('consumerOffset'), (line) => `${line.topicAtGroup} ${line.queueId}`),
    delayOffsets: of('delayOffset'),
    queues: of('queue').filter((queue) => queue.maxOffset > 0),
    records: of('record'),
    delivered: of('delivered'),
    keyQueries: of('keyQuery'),
    timeQueries: of('timeQuery'),
    sent: results.filter((line) => !line.id.startsWith('noise')),
    acknowledgedNoise: results
      .filter((line) => line.id.startsWith('noise'))
      .map(({ queueId, queueOffset, msgId }) => ({ queueId, queueOffset, msgId })),
  };
  const text = Object.entries(lists)
    .map(([name, lines]) => `  "${name}": [\n${lines.map((line) => `    ${JSON.stringify(line)}`).join(',\n')}\n  ]`)
    .join(',\n');
  writeFileSync(path.join(fixtureDir, `${variant}.expected.json.gz`), gzipSync(`{\n${text}\n}\n`, { level: 9 }));
}

function sorted(lines, key) {
  return lines.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
}
