import { StoreCorruptError } from '../../errors/index.js';
import { MIN_RECORD_BYTES } from './record-format.js';

/** More queues than any topic has. A wrong bit in a queue's id must not make a topic of millions of them. */
const MAX_QUEUE_ID = 65_535;
/** What would make of a name a path. What else a topic may be called is for whoever makes it: brokers had other rules at other times. */
const PATH_CHARACTER = /[/\\]/;

/** True for a name that a topic can have: its queues lie in a directory of that name. */
export function canBeTopic(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !PATH_CHARACTER.test(name);
}

export function canBeQueueId(queueId: number): boolean {
  return Number.isInteger(queueId) && queueId >= 0 && queueId <= MAX_QUEUE_ID;
}

/**
 * Checks a number of queues that a config file states; 0: none is read, or written to. Whoever works for a topic looks at each of its queues.
 *
 * @throws StoreCorruptError no topic has so many
 */
export function checkQueueNums(fileName: string, owner: string, field: string, value: unknown): void {
  if (typeof value === 'number' && (value === 0 || canBeQueueId(value - 1))) return;
  const reason = `the ${field} of ${owner} can not be ${JSON.stringify(value)}`;
  throw new StoreCorruptError({ file: `config/${fileName}`, offset: 0, reason });
}

/** The queue that a directory is named after; undefined when it is named after none. */
export function parseQueueId(name: string): number | undefined {
  const queueId = Number(name);
  return String(queueId) === name && canBeQueueId(queueId) ? queueId : undefined;
}

/** True when the record at `physicalOffset` can be this message of a queue: each one before it has taken room in the log. */
export function canBeMessage(queueId: number, queueOffset: number, physicalOffset: number): boolean {
  return canBeQueueId(queueId) && queueOffset >= 0 && queueOffset * MIN_RECORD_BYTES <= physicalOffset;
}
