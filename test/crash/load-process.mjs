// The process that is killed: a plain program on the engine, on a real disk, with senders and consumers of every kind.
//
//   node load-process.mjs <store> <journal> <first number> <seed> <flushDiskType> <send|settle>
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedBroker, RECONSUME_LATER, SeededRandom, SilentLogger } from '../../build/engine/index.js';
import { NonRetryableError } from '../../build/errors/index.js';
import { openJournal } from './journal.mjs';
import {
  bodyOf,
  failsAtFirst,
  isDeadLetter,
  isLeftUndecided,
  kindOf,
  numberOf,
  outcomeOf,
  PRODUCER_GROUP,
  STORE_OPTIONS,
  TOPICS,
} from './plan.mjs';

const [path, journalPath, firstNumber, seed, flushDiskType, mode] = process.argv.slice(2);
const WORKERS = 8;
const random = new SeededRandom(Number(seed));
const note = openJournal(journalPath);
const broker = new EmbeddedBroker(
  {
    store: { ...STORE_OPTIONS, path, flushDiskType },
    transaction: { transactionTimeoutMs: 1000, checkIntervalMs: 1000 },
  },
  { logger: new SilentLogger() },
);
let next = Number(firstNumber);
const ending = new AbortController();

await broker.start();
for (const topic of Object.values(TOPICS)) await broker.writeQueues(topic);
broker.registerTransactionChecker(PRODUCER_GROUP, ({ body }) => {
  const number = numberOf(body);
  note('asked', { number });
  return outcomeOf(number);
});
await subscribe('all', 'CONCURRENTLY', 'CLUSTERING', [TOPICS.events, TOPICS.orders, TOPICS.later]);
await subscribe('in-order', 'ORDERLY', 'CLUSTERING', [TOPICS.orders]);
await subscribe('everyone', 'CONCURRENTLY', 'BROADCASTING', [TOPICS.events]);

process.once('SIGTERM', () => {
  ending.abort();
  void broker.close().then(
    () => process.exit(0),
    (error) => {
      note('fault', { what: `close: ${error}` });
      process.exit(1);
    },
  );
});
process.stdout.write('ready\n');
if (mode === 'send') await Promise.all(Array.from({ length: WORKERS }, work));

async function subscribe(group, consumeMode, messageModel, topics) {
  await broker.subscribe({
    group,
    messageModel,
    clientId: 'one',
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
    subscriptions: topics.map((topic) => ({
      topic,
      consumeMode,
      delayLevelWhenNextConsume: 1,
      suspendCurrentQueueTimeMs: 50,
      handler: (message) => handle(group, messageModel, message),
    })),
  });
}

/** @returns {Promise<unknown>} what the engine is told */
async function handle(group, messageModel, message) {
  const number = numberOf(message.body);
  const { topic, reconsumeTimes, queueId, queueOffset } = message;
  if (!message.body.equals(bodyOf(number))) note('fault', { what: `${group} got another body for ${number}` });
  // A retry lies in another topic, but an orderly one in the same place.
  const place = `${topic} ${queueId} ${queueOffset}`;
  note('seen', { group, number, topic, place, nowMs: Date.now() });
  if (messageModel === 'CLUSTERING') {
    if (group === 'all' && isDeadLetter(number)) {
      note('given up', { group, number });
      throw new NonRetryableError('for good');
    }
    if (reconsumeTimes === 0 && failsAtFirst(number)) {
      if (number % 2 === 0 && group === 'all') return RECONSUME_LATER;
      throw new Error('for now');
    }
  }
  if (number % 5 === 0) await sleep(1 + (number % 10));
  note('done', { group, number, place });
  return undefined;
}

async function work() {
  while (!ending.signal.aborted) {
    try {
      await sendOne();
    } catch (error) {
      if (!(ending.signal.aborted && error.code === 'STORE_CLOSED'))
        note('fault', { what: String(error.stack ?? error) });
      if (error.code === 'STORE_WRITE_FAILED') return;
    }
    await sleep(random.nextInt(10));
  }
}

async function sendOne() {
  const kind = kindOf(random.nextInt(1000) / 1000);
  if (kind === 'batch') return sendBatch();
  const topics = kind === 'level' || kind === 'timer' ? [TOPICS.later] : [TOPICS.events, TOPICS.orders];
  const topic = topics[random.nextInt(topics.length)];
  const number = next++;
  const message = { topic, body: bodyOf(number), keys: `key-${number}`, tags: number % 3 === 0 ? 'third' : undefined };
  if (kind === 'transaction') return sendInTransaction(number, message);
  const delayMs = kind === 'level' ? 1000 : kind === 'timer' ? 200 + random.nextInt(2500) : 0;
  note('sending', { number, kind, topic, dueMs: Date.now() + delayMs });
  const result = await broker.send({
    ...message,
    delayLevel: kind === 'level' ? 1 : undefined,
    delayMs: kind === 'timer' ? delayMs : undefined,
    waitStoreMsgOK: kind !== 'careless',
  });
  acknowledged(number, kind, result);
  if (kind === 'timer' && random.nextInt(3) === 0) await recall(topic, number, result.recallHandle);
}

async function sendBatch() {
  const topic = random.nextInt(2) === 0 ? TOPICS.events : TOPICS.orders;
  const numbers = Array.from({ length: 2 + random.nextInt(8) }, () => next++);
  for (const number of numbers) note('sending', { number, kind: 'batch', topic, dueMs: Date.now() });
  const result = await broker.sendBatch(numbers.map((number) => ({ topic, body: bodyOf(number) })));
  for (const [index, number] of numbers.entries()) acknowledged(number, 'batch', result, index);
}

async function sendInTransaction(number, message) {
  note('sending', { number, kind: 'transaction', topic: message.topic, dueMs: Date.now() });
  const result = await broker.sendHalf(message, PRODUCER_GROUP);
  acknowledged(number, 'transaction', result);
  const state = isLeftUndecided(number) ? 'UNKNOWN' : outcomeOf(number);
  await broker.endTransaction(result.transactionId, state);
  if (state !== 'UNKNOWN') note('ended', { number, state });
}

async function recall(topic, number, recallHandle) {
  note('recalling', { number });
  try {
    await broker.recall(topic, recallHandle);
    note('recalled', { number });
  } catch (error) {
    if (error.code !== 'RECALL_TOO_LATE') throw error;
    note('too late', { number });
  }
}

function acknowledged(number, kind, { messageQueue, queueOffset }, index = 0) {
  note('acknowledged', { number, kind, queueId: messageQueue.queueId, queueOffset: queueOffset + index });
}
