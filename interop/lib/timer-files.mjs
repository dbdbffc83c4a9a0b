// What the timer files of a store say, read without our engine: what the next owner takes for done, and what it therefore delivers again.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const TIMER_TOPIC = 'rmq_sys_wheel_timer';
const UNIT_BYTES = 52;
const BLANK_MAGIC = 0xcbd43194 | 0;
/** How old a checkpoint is at the most: after a stop, and after a kill on a machine that runs several brokers at once. */
const MAX_AGE_MS = { clean: 3000, killed: 10_000 };

/** config/timercheck (RocketMQ: `TimerCheckpoint`). */
function timerCheck(storeDir) {
  const bytes = readFileSync(path.join(storeDir, 'config', 'timercheck'));
  const [readMs, logPosition, queueOffset, masterQueueOffset] = [0, 8, 16, 24].map((at) =>
    Number(bytes.readBigInt64BE(at)),
  );
  return { readMs, logPosition, queueOffset, masterQueueOffset };
}

/** The units that RocketMQ's `recoverAndRevise` finds: all up to the first that is none, also those behind the checkpoint. */
function timerUnits(storeDir) {
  const directory = path.join(storeDir, 'timerlog');
  const units = [];
  for (const name of readdirSync(directory).toSorted()) {
    const bytes = readFileSync(path.join(directory, name));
    let at = 0;
    for (; at + UNIT_BYTES <= bytes.length && bytes.readInt32BE(at) === UNIT_BYTES; at += UNIT_BYTES) {
      const slotMs = Number(bytes.readBigInt64BE(at + 16)) + bytes.readInt32BE(at + 24);
      units.push({ position: Number(name) + at, slotMs, physicalOffset: Number(bytes.readBigInt64BE(at + 28)) });
    }
    if (at + 16 > bytes.length || bytes.readInt32BE(at + 12) !== BLANK_MAGIC) {
      break;
    }
  }
  return units;
}

/** From which message of the timer topic on a real broker takes them in: `reviseQueueOffset`, and what `recover` makes of it. */
function firstTakenIn(storeDir, dump) {
  const { queueOffset, masterQueueOffset } = timerCheck(storeDir);
  const last = timerUnits(storeDir).at(-1);
  const lastIn = last && entryOffsets(dump).get(last.physicalOffset);
  return Math.min(lastIn === undefined ? queueOffset : lastIn + 1, masterQueueOffset);
}

/** Places in the timer topic's queue, by places in the log. */
function entryOffsets(dump) {
  const timers = dump.records.filter(({ topic }) => topic === TIMER_TOPIC);
  return new Map(timers.map(({ physicalOffset, entryOffset }) => [physicalOffset, entryOffset]));
}

/**
 * What a checkpoint of ours must not be: of two moments, or old; what a real broker may deliver again follows from it. After a stop it leaves nothing to be
 * taken in.
 *
 * @param {'clean' | 'killed'} ending
 */
export function checkpointFaults(storeDir, dump, ending) {
  const { readMs, logPosition, queueOffset, masterQueueOffset } = timerCheck(storeDir);
  const entries = entryOffsets(dump);
  const faults = timerUnits(storeDir)
    .map(({ position, physicalOffset }) => ({ position, entryOffset: entries.get(physicalOffset) }))
    .filter(({ position, entryOffset }) => position < logPosition !== entryOffset < queueOffset)
    .map(
      ({ position, entryOffset }) =>
        `the unit at ${position} is of message ${entryOffset}, the checkpoint says ${logPosition} and ${queueOffset}`,
    );
  if (masterQueueOffset !== queueOffset) {
    faults.push(`its queue offsets are ${queueOffset} and ${masterQueueOffset}`);
  }
  const newestMs = Math.max(...dump.records.map(({ storeTimestamp }) => storeTimestamp));
  if (readMs < newestMs - MAX_AGE_MS[ending]) {
    faults.push(`it is ${newestMs - readMs} ms old`);
  }
  const firstNotIn = firstTakenIn(storeDir, dump);
  if (ending === 'clean' && firstNotIn !== entries.size) {
    faults.push(`a real broker takes in from ${firstNotIn} on what ends at ${entries.size}`);
  }
  return faults;
}

/**
 * How often a real broker may deliver a message that it takes over from us, by `TimerMessageStore.recover`:
 *
 * - It reads the slots from lastReadTimeMs on, and links every unit of the timer log to its slot again. So each unit of such a slot is one delivery, also when we
 *   had delivered it.
 * - It takes messages in from the one after that of the log's last unit, but from masterTimerQueueOffset if that is less. So those whose units were written after
 *   the last checkpoint get a second one, and are one more delivery.
 *
 * @param dump of the store as it is taken over
 * @returns a function of all records that the message has in the timer topic
 */
export function deliveriesByRealBroker(storeDir, dump) {
  const { readMs } = timerCheck(storeDir);
  const units = timerUnits(storeDir);
  const firstNotIn = firstTakenIn(storeDir, dump);
  const unread = new Map();
  for (const { physicalOffset } of units.filter(({ slotMs }) => slotMs >= readMs)) {
    unread.set(physicalOffset, (unread.get(physicalOffset) ?? 0) + 1);
  }
  return (records) =>
    records.reduce(
      (sum, { physicalOffset, entryOffset }) =>
        sum + (unread.get(physicalOffset) ?? 0) + (entryOffset >= firstNotIn ? 1 : 0),
      0,
    );
}

/**
 * How often we may deliver a message that we take over from a real broker: once, and not at all when it was due before lastReadTimeMs and had been taken in before
 * lastTimerQueueOffset. A real broker empties whole seconds, and writes once a second how far it is.
 */
export function deliveriesByUs(storeDir, dueMsOf) {
  const { readMs, queueOffset } = timerCheck(storeDir);
  return (records) => (records.some((record) => dueMsOf(record) > readMs || record.entryOffset >= queueOffset) ? 1 : 0);
}
