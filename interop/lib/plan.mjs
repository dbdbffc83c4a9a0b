// Plans: lists of steps that PlanWriter.java carries out against a real broker, and engine-writer.mjs against our engine. See interop/README.md.

/** Names that the plans use; `longTopic` and `longRetryTopic` are as long as RocketMQ allows. */
export const names = {
  plain: 'love',
  orders: 'orders',
  transactions: 'fees',
  codecs: 'codecs',
  alarms: 'alarms',
  longTopic: 'L'.repeat(127),
  longRetryTopic: `%RETRY%${'g'.repeat(120)}_${'t'.repeat(72)}`,
  group: 'madoka',
  failingGroup: 'failing',
  producerGroup: 'fee-producer',
};

/** Timers that stay pending for the whole run. */
const LATE_MS = 3_600_000;

/** In each turn of the back and forth; half of them stay pending. */
export const TIMERS_A_TURN = 6;

/** Queues of the topic whose messages go by a hash key. */
export const ORDER_QUEUES = 2;

/** A small generator with a seed, so that the same plan can be made again (mulberry32). */
export function seededRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    /** A whole number from 0 to `bound` - 1. */
    below: (bound) => next() % bound,
    pick: (list) => list[next() % list.length],
    bytes: (length) => Buffer.from(Uint8Array.from({ length }, () => next() & 0xff)),
  };
}

const words = 'order fee refund ledger balance stock invoice 订单 支付 наклад ✓ café 🚀'.split(' ');

/** Text that a compressor likes; at least `length` bytes would be cut inside a character, so it may be a few shorter. */
export function text(random, length) {
  const parts = [];
  for (let size = 0; size < length;) {
    const word = random.pick(words);
    parts.push(word);
    size += Buffer.byteLength(word) + 1;
  }
  return Buffer.from(parts.join(' ')).subarray(0, length);
}

const topic = (name, queueNums) => ({ op: 'topic', topic: name, readQueueNums: queueNums, writeQueueNums: queueNums });

/** Makes ids, so that each step's result can be found. */
function stepMaker() {
  let count = 0;
  return (op, fields, body) => ({
    op,
    id: `${op}-${count++}`,
    ...fields,
    ...(body === undefined ? {} : { body: body.toString('base64') }),
  });
}

const topics = () => [
  topic(names.plain, 4),
  topic(names.orders, ORDER_QUEUES),
  topic(names.transactions, 2),
  topic(names.codecs, 1),
  topic(names.alarms, 2),
  topic(names.longTopic, 1),
];

/** One ordinary message: tags, keys, user properties and body vary. */
function plainMessage(random, index, bodyBytes) {
  const tag = random.pick([undefined, 'TagA', 'TagB', 'TAG1', '中文', 'polygenelubricants']);
  const keyCount = random.below(4);
  return {
    topic: names.plain,
    queueId: random.below(4),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(keyCount === 0 ? {} : { keys: Array.from({ length: keyCount }, (_, key) => `k${index}-${key}`).join(' ') }),
    ...(random.below(3) === 0
      ? { properties: { amount: String(random.below(1000)), 城市: '東京', note: 'café ✓' } }
      : {}),
    ...(random.below(5) === 0 ? { flag: random.below(2 ** 31) } : {}),
    ...(random.below(10) === 0 ? { waitStoreMsgOK: false } : {}),
    body: text(random, bodyBytes).toString('base64'),
  };
}

/** Edge cases of one message each. */
function oddMessages(random, step) {
  return [
    step('send', { topic: names.plain, queueId: 0, tags: 'one-byte' }, Buffer.from('1')),
    step('send', { topic: names.plain, queueId: 0, keys: 'Aa' }, Buffer.from('the key hashes as BB does')),
    step('send', { topic: names.plain, queueId: 0, keys: 'BB' }, Buffer.from('the key hashes as Aa does')),
    step(
      'send',
      { topic: names.plain, queueId: 1, properties: { long: 'x'.repeat(10_240) } },
      Buffer.from('long property'),
    ),
    step('send', { topic: names.plain, queueId: 1, tags: 'compressed' }, text(random, 6000)),
    step('send', { topic: names.plain, queueId: 2, tags: 'binary' }, random.bytes(3000)),
    step('send', { topic: names.longTopic, queueId: 0, keys: 'long-topic' }, Buffer.from('topic of 127 bytes')),
  ];
}

/** What only a real broker's store can be given: records that no client sends, and compressions that Node has not. */
function foreignMessages(random, step) {
  return [
    step(
      'put',
      { topic: names.plain, queueId: 3, propertiesText: '', bornAddress: '127.0.0.1' },
      Buffer.from('no property at all'),
    ),
    step(
      'put',
      { topic: names.plain, queueId: 3, propertiesText: 'TAGS\u0001v6\u0002', bornAddress: '2001:db8::1' },
      Buffer.from('from IPv6'),
    ),
    step(
      'put',
      { topic: names.plain, queueId: 3, propertiesText: 'KEYS\u0001open-end', bornAddress: '127.0.0.1' },
      Buffer.from('last separator left out'),
    ),
    step(
      'put',
      { topic: names.longRetryTopic, queueId: 0, propertiesText: '', bornAddress: '127.0.0.1' },
      Buffer.from('topic of 200 bytes'),
    ),
    step('send', { topic: names.codecs, queueId: 0, compression: 'ZLIB' }, text(random, 5000)),
    step('send', { topic: names.codecs, queueId: 0, compression: 'LZ4' }, text(random, 5000)),
    step('send', { topic: names.codecs, queueId: 0, compression: 'ZSTD' }, text(random, 5000)),
  ];
}

function transactions(step, count) {
  return Array.from({ length: count }, (_, index) =>
    step(
      'half',
      {
        topic: names.transactions,
        producerGroup: names.producerGroup,
        state: ['COMMIT', 'ROLLBACK', 'COMMIT', 'UNKNOWN'][index % 4],
        tags: 'fee',
        keys: `fee-${index}`,
        properties: { member: String(index) },
      },
      Buffer.from(`fee ${index}`),
    ),
  );
}

/** The steps of orders, which must keep their order: one order's steps go to one queue. */
function orders(step, orderIds, placeOf) {
  return ['create', 'payment', 'push', 'done'].flatMap((what) =>
    orderIds.map((orderId) =>
      step(
        'send',
        {
          topic: names.orders,
          ...placeOf(orderId),
          tags: what,
          keys: `order-${orderId}`,
          properties: { orderId: String(orderId) },
        },
        Buffer.from(`${orderId} ${what}`),
      ),
    ),
  );
}

/** Both sides must choose the same queue for a key. */
const byHashKey = (orderId) => ({ hashKey: `order ${orderId}` });
const byQueue = (orderId) => ({ queueId: orderId % ORDER_QUEUES });

function batch(step, count) {
  return step('batch', {
    topic: names.plain,
    queueId: 2,
    messages: Array.from({ length: count }, (_, index) => ({
      topic: names.plain,
      tags: 'batch',
      keys: `batch-${index}`,
      properties: { position: String(index) },
      body: Buffer.from(`batch ${index}`).toString('base64'),
    })),
  });
}

/** Level 1 comes back within the run, level 18 (2 h) stays pending. */
function delays(step, count) {
  return Array.from({ length: count }, (_, index) =>
    step(
      'send',
      {
        topic: names.plain,
        queueId: index % 4,
        delayLevel: index % 2 === 0 ? 1 : 18,
        tags: index % 2 === 0 ? 'soon' : 'late',
        keys: `delay-${index}`,
      },
      Buffer.from(`delayed ${index}`),
    ),
  );
}

/** Half of them, for queue 0, are due within the run; the others stay pending. */
function timers(step, count) {
  return Array.from({ length: count }, (_, index) =>
    step(
      'send',
      {
        topic: names.alarms,
        queueId: index % 2,
        ...(index % 2 === 0 ? { delayMs: 1000 } : { deliverAfterMs: LATE_MS }),
        tags: 'timer',
        keys: `${index % 2 === 0 ? 'soon' : 'late'}-timer-${index}`,
      },
      Buffer.from(`timer ${index}`),
    ),
  );
}

const awaitQueue = (topicName, count) => ({ op: 'awaitQueue', topic: topicName, queueId: 0, count, timeoutMs: 30_000 });

/** Messages of the plain topic fail: `retried` of queue 0 come back, `dead` of queue 1 go to the dead letter topic. */
function failures(group, retried, dead) {
  const sendBack = (queueId, offset, delayLevel) => ({
    op: 'sendBack',
    group,
    topic: names.plain,
    queueId,
    offset,
    delayLevel,
  });
  return [
    ...Array.from({ length: retried }, (_, index) => sendBack(0, index, 1)),
    ...Array.from({ length: dead }, (_, index) => sendBack(1, index, -1)),
    awaitQueue(`%RETRY%${group}`, retried),
    awaitQueue(`%DLQ%${group}`, dead),
  ];
}

function offsets(from = 0) {
  const at = (group, topicName, queueId, offset) => ({
    op: 'commitOffset',
    group,
    topic: topicName,
    queueId,
    offset: from + offset,
  });
  return [at(names.group, names.plain, 0, 3), at(names.group, names.plain, 1, 5), at(names.group, names.plain, 2, 1)];
}

/** A plan of a few hundred messages with one or more of everything: the golden store. */
export function goldenPlan() {
  const random = seededRandom(20_240_501);
  const step = stepMaker();
  return [
    ...topics(),
    { op: 'group', group: names.group, retryMaxTimes: 3 },
    ...Array.from({ length: 100 }, (_, index) => step('send', plainMessage(random, index, 1 + random.below(900)))),
    ...oddMessages(random, step),
    ...foreignMessages(random, step),
    ...transactions(step, 8),
    ...orders(step, [1100, 2201, 3300], byQueue),
    ...delays(step, 6),
    step(
      'send',
      { topic: names.plain, queueId: 0, delayMs: 1500, tags: 'timer', keys: 'timer-soon' },
      Buffer.from('after 1.5 s'),
    ),
    step(
      'send',
      { topic: names.plain, queueId: 0, delayMs: 86_400_000, tags: 'timer', keys: 'timer-late' },
      Buffer.from('after a day'),
    ),
    batch(step, 10),
    ...failures(names.failingGroup, 3, 2),
    ...Array.from({ length: 100 }, (_, index) =>
      step('send', plainMessage(random, 100 + index, 1 + random.below(900))),
    ),
    ...offsets(),
  ];
}

/**
 * A long plan.
 *
 * @param {object} options
 * @param {number} options.seed
 * @param {number} options.messages about how many messages
 * @param {boolean} options.foreign with what only a real broker's store can be given
 */
export function longPlan({ seed, messages, foreign }) {
  const random = seededRandom(seed);
  const step = stepMaker();
  const plain = (count, from) => plainMessages(random, step, count, from);
  // What is below, besides: 520 messages.
  const half = Math.ceil(messages / 2) - 260;
  return [
    ...topics(),
    { op: 'group', group: names.group },
    step(
      'put',
      { topic: names.longRetryTopic, queueId: 0, propertiesText: '', bornAddress: '127.0.0.1' },
      Buffer.from('topic of 200 bytes'),
    ),
    step(
      'put',
      { topic: names.plain, queueId: 3, propertiesText: '', bornAddress: '127.0.0.1' },
      Buffer.from('no property at all'),
    ),
    ...plain(half, 0),
    ...oddMessages(random, step),
    ...(foreign ? foreignMessages(random, step) : []),
    ...transactions(step, 40),
    ...orders(
      step,
      Array.from({ length: 100 }, (_, index) => 1000 + index),
      byHashKey,
    ),
    batch(step, 50),
    ...delays(step, 40),
    ...timers(step, 40),
    // RocketMQ's client compresses every body of 4 KiB and more, also one that grows by it, and is then refused for its size.
    step(
      'send',
      { topic: names.plain, queueId: 3, keys: 'biggest', compression: 'NONE' },
      random.bytes(4 * 1024 * 1024),
    ),
    step('send', { topic: names.plain, queueId: 3, keys: 'big-text' }, text(random, 4 * 1024 * 1024)),
    ...failures(names.failingGroup, 20, 10),
    awaitQueue(names.alarms, 20),
    ...plain(half, half),
    step(
      'send',
      { topic: names.plain, queueId: 3, keys: 'biggest-again', compression: 'NONE' },
      random.bytes(4 * 1024 * 1024),
    ),
    ...offsets(),
  ];
}

/** One of several plans for the same store: each side takes its turn. `turn` counts from 0. */
export function turnPlan(turn) {
  const random = seededRandom(7000 + turn);
  const step = stepMaker();
  const plain = (count, from) => plainMessages(random, step, count, from + turn * 10_000);
  return [
    ...topics(),
    { op: 'group', group: names.group },
    ...plain(300, 0),
    ...oddMessages(random, step),
    ...transactions(step, 8),
    ...orders(
      step,
      [1, 2, 3, 4, 5, 6].map((order) => turn * 10 + order),
      byHashKey,
    ),
    batch(step, 5),
    ...delays(step, 6),
    ...timers(step, TIMERS_A_TURN),
    ...failures(`${names.failingGroup}-${turn}`, 3, 2),
    ...plain(100, 300),
    ...offsets(turn * 10),
  ];
}

/**
 * Messages with a time of their own. Their keys say what is to become of them: `soon` are due within `soonMs`, `late` in an hour, `recalled` are taken back by their
 * sender at once, `handed` are to be taken back by the other side, with the handle that their sender got; half of those are due after `handedMs`.
 */
export function timerPlan({ soonCount, soonMs, handedMs, lateCount, recallCount }) {
  const random = seededRandom(9);
  const step = stepMaker();
  const timer = (what, index, delayMs) =>
    step(
      'send',
      {
        topic: index % 10 === 9 ? names.longTopic : names.alarms,
        queueId: index % 10 === 9 ? 0 : index % 2,
        ...(index % 2 === 0 ? { delayMs } : { deliverAfterMs: delayMs }),
        tags: index % 3 === 0 ? '时间' : 'alarm',
        keys: `${what}-${index}`,
        properties: { note: 'café ✓', index: String(index) },
      },
      // Some are so long that they are compressed.
      text(random, 1 + random.below(index % 25 === 0 ? 20_000 : 200)),
    );
  const many = (count, make) => Array.from({ length: count }, (_, index) => make(index));
  // Also one and a half seconds and full seconds: there RocketMQ cuts its times.
  const soonDelayMs = (index) => Math.ceil(((index + 1) * soonMs) / soonCount);
  const recalled = many(recallCount, (index) => timer('recalled', index, index % 2 === 0 ? soonMs / 2 : LATE_MS));
  return [
    ...topics(),
    ...many(lateCount, (index) => timer('late', index, LATE_MS + index * 1000)),
    ...recalled,
    ...many(recallCount, (index) => timer('handed', index, index % 2 === 0 ? handedMs : LATE_MS)),
    ...many(soonCount, (index) => timer('soon', index, soonDelayMs(index))),
    ...recalled.map(({ id, topic: topicName }) => step('recall', { of: id, topic: topicName })),
  ];
}

/** What the other side does with them: takes back those that were handed over, waits for the others that are due, and counts the rest. */
export function timerHandoverPlan(plan, results, waitMs) {
  const step = stepMaker();
  const handles = new Map(results.map(({ id, recallHandle }) => [id, recallHandle]));
  return [
    ...plan
      .filter(({ keys }) => keys?.startsWith('handed-'))
      .map(({ id, topic: topicName }) => step('recall', { topic: topicName, handle: handles.get(id) })),
    { op: 'pause', ms: waitMs },
    step('timers', {}),
  ];
}

/** What is under way when a broker stops: delayed messages that are due soon, and undecided transactions. */
export function unfinishedPlan() {
  const step = stepMaker();
  return [
    ...topics(),
    ...Array.from({ length: 4 }, (_, index) =>
      step(
        'half',
        { topic: names.transactions, producerGroup: names.producerGroup, state: 'UNKNOWN', keys: `open-${index}` },
        Buffer.from(`open ${index}`),
      ),
    ),
    ...Array.from({ length: 8 }, (_, index) =>
      step(
        'send',
        { topic: names.orders, queueId: index % 2, delayLevel: 4, keys: `pending-${index}` },
        Buffer.from(`pending ${index}`),
      ),
    ),
  ];
}

function plainMessages(random, step, count, from) {
  return Array.from({ length: count }, (_, index) =>
    step('send', plainMessage(random, from + index, 1 + random.below(random.below(20) === 0 ? 20_000 : 400))),
  );
}
