// What the load of the crash test consists of, and what is owed for it. Everything about a message follows from its number, so that the process that sends it, the
// one that comes after the kill, and the judge agree without talking to each other.

export const TOPICS = { events: 'events', orders: 'orders', later: 'later' };
export const PRODUCER_GROUP = 'crash-producers';

/** Small files, so that a run rolls all of them often. */
export const STORE_OPTIONS = {
  mappedFileSizeCommitLogBytes: 1024 * 1024,
  consumeQueueFileEntries: 1000,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
  checkpointIntervalMs: 500,
};

export const GROUPS = {
  all: { topics: Object.values(TOPICS) },
  'in-order': { topics: [TOPICS.orders] },
  everyone: { topics: [TOPICS.events] },
};

/** How often each kind is sent, out of a hundred. */
const KINDS = [
  ['single', 40],
  ['careless', 10],
  ['batch', 10],
  ['level', 12],
  ['timer', 13],
  ['transaction', 15],
];

export function kindOf(dice) {
  let rest = dice * 100;
  return KINDS.find(([, weight]) => (rest -= weight) < 0)?.[0] ?? 'single';
}

/** How the local transaction of a message ends. */
export function outcomeOf(number) {
  return number % 10 < 6 ? 'COMMIT' : 'ROLLBACK';
}

/** The second phase is left to the check-back. */
export function isLeftUndecided(number) {
  return number % 4 === 0;
}

export function failsAtFirst(number) {
  return number % 7 === 0;
}

export function isDeadLetter(number) {
  return number % 53 === 0;
}

export function isLarge(number) {
  return number % 97 === 0;
}

/** Mostly small, now and then a good part of a log file. */
export function bodyOf(number) {
  const bytes = isLarge(number) ? 100_000 : 20 + ((number * 7919) % 600);
  return Buffer.from(`${number}|`.padEnd(bytes, `${number * 31}.`));
}

export function numberOf(body) {
  return Number(body.subarray(0, body.indexOf(0x7c)).toString('latin1'));
}
