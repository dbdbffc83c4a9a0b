import { SeededRandom } from '../../lib/engine/io/index.js';
import { parseProperties } from '../../lib/engine/store/index.js';
import { checkRecord } from '../../lib/engine/store/record-checker.js';
import { StoredMessage } from '../../lib/engine/store/stored-message.js';
import { Property, TIMER_TOPIC, type DiskUsage, type StoredRecord } from '../../lib/engine/types/index.js';
import { GROUPS, isFor, TOPICS } from './consumer-plan.js';
import type { RetentionPlan } from './retention-plan.js';
import { HALF_TOPIC, SCHEDULE_TOPIC } from './stored-checks.js';
import { idOf, mustBeStored, type SentMessage } from './sent-message.js';
import type { World } from './world.js';

/** Records that are still needed keep their file so many times the reserved time, and no longer. */
const MOST_HELD_TIMES = 2;

/**
 * Sees each file of the log before a broker removes it: says whether it may go, and notes in the model what goes with it. It knows nothing of how the broker
 * chooses: it reads the file and all that is left, and compares them with the rule.
 */
export class RemovalWatch {
  readonly #world: World;
  readonly #plan: RetentionPlan;
  /** What the broker was told of the disk last: by that it may go, whatever has happened since. */
  #usage: DiskUsage = { totalBytes: 1, freeBytes: 1 };
  /** False: something was removed since the broker looked, and there may be room enough. */
  #hasLooked = false;

  constructor(world: World, plan: RetentionPlan) {
    this.#world = world;
    this.#plan = plan;
  }

  lookedAtDisk(usage: DiskUsage | undefined): void {
    this.#hasLooked = true;
    if (usage !== undefined) this.#usage = usage;
  }

  async beforeRemoval(path: string): Promise<void> {
    const [, directory, name] = /^(.*\/commitlog)\/(\d{20})$/.exec(path) ?? [];
    if (directory === undefined || name === undefined) return;
    const world = this.#world;
    const disk = world.disk.fork(new SeededRandom(world.seed));
    const names = await namesOf(disk, directory);
    const leaving = recordsOf(await disk.readFile(path), Number(name));
    // Begun and never written, or cleared again.
    if (leaving.length === 0) return;
    if (name !== names[0]) {
      const lost = leaving.map((record) => this.#acknowledged(record)).find((sent) => sent !== undefined);
      if (lost !== undefined) world.violated(`${path} is removed from behind others, with ${lost.id}`);
      return;
    }
    if (names.length === 1) world.violated(`${path} is removed, which is the only file of the log`);
    const ageMs = world.clock.now() - Math.max(...leaving.map(({ storeTimestamp }) => storeTimestamp));
    const isForced = this.#hasLooked && this.#isOverLimit();
    this.#hasLooked = false;
    world.log(`  ${path} goes, ${ageMs} ms old${isForced ? ', for want of room' : ''}`);
    if (ageMs < this.#plan.reservedMs && !isForced) {
      world.violated(`${path} is removed ${this.#plan.reservedMs - ageMs} ms before its time`);
    }
    // What a power cut could still take is not counted on.
    disk.crash('power', 0);
    const left: StoredRecord[] = [];
    for (const other of await namesOf(disk, directory)) {
      // One that went before, whose removal a power cut could still take back, is none that is left.
      if (other !== name && names.includes(other))
        left.push(...recordsOf(await disk.readFile(`${directory}/${other}`), Number(other)));
    }
    world.counts.expiredFiles += 1;
    const isLetGo = isForced || ageMs >= this.#plan.reservedMs * MOST_HELD_TIMES;
    // What was just being written may be taken back, if its group fails on the full disk.
    const copiesOf = (id: string): StoredRecord[] =>
      left.filter(({ body, commitLogOffset }) => commitLogOffset <= world.visibleUpTo && idOf(body) === id);
    for (const record of leaving) this.#goes(record, copiesOf(idOf(record.body)), isLetGo);
  }

  #isOverLimit(): boolean {
    const { isForcible, forcibleRatio } = this.#plan;
    const { totalBytes, freeBytes } = this.#usage;
    return isForcible && Math.ceil(((totalBytes - freeBytes) * 100) / totalBytes) > forcibleRatio;
  }

  /** @param copies of the same message, later in the log @param isLetGo also what is still needed may go */
  #goes(record: StoredRecord, copies: readonly StoredRecord[], isLetGo: boolean): void {
    const { model } = this.#world;
    const sent = model.get(idOf(record.body));
    if (sent === undefined) return;
    const destination = destinationOf(record);
    const isVisible = isUserTopic(record.storedTopic);
    if (isVisible) sent.isGone = true;
    const isWaiting = !isVisible && (isUserTopic(destination) || isWaitingTopic(record.storedTopic));
    const waitsElsewhere = copies.some((copy) => isUserTopic(destinationOf(copy)) || isWaitingTopic(copy.storedTopic));
    // What was taken back does not wait; and a lossy power cut may have taken a decision, and left the offset that stands for it.
    const isNeeded =
      (sent.kind !== 'transaction' || sent.outcome === 'COMMIT') &&
      !sent.isExcused &&
      !sent.isRecalled &&
      sent.openRecalls === 0;
    if (isWaiting && !waitsElsewhere && (isLetGo || !isNeeded)) sent.isWaitingGone = true;
    for (const plan of GROUPS) {
      const { group } = plan;
      const isRetry = destination === `%RETRY%${group}`;
      if (record.storedTopic === `%DLQ%${group}`) model.delivery(group, sent.id).isDeadLetterGone = true;
      if (!isRetry && !(isVisible && isFor(plan, sent))) continue;
      // A retry that waits for its delay is needed.
      if (isRetry && record.storedTopic === SCHEDULE_TOPIC && !isLetGo) continue;
      const delivery = model.delivery(group, sent.id);
      if (!delivery.done && !copies.some((copy) => isOfGroup(copy, group))) delivery.isGone = true;
    }
  }

  #acknowledged(record: StoredRecord): SentMessage | undefined {
    const sent = this.#world.model.get(idOf(record.body));
    if (sent === undefined || sent.kind !== 'normal' || !mustBeStored(sent) || record.storedTopic !== sent.topic)
      return undefined;
    return record.queueId === sent.queueId && record.queueOffset === sent.queueOffset ? sent : undefined;
  }
}

async function namesOf(disk: World['disk'], directory: string): Promise<readonly string[]> {
  return (await disk.list(directory)).filter((name) => /^\d{20}$/.test(name)).toSorted();
}

function recordsOf(bytes: Buffer | undefined, start: number): StoredRecord[] {
  const records: StoredRecord[] = [];
  if (bytes === undefined) return records;
  for (let at = 0; at < bytes.length;) {
    const check = checkRecord(bytes, at, bytes.length, start + at, bytes.length - at);
    if (check.kind !== 'record') break;
    records.push(new StoredMessage(bytes, at, ''));
    at += check.sizeBytes;
  }
  return records;
}

/** The topic that a record is in, or waits to get to. */
function destinationOf(record: StoredRecord): string {
  if (record.storedTopic !== SCHEDULE_TOPIC) return record.storedTopic;
  return parseProperties(record.propertiesText)[Property.REAL_TOPIC] ?? '';
}

function isOfGroup(record: StoredRecord, group: string): boolean {
  const destination = destinationOf(record);
  return destination === `%RETRY%${group}` || destination === `%DLQ%${group}`;
}

function isUserTopic(topic: string): boolean {
  return (TOPICS as readonly string[]).includes(topic);
}

function isWaitingTopic(topic: string): boolean {
  return topic === TIMER_TOPIC || topic === HALF_TOPIC;
}
