// Shows that our stores and those of a real Apache RocketMQ broker are the same thing: each opens what the other wrote. See interop/README.md.
//
//   node interop/store-interop.mjs [--messages 20000] [--only <text in the name of a scenario or of a part>] [--keep] [--if-possible]
//
// Parts are what the scenario of the timers does at the same time, such as "our timers, we are killed".
// Needs a build (`npm run build`), Java and Maven. With --if-possible a missing Java or Maven is said and is no failure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  keyQueryDifferences,
  lineDifferences,
  lostMessages,
  planDifferences,
  queueDifferences,
  queueFileDifferences,
  recordDifferences,
} from './lib/compare.mjs';
import { coverage } from './lib/coverage.mjs';
import {
  dumpWithEngine,
  fileSizes,
  loadEngine,
  readJavaDump,
  readLines,
  sha256,
  withStore,
} from './lib/engine-side.mjs';
import { writeWithEngine } from './lib/engine-writer.mjs';
import { longPlan, names, turnPlan, unfinishedPlan } from './lib/plan.mjs';
import { buildRealBroker, realBrokerVersion, runRealBroker, whatIsMissing } from './lib/real-broker.mjs';
import { Report } from './lib/report.mjs';
import { checkTurnsOfTimers, timerParts, timersHandedOver } from './lib/timers.mjs';

const { values: args } = parseArgs({
  options: {
    messages: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
    'if-possible': { type: 'boolean', default: false },
  },
});

function giveUpIf(missing) {
  if (missing !== undefined) {
    console.log(`The comparison with a real Apache RocketMQ broker was not made: ${missing}`);
    process.exit(args['if-possible'] ? 0 : 1);
  }
}

giveUpIf(whatIsMissing());
const dist = process.env.ROCKET_DIST ?? fileURLToPath(new URL('../build/', import.meta.url));
if (!existsSync(path.join(dist, 'engine', 'index.js'))) {
  console.log(`There is no build in ${dist}: run "npm run build" first.`);
  process.exit(1);
}

giveUpIf(buildRealBroker());
const engine = await loadEngine(dist);
const report = new Report();
const workDir = mkdtempSync(path.join(tmpdir(), 'store-interop-'));
const scratchDir = path.join(workDir, 'scratch');
mkdirSync(scratchDir);
// Room for a body of 4 MiB, and small enough that a run fills several files of each kind.
const large = fileSizes({
  segmentBytes: 8 * 1024 * 1024,
  queueEntries: 1000,
  maxHashSlotNum: 1500,
  maxIndexNum: 5000,
});
const small = fileSizes({ segmentBytes: 128 * 1024, queueEntries: 64, maxHashSlotNum: 97, maxIndexNum: 300 });
const DELETED_TOPIC = 'deleted';
// Nothing pops here, and its threads make a stop seconds longer.
const brokerSettings = {
  popConsumerFSServiceInit: false,
  recallMessageEnable: true,
  // A machine under load is not to be told that the broker is busy.
  waitTimeMillsInSendQueue: 30_000,
  waitTimeMillsInTransactionQueue: 30_000,
};

const TIMERS = 'one side takes timers in, the other delivers them';
const isWanted = (name) => name.includes(args.only);
const scenarios = {
  'our engine writes, the real broker reads': oursToTheirs,
  'our engine is killed, the real broker reads': oursKilledToTheirs,
  'what our engine leaves unfinished, the real broker finishes': oursFinishedByThem,
  'the real broker writes and stops, our engine reads': () => theirsToOurs('clean'),
  'the real broker writes and is killed, our engine reads': () => theirsToOurs('killed'),
  'what the real broker leaves unfinished, our engine finishes': theirsFinishedByUs,
  [TIMERS]: () => timersHandedOver(timerTools(), (part) => isWanted(TIMERS) || isWanted(part)),
  'both take turns, three times': backAndForth,
  'one owner at a time': oneOwner,
};

console.log(`Our engine from ${dist}, Apache RocketMQ ${realBrokerVersion()}, Node ${process.version}, in ${workDir}`);
const chosen = Object.entries(scenarios).filter(
  ([name]) => isWanted(name) || (name === TIMERS && timerParts.some(isWanted)),
);
if (chosen.length === 0) {
  report.check('something is to be done', [`no scenario and no part has "${args.only}" in its name`]);
}
for (const [name, run] of chosen) {
  await report.scenario(name, run);
}
if (!args.keep) {
  rmSync(workDir, { recursive: true, force: true });
}
process.exit(report.close() ? 0 : 1);

async function oursToTheirs() {
  const storeDir = path.join(workDir, 'ours');
  const plan = longPlan({ seed: 1, messages: Number(args.messages), foreign: false });
  await deleteATopic(storeDir);
  const startedMs = performance.now();
  const results = await writeWithEngine(engine, { storeDir, sizes: large }, plan);
  report.figure(
    `our engine wrote ${results.length} messages in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
  );
  const ours = await dumpWithEngine(engine, storeDir, large);
  const covered = coverage(ours, storeDir);
  report.check('every kind of message is there', covered.missing, covered.figures);
  const untouched = copyOf(storeDir, 'ours-untouched');

  const { dump: theirs } = await readWithRealBroker(storeDir, large, { byClient: true, byTime: true });
  compareAll(ours, theirs);
  const arrived = planDifferences(plan, results, theirs.delivered);
  report.check(
    'a Java consumer gets what was sent: body, topic, tag, keys, properties, flag, id',
    arrived.differences,
    `${arrived.checked} messages`,
  );
  report.check(
    'no acknowledged message is missing',
    lostMessages(results, theirs),
    `${results.length} acknowledgements`,
  );
  const wantedOffsets = plan
    .filter((step) => step.op === 'commitOffset')
    .map(({ group, topic, queueId, offset }) => ({ topicAtGroup: `${topic}@${group}`, queueId, offset }));
  report.check(
    'consumer groups stand where they were',
    lineDifferences(wantedOffsets, theirs.consumerOffsets, ['topicAtGroup', 'queueId', 'offset']),
    `${theirs.consumerOffsets.length} offsets`,
  );
  const back = [...theirs.topics, ...theirs.records].filter(({ topic }) => topic === DELETED_TOPIC);
  report.check(
    'a deleted topic stays deleted',
    back.map((line) => JSON.stringify(line)),
    '20 messages',
  );
  await checkTimes(storeDir, large, theirs.timeQueries);
  await checkDerivedFiles(untouched);
}

/** Its records stay in the log, and config/deletedTopics.json is a file that the real broker does not know. */
async function deleteATopic(storeDir) {
  await withBroker(storeDir, large, async (broker) => {
    await broker.admin.topics.create(DELETED_TOPIC);
    for (let count = 0; count < 20; count++) {
      await broker.send({ topic: DELETED_TOPIC, keys: `deleted-${count}`, body: Buffer.from('deleted') });
    }
    await broker.admin.topics.delete(DELETED_TOPIC);
  });
  if (!existsSync(path.join(storeDir, 'config', 'deletedTopics.json'))) {
    throw new Error('nothing says that a topic was deleted');
  }
}

async function oursKilledToTheirs() {
  const storeDir = path.join(workDir, 'ours-killed');
  const plan = longPlan({ seed: 3, messages: Math.ceil(Number(args.messages) / 4), foreign: false });
  const results = await writeAndBeKilled(storeDir, large, plan);
  report.figure(`our engine wrote ${results.length} messages and was killed`);
  // Without it the broker throws its last index file away after a crash, and enters again only what it reads of the log, which may begin later.
  const safe = { ...large, brokerConf: { ...large.brokerConf, messageIndexSafe: true } };
  const { dump: theirs } = await readWithRealBroker(copyOf(storeDir, 'ours-killed-read'), safe, {
    byClient: true,
    byKey: true,
  });
  report.check(
    'no acknowledged message is missing',
    lostMessages(results, theirs),
    `${results.length} acknowledgements`,
  );
  const arrived = planDifferences(plan, results, theirs.delivered);
  report.check('a Java consumer gets what was sent', arrived.differences, `${arrived.checked} messages`);
  report.check('a look-up by key finds our messages', keyQueryDifferences(theirs), `${theirs.keyQueries.length} keys`);
  const ours = await dumpWithEngine(engine, storeDir, large);
  // Each recovered the store for itself; what the real broker found is to be what ours finds.
  compareAll(ours, theirs);
}

/** Another process of ours writes; it is killed while it sends. */
async function writeAndBeKilled(storeDir, sizes, plan, noise = {}) {
  const planFile = path.join(scratchDir, `${path.basename(storeDir)}.plan.jsonl`);
  const resultsFile = path.join(scratchDir, `${path.basename(storeDir)}.results.jsonl`);
  writeFileSync(planFile, plan.map((step) => `${JSON.stringify(step)}\n`).join(''));
  const script = fileURLToPath(new URL('./lib/killed-writer.mjs', import.meta.url));
  const words = [dist, storeDir, JSON.stringify(sizes), planFile, resultsFile, JSON.stringify(noise)];
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), 1500));
  const [code, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') {
    throw new Error(`our engine's process ended by itself, with code ${code}`);
  }
  return readLines(resultsFile);
}

/** Lets the real broker make queues and index from our log alone. What it makes is what we made. */
async function checkDerivedFiles(untouched) {
  const withIndex = copyOf(untouched, 'ours-index');
  const { dump: indexed } = await readWithRealBroker(withIndex, large, { byKey: true });
  report.check(
    'a look-up by key finds our messages in our index',
    keyQueryDifferences(indexed),
    `${indexed.keyQueries.length} keys`,
  );

  const rebuilt = copyOf(untouched, 'ours-rebuilt');
  for (const derived of ['consumequeue', 'index', 'checkpoint']) {
    rmSync(path.join(rebuilt, derived), { recursive: true, force: true });
  }
  writeFileSync(path.join(rebuilt, 'abort'), '1');
  const { dump } = await readWithRealBroker(rebuilt, large, { byKey: true });
  const files = queueFileDifferences(untouched, rebuilt);
  report.check(
    'the queue files that it makes from our log are ours, byte for byte',
    files.differences,
    `${files.bytes} bytes`,
  );
  report.check(
    'with "abort" there and no checkpoint it indexes our whole log',
    keyQueryDifferences(dump),
    `${dump.keyQueries.length} keys`,
  );
}

async function theirsToOurs(ending) {
  const storeDir = path.join(workDir, `theirs-${ending}`);
  const plan = longPlan({ seed: 2, messages: Number(args.messages), foreign: true });
  const results = await writeWithRealBroker(storeDir, large, plan, ending);
  report.figure(
    `the real broker wrote ${results.length} messages and was ${ending === 'clean' ? 'stopped' : 'killed'}`,
  );
  const untouched = copyOf(storeDir, `theirs-${ending}-untouched`);
  const { dump: theirs } = await readWithRealBroker(copyOf(storeDir, `theirs-${ending}-read`), large, {
    byClient: true,
    byKey: true,
    byTime: true,
  });

  const ours = await dumpWithEngine(engine, storeDir, large);
  for (const warning of ours.warnings) {
    report.figure(`our engine said: ${warning}`);
  }
  const covered = coverage(ours, storeDir);
  report.check('every kind of message is there', covered.missing, covered.figures);
  compareAll(onlyWhatWasWritten(theirs, ending), ours);
  report.check(
    'nothing is there that the real broker has not',
    recordDifferences(ours, theirs),
    `${ours.records.length} records`,
  );
  report.check('no acknowledged message is missing', lostMessages(results, ours), `${results.length} acknowledgements`);
  await checkTimes(storeDir, large, theirs.timeQueries);
  await checkKeys(storeDir, large, theirs);
  await checkConsumption(storeDir, theirs);

  const rebuilt = copyOf(untouched, `theirs-${ending}-rebuilt`);
  for (const derived of ['consumequeue', 'checkpoint']) {
    rmSync(path.join(rebuilt, derived), { recursive: true, force: true });
  }
  await withStore(engine, rebuilt, large, async () => undefined);
  const files = queueFileDifferences(untouched, rebuilt);
  report.check(
    'the queue files that we make from its log are its, byte for byte',
    files.differences,
    `${files.bytes} bytes`,
  );
}

/** Our look-up by key in the real broker's index gives the same places. */
async function checkKeys(storeDir, sizes, theirs) {
  const differences = await withStore(engine, storeDir, sizes, async (store) => {
    const found = [];
    for (const { topic, key, physicalOffsets } of theirs.keyQueries) {
      const query = { topic, key, maxCount: 64, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
      const ours = (await store.keyIndex.query(query)).toSorted((left, right) => left - right);
      // After a crash the real broker may enter the record at the border of two index files in both.
      const wanted = [...new Set(physicalOffsets)].filter((offset) => offset < theirs.store.maxPhyOffset);
      if (ours.join() !== wanted.join()) {
        found.push(`${topic}#${key}: ours ${ours.join()}, theirs ${wanted.join()}`);
      }
    }
    return found;
  });
  report.check('both find the same records for a key', differences, `${theirs.keyQueries.length} keys`);
}

/** A new group of ours gets every message of the user's topics, as the Java consumer did. */
async function checkConsumption(storeDir, theirs) {
  // A copy: retries and delays that are due would be delivered while we look.
  const copy = copyOf(storeDir, `${path.basename(storeDir)}-consumed`);
  const topics = [names.plain, names.orders, names.transactions, names.longTopic];
  const wanted = new Map(
    theirs.delivered
      .filter((message) => topics.includes(message.topic))
      .map((message) => [`${message.topic} ${message.queueId} ${message.queueOffset}`, message]),
  );
  const differences = [];
  let lastOffsets = new Map();
  const missingPlaces = new Set(wanted.keys());
  const onMessage = (topic, message) => {
    const place = `${topic} ${message.queueId} ${message.queueOffset}`;
    missingPlaces.delete(place);
    const queue = `${topic} ${message.queueId}`;
    if (message.queueOffset !== (lastOffsets.get(queue) ?? -1) + 1) {
      differences.push(`${place} came after ${lastOffsets.get(queue)}`);
    }
    lastOffsets.set(queue, message.queueOffset);
    const other = wanted.get(place);
    if (other === undefined) {
      return;
    }
    const got = {
      msgId: message.msgId,
      tags: message.tags,
      keys: message.keys,
      bodySha256: sha256(message.body),
      reconsumeTimes: message.reconsumeTimes,
    };
    for (const [field, value] of Object.entries(got)) {
      if (value !== other[field]) {
        differences.push(`${place} ${field}: ${value}, the Java consumer got ${other[field]}`);
      }
    }
  };
  await withBroker(copy, large, async (broker) => {
    const consumer = await broker.subscribe({
      group: 'newcomer',
      consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
      subscriptions: topics.map((topic) => ({
        topic,
        consumeMode: 'ORDERLY',
        handler: (message) => onMessage(topic, message),
      })),
    });
    await until(() => missingPlaces.size === 0, 120_000);
    await consumer.close({ timeoutMs: 5000 });
  });
  differences.push(...[...missingPlaces].map((place) => `${place} did not come`));
  report.check('a listener of ours gets them all, in order and equal', differences, `${wanted.size} messages`);
}

async function oursFinishedByThem() {
  const storeDir = path.join(workDir, 'ours-unfinished');
  await writeWithEngine(engine, { storeDir, sizes: small }, unfinishedPlan());
  const before = await dumpWithEngine(engine, storeDir, small);
  await writeWithRealBroker(storeDir, small, finishingSteps(), 'clean', {
    broker: {
      transactionCheckInterval: 3000,
      transactionTimeOut: 1000,
      // Shorter than the check interval, or the broker asks again about what it has been told already.
      transactionOpBatchInterval: 100,
    },
  });
  const after = await dumpWithEngine(engine, storeDir, small);
  report.check('what was there is still there', recordDifferences(before, after), `${before.records.length} records`);
  checkFinished(before, after);
}

async function theirsFinishedByUs() {
  const storeDir = path.join(workDir, 'theirs-unfinished');
  await writeWithRealBroker(storeDir, small, unfinishedPlan(), 'killed-at-once');
  const before = await dumpWithEngine(engine, copyOf(storeDir, 'theirs-unfinished-before'), small);
  await withBroker(
    storeDir,
    small,
    async (broker) => {
      broker.registerTransactionChecker(names.producerGroup, () => 'COMMIT');
      const seen = new Set();
      const consumer = await broker.subscribe({
        group: 'finisher',
        consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
        subscriptions: [names.orders, names.transactions].map((topic) => ({
          topic,
          handler: (message) => void seen.add(message.msgId),
        })),
      });
      await until(() => seen.size >= 12, 60_000);
      await consumer.close({ timeoutMs: 1000 });
    },
    { transaction: { transactionTimeoutMs: 1000, checkIntervalMs: 1000 } },
  );
  const after = await dumpWithEngine(engine, storeDir, small);
  report.check('what was there is still there', recordDifferences(before, after), `${before.records.length} records`);
  checkFinished(before, after);
  const { dump: theirs } = await readWithRealBroker(storeDir, small, {});
  report.check('the real broker sees it so, too', recordDifferences(after, theirs), `${after.records.length} records`);
}

function finishingSteps() {
  return [
    { op: 'answerChecks', producerGroup: names.producerGroup, topic: names.transactions, state: 'COMMIT' },
    ...[0, 1].map((queueId) => ({ op: 'awaitQueue', topic: names.orders, queueId, count: 4, timeoutMs: 60_000 })),
    // Longer than the waiting delayed messages need: by then the check-backs, one a second, are over.
    { op: 'pause', ms: 3000 },
  ];
}

/** Every pending message of `before` has been delivered once, not before its time; every open transaction has been committed once. */
function checkFinished(before, after) {
  const pending = before.records.filter((record) => record.topic === 'SCHEDULE_TOPIC_XXXX');
  const halves = before.records.filter((record) => record.topic === 'RMQ_SYS_TRANS_HALF_TOPIC');
  const arrivals = (record, topic) =>
    after.records.filter((other) => other.topic === topic && other.properties.UNIQ_KEY === record.properties.UNIQ_KEY);
  const delayMs = 30_000;
  const differences = pending.flatMap((record) => {
    const came = arrivals(record, names.orders);
    if (came.length !== 1) {
      return [`${record.properties.KEYS} came ${came.length} times`];
    }
    const waitedMs = came[0].storeTimestamp - record.storeTimestamp;
    return waitedMs < delayMs ? [`${record.properties.KEYS} came after ${waitedMs} ms of ${delayMs}`] : [];
  });
  report.check('pending delayed messages came once, and not early', differences, `${pending.length} messages`);
  if (pending.length === 0 || halves.length === 0) {
    report.check('there was something to finish', ['nothing was pending']);
  }
  report.check(
    'open transactions were asked about and committed once',
    halves.flatMap((record) => {
      const count = arrivals(record, names.transactions).length;
      return count === 1 ? [] : [`${record.properties.KEYS} came ${count} times`];
    }),
    `${halves.length} transactions`,
  );
}

async function backAndForth() {
  const storeDir = path.join(workDir, 'turns');
  let known = { records: [], queues: [] };
  for (let turn = 0; turn < 6; turn++) {
    const plan = turnPlan(turn);
    const isOurs = turn % 2 === 0;
    const ending = ['clean', 'killed'][Math.floor(turn / 2) % 2];
    const results = isOurs
      ? await writeWithEngine(engine, { storeDir, sizes: small }, plan)
      : await writeWithRealBroker(storeDir, small, plan, ending);
    const { dump: theirs } = await readWithRealBroker(copyOf(storeDir, `turn-${turn}`), small, { byClient: true });
    const ours = await dumpWithEngine(engine, storeDir, small);
    const who = isOurs ? 'ours' : `theirs, ${ending}`;
    report.check(
      `turn ${turn + 1} (${who}): all that was there before is there`,
      recordDifferences(known, ours),
      `${known.records.length} records`,
    );
    report.check(
      `turn ${turn + 1}: both read the same`,
      [...recordDifferences(ours, theirs), ...queueDifferences(ours, theirs, { grown: true })],
      `${ours.records.length} records`,
    );
    const arrived = planDifferences(plan, results, theirs.delivered);
    report.check(
      `turn ${turn + 1}: a Java consumer gets what was sent`,
      arrived.differences,
      `${arrived.checked} messages`,
    );
    report.check(
      `turn ${turn + 1}: nothing acknowledged is missing`,
      lostMessages(results, ours),
      `${results.length} acknowledgements`,
    );
    known = ours;
  }
  await checkTurnsOfTimers(timerTools(), storeDir, 6);
}

function timerTools() {
  return { engine, report, workDir, sizes: small, copyOf, withBroker, writeWithRealBroker, writeAndBeKilled };
}

async function oneOwner() {
  const storeDir = path.join(workDir, 'owned');
  await writeWithEngine(
    engine,
    { storeDir, sizes: small },
    turnPlan(0).filter((step) => step.op === 'topic'),
  );
  let refusal;
  await runRealBroker(
    { ...requestFor(storeDir, small), command: 'open', holdUntilStdinCloses: true },
    {
      onSaid: (word, child) => {
        if (word === 'DONE') {
          void withStore(engine, storeDir, small, async () => undefined)
            .catch((error) => (refusal = error))
            .finally(() => child.stdin.end());
        }
      },
    },
  );
  report.check(
    'our engine refuses a store that a real broker has open',
    refusal?.code?.includes('LOCKED') ? [] : [`it said: ${refusal}`],
    refusal?.code,
  );

  const theirRefusal = await withStore(engine, storeDir, small, () =>
    runRealBroker({ ...requestFor(storeDir, small), command: 'open' }).then(
      () => undefined,
      (error) => error,
    ),
  );
  const isLockError = /Lock failed/.test(String(theirRefusal));
  report.check(
    'the real broker refuses a store that our engine has open',
    isLockError ? [] : [`it said: ${theirRefusal}`],
    'Lock failed,MQ already started',
  );
}

/**
 * What the reader must know of what the writer left. It may know more: a real broker has topics and groups of its own, ours gives a topic back to queues that have
 * none, and both deliver what has become due.
 */
function compareAll(writer, reader) {
  report.check(
    'every record is the same, field by field and byte by byte',
    recordDifferences(writer, reader),
    `${writer.records.length} records`,
  );
  report.check(
    'every queue begins and ends where it did',
    queueDifferences(writer, reader, { grown: true }),
    `${writer.queues.length} queues`,
  );
  report.check(
    'topics',
    lineDifferences(writer.topics, reader.topics, ['topic', 'readQueueNums', 'writeQueueNums', 'perm', 'order']),
    `${writer.topics.length}`,
  );
  report.check(
    'groups',
    lineDifferences(writer.groups, reader.groups, ['group', 'retryMaxTimes', 'retryQueueNums']),
    `${writer.groups.length}`,
  );
  const offsetFields = ['topicAtGroup', 'queueId', 'offset'];
  report.check(
    'consumer offsets',
    lineDifferences(writer.consumerOffsets, reader.consumerOffsets, offsetFields),
    `${writer.consumerOffsets.length}`,
  );
  const levels = new Map(reader.delayOffsets.map(({ level, offset }) => [level, offset]));
  report.check(
    'delay levels stand at the same message, or further',
    writer.delayOffsets
      .filter(({ level, offset }) => !(levels.get(level) >= offset))
      .map((line) => `${JSON.stringify(line)}, there ${levels.get(line.level)}`),
    `${writer.delayOffsets.length}`,
  );
}

/** Without what the real broker has appended since its start: after a kill it delivers again what was delivered since it last wrote its delay offsets and timer checkpoint. */
function onlyWhatWasWritten(theirs, ending) {
  const records = theirs.records.filter((record) => record.physicalOffset < theirs.store.maxPhyOffset);
  const ends = new Map();
  for (const { topic, queueId, entryOffset } of records) {
    ends.set(`${topic} ${queueId}`, entryOffset + 1);
  }
  const queues = theirs.queues.map((queue) => ({
    ...queue,
    maxOffset: ends.get(`${queue.topic} ${queue.queueId}`) ?? queue.minOffset,
  }));
  return { ...theirs, records, queues, delayOffsets: ending === 'clean' ? theirs.delayOffsets : [] };
}

async function checkTimes(storeDir, sizes, timeQueries) {
  const differences = await withStore(engine, storeDir, sizes, async (store) => {
    const found = [];
    for (const { topic, queueId, timestampMs, lower } of timeQueries) {
      const offset = await store.messages.offsetByTime(topic, queueId, timestampMs);
      // What the real broker delivered while it was reading is not in our store: there, such a time lies behind the end.
      const wanted = Math.min(lower, store.messages.queueRange(topic, queueId).maxOffset);
      if (offset !== wanted) {
        found.push(`${topic} ${queueId} at ${timestampMs}: ours ${offset}, theirs ${lower}`);
      }
    }
    return found;
  });
  report.check('both find the same offset for a time', differences, `${timeQueries.length} look-ups`);
}

/** @param {object} [options] further settings of the `broker`, the `noise` that it is killed in, and `onOpened` */
async function writeWithRealBroker(storeDir, sizes, plan, ending, { broker = {}, noise = {}, onOpened } = {}) {
  const planFile = path.join(scratchDir, `${path.basename(storeDir)}.plan.jsonl`);
  const results = path.join(scratchDir, `${path.basename(storeDir)}.results.jsonl`);
  writeFileSync(planFile, plan.map((step) => `${JSON.stringify(step)}\n`).join(''));
  const request = { ...requestFor(storeDir, sizes, broker), command: 'write', plan: planFile, results };
  if (ending === 'clean') {
    await runRealBroker(request, { onSaid: (word) => word === 'OPENED' && onOpened?.() });
  } else {
    // Killed in the middle of sends, so that what lies behind the last acknowledgement is as it fell.
    request.noise = {
      op: 'send',
      topic: names.plain,
      queueId: 0,
      tags: 'noise',
      body: Buffer.from('noise').toString('base64'),
      ...noise,
    };
    const afterMs = ending === 'killed-at-once' ? 0 : 300;
    await runRealBroker(request, {
      onSaid: (word, child) => word === 'NOISE' && setTimeout(() => child.kill('SIGKILL'), afterMs),
    });
  }
  return readLines(results);
}

/** Reads everything with the real broker, and kills it afterwards: what it would write at a stop is not wanted. */
async function readWithRealBroker(storeDir, sizes, how) {
  const out = path.join(scratchDir, `${path.basename(storeDir)}.out.jsonl`);
  const { log } = await runRealBroker(
    { ...requestFor(storeDir, sizes, { transactionCheckInterval: 600_000 }), command: 'read', out, ...how },
    { onSaid: (word, child) => word === 'DONE' && child.kill('SIGKILL') },
  );
  return { dump: readJavaDump(out), log };
}

function requestFor(storeDir, sizes, broker = {}) {
  return {
    storeDir,
    // One each: several brokers run at the same time.
    scratchDir: path.join(scratchDir, path.basename(storeDir)),
    brokerName: 'broker-a',
    store: { osPageCacheBusyTimeOutMills: 30_000, ...sizes.brokerConf },
    broker: { ...brokerSettings, ...broker },
  };
}

async function withBroker(storeDir, sizes, work, options = {}) {
  const broker = new engine.EmbeddedBroker(
    { ...options, store: { path: storeDir, ...sizes.options } },
    { logger: new engine.SilentLogger() },
  );
  await broker.start();
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

function copyOf(storeDir, name) {
  const copy = path.join(workDir, name);
  cpSync(storeDir, copy, { recursive: true });
  return copy;
}

async function until(condition, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (!condition() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
