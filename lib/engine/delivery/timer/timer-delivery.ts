import { StoreCorruptError } from '../../../errors/index.js';
import { intoWriteQueue } from '../../store/index.js';
import { TIMER_TOPIC, type RecordDraft, type ServiceContext, type StoredRecord } from '../../types/index.js';
import type { Deletion, DueTimer } from './loaded-slot.js';
import type { TimerIndex } from './timer-index.js';
import { keyHash } from './timer-key.js';
import { fromTimer, replacementBy, timerFacts, toRolled, type Replacement, type TimerFacts } from './timer-message.js';
import type { MutableTimerStatistics } from './timer-statistics.js';

/** Records that are read together, and their bytes: bounds what is in memory of a batch. */
const GROUP_TIMERS = 64;
const GROUP_BYTES = 1024 * 1024;
/** Bytes that are on their way into the log at the same time. */
const MAX_IN_FLIGHT_BYTES = 4 * 1024 * 1024;
/** Records that lie this close are read one after the other, because one read of the log brings several of them. */
const NEIGHBOUR_BYTES = 128 * 1024;

/** Says of a message whether it is being recalled at this moment. */
export interface HeldMessages {
  /** Resolves to true when the recall has succeeded. Undefined when there is none. */
  outcome(key: string): Promise<boolean> | undefined;
}

/** Hands on messages whose time has come: to their topic, or back into the timer topic if they are due still later. */
export class TimerDelivery {
  readonly #context: ServiceContext;
  readonly #index: TimerIndex;
  readonly #held: HeldMessages;
  readonly #statistics: MutableTimerStatistics;
  /** The index has been made again since the start: what it says of a record that can't be read is true. */
  isIndexFresh = false;

  constructor(context: ServiceContext, index: TimerIndex, held: HeldMessages, statistics: MutableTimerStatistics) {
    this.#context = context;
    this.#index = index;
    this.#held = held;
    this.#statistics = statistics;
  }

  /**
   * Hands on all timers that are not done yet, in their order, and marks those that are durable.
   *
   * @throws whatever an append failed with; StoreCorruptError when the index is damaged
   */
  async deliver(timers: readonly DueTimer[]): Promise<void> {
    const appends = new Appends();
    try {
      for (const group of groupsOf(timers)) {
        const records = await this.#read(group);
        for (const timer of group) {
          await this.#handOver(timer, records.get(timer.physicalOffset), appends);
        }
        if (appends.bytes >= MAX_IN_FLIGHT_BYTES) await appends.succeed();
      }
    } finally {
      // Also after a failure: what is under way must be known to be done, or it would be delivered again.
      await appends.end();
    }
    await appends.succeed();
  }

  async #append(timer: DueTimer, { draft, onStored }: Handover): Promise<void> {
    await this.#context.store.append(intoWriteQueue(draft, this.#context.topics));
    timer.isDone = true;
    onStored();
  }

  async #read(group: readonly DueTimer[]): Promise<Map<number, StoredRecord | undefined>> {
    const offsets = group.map(({ physicalOffset }) => physicalOffset).toSorted((a, b) => a - b);
    const runs: number[][] = [];
    for (const offset of offsets) {
      const last = runs.at(-1);
      if (last !== undefined && offset - last.at(-1)! < NEIGHBOUR_BYTES) last.push(offset);
      else runs.push([offset]);
    }
    const records = new Map<number, StoredRecord | undefined>();
    await Promise.all(
      runs.map(async (run) => {
        for (const offset of run) records.set(offset, await this.#readRecord(offset));
      }),
    );
    return records;
  }

  async #readRecord(physicalOffset: number): Promise<StoredRecord | undefined> {
    try {
      return await this.#context.store.readRecord(physicalOffset);
    } catch (error) {
      if (!(error instanceof StoreCorruptError)) throw error;
      // The log is in order as far as anybody knows, so it is the index that points to a wrong place.
      if (!this.isIndexFresh) throw this.#damage(physicalOffset, 'a timer points at something that is no record');
      return undefined;
    }
  }

  /** Begins to append what is to be appended of the timer, if it is not done without it. */
  async #handOver(timer: DueTimer, record: StoredRecord | undefined, appends: Appends): Promise<void> {
    if (record === undefined) {
      this.#lose(timer, 'its record is not in the log any more, or can not be read');
      return;
    }
    const facts = this.#factsOf(timer, record);
    let replacing = this.#replacingOf(timer, facts, undefined);
    while (replacing !== undefined) {
      const how = await this.#replacementOf(timer, facts, replacing);
      if (how === 'recall') this.#statistics.recalled += 1;
      timer.isDone = how !== undefined;
      if (timer.isDone) return;
      replacing = this.#replacingOf(timer, facts, replacing.deletions);
    }
    // In the same step as the last look: a recall that came in between would stand before the record that it takes back, and not concern it.
    const handover = this.#handoverOf(timer, record, facts);
    if (handover !== undefined) appends.add(this.#append(timer, handover), timer.sizeBytes);
  }

  /** What is to be appended; undefined when the timer is lost. */
  #handoverOf(timer: DueTimer, record: StoredRecord, facts: TimerFacts): Handover | undefined {
    const nowMs = this.#context.clock.now();
    if (facts.dueMs > nowMs) {
      return {
        draft: toRolled(record, facts.rollTimes),
        onStored: () => {
          this.#statistics.rolled += 1;
        },
      };
    }
    const draft = fromTimer(record, nowMs);
    if (draft === undefined) {
      this.#lose(timer, 'it has no topic to go to');
      this.#index.counts.add(facts.realTopic, -1);
      return undefined;
    }
    return { draft, onStored: () => this.#onDelivered(facts, nowMs) };
  }

  #factsOf(timer: DueTimer, record: StoredRecord): TimerFacts {
    const facts = timerFacts(record);
    const fits = record.storedTopic === TIMER_TOPIC && record.storeSize === timer.sizeBytes;
    if (facts === undefined || facts.deleteKey !== undefined || !fits) {
      throw this.#damage(timer.physicalOffset, 'a timer points at a record that is no timer');
    }
    return facts;
  }

  /** What may take the timer's place and has come since `known` was looked at. Undefined for nearly all: most slots hold no recall. */
  #replacingOf(timer: DueTimer, { key }: TimerFacts, known: readonly Deletion[] | undefined): Replacing | undefined {
    if (key === undefined) return undefined;
    const outcome = this.#held.outcome(key);
    const all = timer.slot.deletions;
    const deletions = all.size === 0 ? undefined : all.get(keyHash(key));
    return outcome === undefined && deletions === known ? undefined : { outcome, deletions };
  }

  async #replacementOf(
    timer: DueTimer,
    facts: TimerFacts,
    { outcome, deletions }: Replacing,
  ): Promise<Replacement | 'lost' | undefined> {
    if ((await outcome) === true) return 'recall';
    for (const { physicalOffset, counted } of deletions ?? []) {
      const record = await this.#context.store.readRecord(physicalOffset);
      if (record === undefined && (await this.#readRecord(timer.physicalOffset)) === undefined) {
        // Both have gone with their files since the timer's was read, and nobody knows whether this was its recall.
        this.#lose(timer, 'its record is not in the log any more');
        return 'lost';
      }
      const how = replacementBy(record, facts, timer.physicalOffset);
      if (how === undefined) continue;
      if (!counted) this.#index.counts.add(facts.realTopic, -1);
      return how;
    }
    return undefined;
  }

  #onDelivered({ realTopic, dueMs }: TimerFacts, nowMs: number): void {
    const statistics = this.#statistics;
    statistics.delivered += 1;
    statistics.lastLatenessMs = nowMs - dueMs;
    statistics.maxLatenessMs = Math.max(statistics.maxLatenessMs, nowMs - dueMs);
    this.#index.counts.add(realTopic, -1);
  }

  #lose(timer: DueTimer, reason: string): void {
    timer.isDone = true;
    this.#statistics.lost += 1;
    this.#context.logger.error(
      `A timer message can not be delivered, ${reason}: commit log offset ${timer.physicalOffset}, due at ${timer.dueMs}.`,
    );
  }

  #damage(physicalOffset: number, reason: string): StoreCorruptError {
    return new StoreCorruptError({ file: this.#index.log.directory, offset: physicalOffset, reason });
  }
}

/** What may take a timer's place. */
interface Replacing {
  /** Of the recall that is under way. */
  readonly outcome: Promise<boolean> | undefined;
  /** Recalls in the slot whose key has the same hash. */
  readonly deletions: readonly Deletion[] | undefined;
}

interface Handover {
  readonly draft: RecordDraft;
  readonly onStored: () => void;
}

function* groupsOf(timers: readonly DueTimer[]): Generator<DueTimer[]> {
  let group: DueTimer[] = [];
  let bytes = 0;
  for (const timer of timers) {
    if (timer.isDone) continue;
    if (group.length === GROUP_TIMERS || (group.length > 0 && bytes + timer.sizeBytes > GROUP_BYTES)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(timer);
    bytes += timer.sizeBytes;
  }
  if (group.length > 0) yield group;
}

/** Appends that are under way. */
class Appends {
  /** Bytes that have been added since the last {@link succeed}. */
  bytes = 0;
  #running: Promise<void>[] = [];
  readonly #failures: unknown[] = [];

  add(append: Promise<void>, sizeBytes: number): void {
    this.bytes += sizeBytes;
    // The failure is taken at once: nobody may be waiting for it yet.
    this.#running.push(append.catch((error: unknown) => void this.#failures.push(error)));
  }

  /** Resolves when all have ended. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    this.#running = [];
    this.bytes = 0;
  }

  /** The same, but rejects with the first failure. */
  async succeed(): Promise<void> {
    await this.end();
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** True for an error that says that the index is damaged, and not the log. */
export function isIndexDamage(error: unknown, index: TimerIndex): boolean {
  return error instanceof StoreCorruptError && error.fields.file.startsWith(index.log.directory);
}
