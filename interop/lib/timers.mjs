// Messages with a time of their own: one side takes them in, the other one delivers them.
import path from 'node:path';
import { recordDifferences } from './compare.mjs';
import { dumpWithEngine } from './engine-side.mjs';
import { writeWithEngine } from './engine-writer.mjs';
import { names, timerHandoverPlan, timerPlan, TIMERS_A_TURN } from './plan.mjs';
import { checkpointFaults, deliveriesByRealBroker, deliveriesByUs, TIMER_TOPIC } from './timer-files.mjs';

/** What is due later than this stays pending for the whole run. */
const SOON_MS = 600_000;
/** After the last one is due: a real broker's timer counts in seconds, and a machine under load takes its time. */
const PATIENCE_MS = 4000;
/** How late a message may come on a machine that runs several brokers at once. */
const MAX_LATE_MS = 10_000;
const LATE_COUNT = 60;
/** A window that makes messages of half a minute go back into the timer topic on their way, in seconds. */
const ROLL_WINDOW_S = 6;

// Several at the same time, because nearly all of it is waiting; not all, because a broker that starts late finds recalls that come too late.
const rounds = [
  {
    'our timers, we stop': (tools, who) => oursToTheirs(tools, who, 'clean'),
    'our timers, we are killed': (tools, who) => oursToTheirs(tools, who, 'killed'),
    'its timers, put back on the way': theirsRolled,
  },
  {
    'its timers, it stops': (tools, who) => theirsToOurs(tools, who, 'clean'),
    'its timers, it is killed': (tools, who) => theirsToOurs(tools, who, 'killed'),
    'our timers, put back on the way': oursRolled,
  },
  { 'its timers, done but for one, there and back': theirsThereAndBack },
];

/** Each can be run alone. */
export const timerParts = rounds.flatMap((parts) => Object.keys(parts));

/**
 * @param {object} tools of store-interop.mjs
 * @param {(part: string) => boolean} isWanted
 */
export async function timersHandedOver(tools, isWanted) {
  for (const parts of rounds) {
    const wanted = Object.entries(parts).filter(([who]) => isWanted(who));
    await Promise.all(wanted.map(([who, work]) => tools.report.part(who, () => work(tools, who))));
  }
}

const soonPlan = (options) =>
  timerPlan({ soonCount: 300, soonMs: 25_000, lateCount: LATE_COUNT, recallCount: 10, ...options });

async function oursToTheirs(tools, who, ending) {
  const { engine, sizes, workDir, writeAndBeKilled } = tools;
  const storeDir = path.join(workDir, `timers-ours-${ending}`);
  // A JVM has to be up before.
  const plan = soonPlan({ handedMs: 60_000 });
  const results =
    ending === 'clean'
      ? await writeWithEngine(engine, { storeDir, sizes }, [...plan, { op: 'pause', ms: 1500 }])
      : await writeAndBeKilled(storeDir, sizes, plan, { topic: names.alarms, delayMs: 12_000 });
  const before = await dumpCopy(tools, storeDir);
  checkCheckpoint(tools, who, storeDir, before, ending);
  const most = deliveriesByRealBroker(storeDir, before);
  const { counted, openedMs } = await finishWithRealBroker(tools, storeDir, before, plan, results);
  const after = await dumpCopy(tools, storeDir);
  check(tools, who, { results, before, after, openedMs, most });
  checkPending(tools, `${who}: the real broker keeps what is due in an hour`, counted, LATE_COUNT);
  await checkListed(tools, who, storeDir);
}

async function theirsToOurs(tools, who, ending) {
  const { sizes, workDir, writeWithRealBroker } = tools;
  const storeDir = path.join(workDir, `timers-theirs-${ending}`);
  const plan = soonPlan({ handedMs: 30_000 });
  const noise = { topic: names.alarms, delayMs: 15_000, keys: 'noise' };
  const results = await writeWithRealBroker(storeDir, sizes, plan, ending, { noise });
  const before = await dumpCopy(tools, storeDir);
  const most = deliveriesByUs(storeDir, dueMsOf);
  const openedMs = await finishWithEngine(tools, storeDir, before, plan, results);
  const after = await dumpCopy(tools, storeDir);
  check(tools, who, { results, before, after, openedMs, most });
  await checkListed(tools, who, storeDir);
  const [{ pending }] = await writeWithRealBroker(storeDir, sizes, [{ op: 'timers', id: 'timers' }], 'clean');
  checkPending(tools, `${who}: the real broker gets back what is due in an hour`, pending, LATE_COUNT);
}

/** Each is put back into the timer topic several times: by us first, then by the real broker. */
async function oursRolled(tools, who) {
  const { engine, sizes, workDir } = tools;
  const storeDir = path.join(workDir, 'timers-ours-rolled');
  const plan = rolledPlan();
  const options = { timerRollWindowMs: ROLL_WINDOW_S * 1000 };
  const results = await writeWithEngine(engine, { storeDir, sizes, options }, [...plan, { op: 'pause', ms: 9000 }]);
  const before = await dumpCopy(tools, storeDir);
  checkCheckpoint(tools, who, storeDir, before, 'clean');
  const most = deliveriesByRealBroker(storeDir, before);
  const { openedMs } = await finishWithRealBroker(tools, storeDir, before, plan, results);
  const after = await dumpCopy(tools, storeDir);
  checkRolled(tools, who, before);
  check(tools, who, { results, before, after, openedMs, most });
}

async function theirsRolled(tools, who) {
  const { sizes, workDir, writeWithRealBroker } = tools;
  const storeDir = path.join(workDir, 'timers-theirs-rolled');
  const plan = rolledPlan();
  const rolling = { ...sizes, brokerConf: { ...sizes.brokerConf, timerRollWindowSlot: ROLL_WINDOW_S } };
  const steps = [...plan, { op: 'pause', ms: 9000 }];
  const results = await writeWithRealBroker(storeDir, rolling, steps, 'clean');
  const before = await dumpCopy(tools, storeDir);
  const most = deliveriesByUs(storeDir, dueMsOf);
  const openedMs = await finishWithEngine(tools, storeDir, before, plan, results);
  const after = await dumpCopy(tools, storeDir);
  checkRolled(tools, who, before);
  check(tools, who, { results, before, after, openedMs, most });
}

/** We take over a store in which nearly all is done, and give it back: nothing of that comes again. */
async function theirsThereAndBack(tools, who) {
  const { engine, sizes, workDir, writeWithRealBroker } = tools;
  const storeDir = path.join(workDir, 'timers-theirs-and-back');
  // The one that waits is the first in the timer topic.
  const plan = soonPlan({ soonCount: 20, soonMs: 2000, lateCount: 1, recallCount: 0 });
  const results = await writeWithRealBroker(storeDir, sizes, [...plan, { op: 'pause', ms: 7000 }], 'clean');
  await writeWithEngine(engine, { storeDir, sizes }, [{ op: 'timers' }]);
  const before = await dumpCopy(tools, storeDir);
  checkCheckpoint(tools, who, storeDir, before, 'clean');
  const most = deliveriesByRealBroker(storeDir, before);
  const openedMs = Date.now();
  await writeWithRealBroker(storeDir, sizes, [{ op: 'pause', ms: PATIENCE_MS }], 'clean');
  const after = await dumpCopy(tools, storeDir);
  check(tools, who, { results, before, after, openedMs, most });
}

const rolledPlan = () => soonPlan({ soonCount: 40, soonMs: 50_000, lateCount: 0, recallCount: 0 });

/** Takes back what the other side handed over, waits for all that is due soon, and stops. */
async function finishWithRealBroker({ sizes, writeWithRealBroker }, storeDir, before, plan, results) {
  let openedMs;
  const steps = timerHandoverPlan(plan, results, waitMs(before));
  const said = await writeWithRealBroker(storeDir, sizes, steps, 'clean', {
    onOpened: () => (openedMs = Date.now()),
  });
  return { counted: said.find(({ op }) => op === 'timers').pending, openedMs };
}

async function finishWithEngine({ engine, sizes }, storeDir, before, plan, results) {
  const openedMs = Date.now();
  await writeWithEngine(engine, { storeDir, sizes }, timerHandoverPlan(plan, results, waitMs(before)));
  return openedMs;
}

function waitMs(before) {
  const dueTimes = waiting(before)
    .map(dueMsOf)
    .filter((dueMs) => dueMs < Date.now() + SOON_MS);
  return Math.max(...dueTimes) - Date.now() + PATIENCE_MS;
}

/** The timers that were sent, without recalls and without what was put back. */
function waiting(dump) {
  return dump.records.filter(
    ({ topic, properties }) =>
      topic === TIMER_TOPIC && properties.TIMER_DEL_UNIQKEY === undefined && properties.TIMER_ROLL_TIMES === undefined,
  );
}

/** When the sender wanted it. */
function dueMsOf({ properties, bornTimestamp }) {
  return Number(properties.TIMER_DELIVER_MS ?? bornTimestamp + Number(properties.TIMER_DELAY_MS));
}

const idOf = (topic, properties) => `${topic} ${properties.UNIQ_KEY}`;

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** By message. */
function arrivalsOf(dump) {
  const arrived = dump.records.filter(
    ({ topic, properties }) => topic !== TIMER_TOPIC && properties.TIMER_OUT_MS !== undefined,
  );
  return groupBy(arrived, ({ topic, properties }) => idOf(topic, properties));
}

/** What each message has in the timer topic: its record, and those with which it was put back. */
function timersOf(dump) {
  const timers = dump.records.filter(
    ({ topic, properties }) => topic === TIMER_TOPIC && properties.TIMER_DEL_UNIQKEY === undefined,
  );
  return groupBy(timers, ({ properties }) => idOf(properties.REAL_TOPIC, properties));
}

/** Everything that was due came, unchanged, not early and not late, and no more often than the timer files said; nothing else came. */
function check({ report }, who, { results, before, after, openedMs, most }) {
  report.check(`${who}: what was there is still there`, recordDifferences(before, after), `${before.records.length}`);
  const timers = waiting(after);
  const sent = new Set(timers.map(({ properties }) => properties.UNIQ_KEY));
  const acknowledged = results.filter(({ op, msgId }) => op !== 'timers' && msgId !== undefined);
  report.check(
    `${who}: no acknowledged timer is missing`,
    acknowledged.filter(({ msgId }) => !sent.has(msgId)).map(({ id }) => `${id} is missing`),
    `${acknowledged.length} acknowledgements`,
  );
  const wasThere = arrivalsOf(before);
  const copies = timersOf(before);
  const arrivals = arrivalsOf(after);
  const differences = [];
  const counts = { soon: 0, before: 0, again: 0, mostAgain: 0, recalled: 0 };
  let earliestMs = Infinity;
  let latestMs = -Infinity;
  for (const timer of timers) {
    const { KEYS = '', REAL_TOPIC } = timer.properties;
    const came = arrivals.get(idOf(REAL_TOPIC, timer.properties)) ?? [];
    const [what] = KEYS.split('-');
    const wanted = what === 'soon' || what === 'noise' ? 1 : 0;
    if (wanted === 0) {
      counts.recalled += what === 'late' ? 0 : 1;
      differences.push(...(came.length === 0 ? [] : [`${KEYS} came ${came.length} times`]));
      continue;
    }
    counts.soon++;
    const [first] = came;
    const id = idOf(REAL_TOPIC, timer.properties);
    const isFromBefore = wasThere.has(id);
    counts.before += isFromBefore ? 1 : 0;
    const mostTimes = (isFromBefore ? 1 : 0) + most(copies.get(id) ?? []);
    counts.mostAgain += mostTimes - 1;
    counts.again += came.length - 1;
    if (came.length < 1 || came.length > mostTimes) {
      differences.push(`${KEYS} came ${came.length} times, ${mostTimes} at the most`);
      continue;
    }
    const lateMs = first.storeTimestamp - dueMsOf(timer);
    earliestMs = Math.min(earliestMs, lateMs);
    if (lateMs < 0) {
      differences.push(`${KEYS} came ${-lateMs} ms early`);
    }
    if (!isFromBefore) {
      const lateForOpenedMs = first.storeTimestamp - Math.max(dueMsOf(timer), openedMs);
      latestMs = Math.max(latestMs, lateForOpenedMs);
      if (lateForOpenedMs > MAX_LATE_MS) {
        differences.push(`${KEYS} came ${lateForOpenedMs} ms late`);
      }
    }
    differences.push(...contentDifferences(timer, first));
  }
  const { soon, recalled, again, mostAgain } = counts;
  const figures = [
    `${soon} timers, ${counts.before} of them delivered before`,
    `${recalled} recalled`,
    `${earliestMs} ms after their time at the earliest${latestMs === -Infinity ? '' : `, ${latestMs} ms at the latest`}`,
    `${again} came again, of ${mostAgain} that may`,
  ];
  report.check(`${who}: what is due comes, never early, and nothing else`, differences, figures.join('; '));
}

function contentDifferences(timer, arrival) {
  const of = ({ queueId, flag, bodySha256, bornTimestamp, properties }, realQueueId = queueId) => ({
    queueId: realQueueId,
    flag,
    bodySha256,
    bornTimestamp,
    tags: properties.TAGS,
    keys: properties.KEYS,
    note: properties.note,
    index: properties.index,
  });
  const wanted = of(timer, Number(timer.properties.REAL_QID));
  const got = of(arrival);
  return Object.keys(wanted)
    .filter((field) => wanted[field] !== got[field])
    .map((field) => `${timer.properties.KEYS} ${field}: sent ${wanted[field]}, got ${got[field]}`);
}

function checkRolled({ report }, who, before) {
  const putBack = before.records.filter(({ properties }) => properties.TIMER_ROLL_TIMES !== undefined).length;
  report.check(`${who}: some were put back`, putBack > 0 ? [] : ['none was'], `${putBack}`);
}

function checkCheckpoint({ report }, who, storeDir, dump, ending) {
  report.check(`${who}: our checkpoint is of one moment, and not old`, checkpointFaults(storeDir, dump, ending));
}

function checkPending({ report }, promise, pending, wanted) {
  report.check(promise, pending === wanted ? [] : [`${pending} wait, not ${wanted}`], `${pending}`);
}

/** What our engine lists as waiting is what is due in an hour, without what was recalled. */
async function checkListed(tools, who, storeDir) {
  const { report, copyOf } = tools;
  const copy = copyOf(storeDir, `${path.basename(storeDir)}-listed`);
  const keys = await waitingKeys(tools, copy);
  const wanted = Array.from({ length: LATE_COUNT }, (_, index) => `late-${index}`);
  report.check(
    `${who}: our engine lists what is due in an hour`,
    keys.toSorted().join() === wanted.toSorted().join() ? [] : [`it lists ${keys.join(' ')}`],
    `${keys.length}`,
  );
}

/** After both sides have had the store in turn: what was due came, what is due in an hour waits, each once. */
export async function checkTurnsOfTimers(tools, storeDir, turns) {
  const { engine, report, sizes, copyOf } = tools;
  const copy = copyOf(storeDir, `${path.basename(storeDir)}-timers`);
  const keys = await waitingKeys(tools, copy);
  const wanted = (turns * TIMERS_A_TURN) / 2;
  const isRight = keys.length === wanted && keys.every((key) => key.startsWith('late-'));
  report.check('what is due in an hour waits after all turns', isRight ? [] : [keys.join(' ')], `${keys.length}`);
  const dump = await dumpWithEngine(engine, copy, sizes);
  const arrivals = arrivalsOf(dump);
  const soon = waiting(dump).filter(({ properties }) => properties.KEYS.startsWith('soon-'));
  const missing = soon.filter(({ properties }) => !arrivals.has(idOf(properties.REAL_TOPIC, properties)));
  report.check(
    'what was due came, in whosever turn it was',
    [
      ...missing.map(({ properties }) => `${properties.KEYS} did not come`),
      ...(soon.length === wanted ? [] : [`${soon.length} were sent, not ${wanted}`]),
    ],
    `${soon.length}`,
  );
}

async function waitingKeys({ withBroker, sizes }, storeDir) {
  const listed = await withBroker(storeDir, sizes, async (broker) => {
    await broker.whenIdle();
    return broker.admin.delays.nextTimers(1000);
  });
  return listed.map(({ keys }) => keys);
}

async function dumpCopy({ engine, sizes, copyOf }, storeDir) {
  const copy = copyOf(storeDir, `${path.basename(storeDir)}-dump-${process.hrtime.bigint()}`);
  return dumpWithEngine(engine, copy, sizes);
}
