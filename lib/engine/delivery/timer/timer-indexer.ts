import { StoreClosedError, StoreCorruptError } from '../../../errors/index.js';
import { javaStringHash, retryDelayMs } from '../../store/index.js';
import {
  TIMER_TOPIC,
  type PullBatch,
  type ServiceContext,
  type StoredRecord,
  type TimerHandle,
} from '../../types/index.js';
import type { Rebuild } from './index-opening.js';
import type { TimerDispatcher } from './timer-dispatcher.js';
import type { TimerIndex, TimerPlace } from './timer-index.js';
import { keyHash } from './timer-key.js';
import { timerFacts, type TimerFacts } from './timer-message.js';
import type { MutableTimerStatistics } from './timer-statistics.js';
import { lookTimeMs, possibleSlots, slotOf } from './timer-time.js';
import { UnitMagic, type TimerUnit } from './timer-unit.js';

/** Records of one step: a short piece of work for the event loop. */
const BATCH_RECORDS = 256;
const BATCH_BYTES = 1024 * 1024;
/** Units that are gathered in memory before somebody has to write them. */
const MAX_UNWRITTEN_BYTES = 1024 * 1024;

/** A record of the timer topic with its places in the wheel: one, or several for a recall. */
interface Entry {
  readonly record: StoredRecord;
  readonly facts: TimerFacts;
  readonly lookMs: number;
}

/** Follows the timer topic and puts its records into the index. */
export class TimerIndexer {
  readonly #context: ServiceContext;
  readonly #index: TimerIndex;
  readonly #dispatcher: TimerDispatcher;
  readonly #statistics: MutableTimerStatistics;
  #rebuild: Rebuild | undefined;
  /** Records before this offset were in the timer topic when {@link #rebuild} began. */
  #foundOffset = 0;
  #waiters: { readonly offset: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #run: Promise<void> | undefined;
  #wakeDeferred = false;
  #wakeAgain = false;
  #retryTimer: TimerHandle | undefined;
  #isEnabled = false;
  #isClosed = false;
  /** Failures since the last success. */
  #failures = 0;
  /** 1 after a pull met a record that can't be read, to find out which one it is. */
  #batchRecords = BATCH_RECORDS;

  constructor(
    context: ServiceContext,
    index: TimerIndex,
    dispatcher: TimerDispatcher,
    statistics: MutableTimerStatistics,
  ) {
    this.#context = context;
    this.#index = index;
    this.#dispatcher = dispatcher;
    this.#statistics = statistics;
  }

  /** Goes on at the index's queue offset. @param rebuild says which records are done, when the index is made again */
  start(rebuild: Rebuild | undefined): void {
    this.#rebuild = rebuild;
    this.#foundOffset = rebuild === undefined ? 0 : this.#context.store.queueRange(TIMER_TOPIC, 0).maxOffset;
    this.#failures = 0;
    this.#isEnabled = true;
    this.wake();
  }

  /** Resolves when nothing is under way. Whoever waits for an offset goes on waiting. */
  async stop(): Promise<void> {
    this.#isEnabled = false;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    await this.#run;
  }

  /** To be called at every arrival. */
  wake(): void {
    this.#wakeAgain = true;
    if (!this.#isEnabled || this.#wakeDeferred || this.#run !== undefined || this.#failures > 0) return;
    this.#wakeDeferred = true;
    const end = this.#context.activity.begin();
    this.#context.clock.defer(() => {
      this.#wakeDeferred = false;
      this.#startRun();
      end();
    });
  }

  /** Stops for good: whoever waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.stop();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) {
      reject(new StoreClosedError({ operation: 'wait for the timer index', state: 'closing' }));
    }
  }

  /**
   * Resolves when all records of the timer topic before `queueOffset` are in the index.
   *
   * @throws StoreClosedError the broker closes before that
   */
  whenIndexed(queueOffset: number): Promise<void> {
    if (this.#index.queueOffset >= queueOffset) return Promise.resolve();
    if (this.#isClosed) {
      return Promise.reject(new StoreClosedError({ operation: 'wait for the timer index', state: 'closing' }));
    }
    return new Promise((resolve, reject) => this.#waiters.push({ offset: queueOffset, resolve, reject }));
  }

  #startRun(): void {
    if (!this.#isEnabled || this.#run !== undefined) return;
    const end = this.#context.activity.begin();
    this.#wakeAgain = false;
    this.#run = this.#indexAll()
      .then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => this.#backOff(error),
      )
      .finally(() => {
        this.#run = undefined;
        if (this.#wakeAgain) this.wake();
        end();
      });
  }

  async #indexAll(): Promise<void> {
    while (this.#isEnabled) {
      const batch = await this.#pull();
      if (batch === undefined) continue;
      if (batch.nextOffset <= this.#index.queueOffset) return;
      if (!(await this.#indexBatch(batch))) return;
      this.#tellWaiters();
      this.#dispatcher.wake();
      // What is in memory comes without a turn of the event loop; the application gets one here.
      await new Promise<void>((resolve) => this.#context.clock.defer(resolve));
    }
  }

  /** Undefined: a record that can not be read has been found out, or passed over. */
  async #pull(): Promise<PullBatch | undefined> {
    const offset = this.#index.queueOffset;
    try {
      const batch = await this.#context.store.pull({
        topic: TIMER_TOPIC,
        queueId: 0,
        offset,
        maxCount: this.#batchRecords,
        maxBytes: BATCH_BYTES,
      });
      this.#batchRecords = BATCH_RECORDS;
      return batch;
    } catch (error) {
      if (!(error instanceof StoreCorruptError)) throw error;
      if (this.#batchRecords > 1) {
        this.#batchRecords = 1;
        return undefined;
      }
      this.#batchRecords = BATCH_RECORDS;
      this.#lose(`queue offset ${offset}`, error.message);
      this.#index.queueOffset = offset + 1;
      return undefined;
    }
  }

  /** @returns false when the wheel has no room for the next record: the dispatcher's progress makes some, and then wakes us */
  async #indexBatch({ messages, nextOffset }: PullBatch): Promise<boolean> {
    if (this.#index.log.unwrittenBytes > MAX_UNWRITTEN_BYTES) await this.#index.log.write();
    const nowMs = this.#context.clock.now();
    const entries = messages.flatMap((record) => this.#read(record, nowMs) ?? []);
    const slots = (): number[] => entries.flatMap((entry) => this.#slotsOf(entry, nowMs));
    while (!this.#index.isResident(slots())) await this.#index.load(slots());
    // From here to the end nothing is awaited: a checkpoint sees the units of a record and the offset behind it, or neither.
    const { log } = this.#index;
    let lastWithUnit: StoredRecord | undefined;
    for (const entry of entries) {
      const position = log.endPosition;
      if (!this.#add(entry, nowMs)) {
        this.#index.queueOffset = entry.record.queueOffset;
        return false;
      }
      if (log.endPosition > position) lastWithUnit = entry.record;
    }
    const last = messages.at(-1);
    if (this.#endsRebuild(nextOffset) && last !== undefined && last !== lastWithUnit) this.#index.mark(last, nowMs);
    this.#index.queueOffset = nextOffset;
    return true;
  }

  #endsRebuild(nextOffset: number): boolean {
    return this.#index.queueOffset < this.#foundOffset && nextOffset >= this.#foundOffset;
  }

  #read(record: StoredRecord, nowMs: number): Entry | undefined {
    const facts = timerFacts(record);
    if (facts === undefined) {
      this.#lose(`queue offset ${record.queueOffset}, msgId ${record.msgId}`, 'it has no time or no topic to go to');
      return undefined;
    }
    // A clock that was ahead when the record was stored must not send it further than the wheel reaches.
    const lookMs = lookTimeMs(facts.dueMs, Math.min(record.storeTimestamp, nowMs), this.#index.rollWindowMs);
    return { record, facts, lookMs };
  }

  /** Slots that have to be resident before the entry can be added. The timer's place may still change to a slot that is. */
  #slotsOf(entry: Entry, nowMs: number): number[] {
    if (entry.facts.deleteKey !== undefined) return this.#slotsOfRecall(entry, nowMs);
    const places = [slotOf(entry.lookMs), this.#index.placeOf(entry.lookMs).slotSec];
    return this.#hasEarlierCopies(entry) ? [...places, ...this.#slotsOfRecall(entry, nowMs)] : places;
  }

  /**
   * Of a message that was put back, all copies are in the timer topic. Whoever puts them back knows which is the last one; where the index is made again, because a real
   * broker did it or with another window, all those come into the wheel that are not due yet. The last one has to take the place of the others then.
   */
  #hasEarlierCopies({ record, facts }: Entry): boolean {
    return facts.rollTimes > 0 && record.queueOffset < this.#foundOffset;
  }

  /**
   * The filled slots in which the message can be that is recalled. Its record comes before the recall's, so it is in one of them, unless it is on its way out
   * of the wheel: then the dispatcher has asked for recalls, or its next record comes before this one as well.
   */
  #slotsOfRecall({ record, facts }: Entry, nowMs: number): number[] {
    const storedMs = Math.min(record.storeTimestamp, nowMs);
    const { wheel, lowestSlot, rollWindowMs } = this.#index;
    const slots = possibleSlots(facts.dueMs, this.#index.doneUpTo(nowMs).lookMs, storedMs, rollWindowMs);
    if (lowestSlot > 0 && !slots.includes(lowestSlot)) slots.push(lowestSlot);
    return slots.filter((slotSec) => wheel.has(slotSec));
  }

  /** @returns false when there is no room in the wheel */
  #add(entry: Entry, nowMs: number): boolean {
    if (entry.facts.deleteKey === undefined) return this.#addTimer(entry, nowMs);
    this.#addRecall(entry, nowMs);
    return true;
  }

  #addTimer(entry: Entry, nowMs: number): boolean {
    const { record, facts, lookMs } = entry;
    const { commitLogOffset: physicalOffset, storeSize: sizeBytes, queueOffset } = record;
    const rebuild = this.#rebuild;
    const wasIndexed = rebuild !== undefined && queueOffset < rebuild.untilOffset;
    if (wasIndexed && rebuild.isDone(facts.dueMs, record.storeTimestamp, physicalOffset)) return true;
    if (this.#hasEarlierCopies(entry)) this.#addDeletions(entry, nowMs, false);
    const place = this.#index.placeOf(lookMs);
    if (!this.#index.hasRoomFor(place)) return false;
    const magic = lookMs < facts.dueMs ? UnitMagic.DEFAULT | UnitMagic.ROLL : UnitMagic.DEFAULT;
    this.#index.add(unitOf(record, facts, place, magic, false), nowMs);
    this.#index.onPending(lookMs, physicalOffset);
    this.#dispatcher.onAdded(place, physicalOffset, sizeBytes);
    // One that was put back is counted already, except where the counts are made again.
    if (wasIndexed || facts.rollTimes === 0) this.#index.counts.add(facts.realTopic, 1);
    this.#statistics.enqueued += 1;
    return true;
  }

  #addRecall(entry: Entry, nowMs: number): void {
    const { record, facts } = entry;
    // In a rebuild nobody knows whether the message is still there: it is counted down when it is met.
    const counted = this.#rebuild === undefined || record.queueOffset >= this.#rebuild.untilOffset;
    this.#addDeletions(entry, nowMs, counted);
    if (counted) this.#index.counts.add(facts.realTopic, -1);
  }

  /** Takes the message, as it came before this record, out of the slots in which it can be. */
  #addDeletions(entry: Entry, nowMs: number, counted: boolean): void {
    const { record, facts } = entry;
    const deletion = { physicalOffset: record.commitLogOffset, counted };
    for (const slotSec of this.#slotsOfRecall(entry, nowMs)) {
      const unit = unitOf(record, facts, { slotSec, msInSlot: 1 }, UnitMagic.DEFAULT | UnitMagic.DELETE, counted);
      this.#index.add(unit, nowMs);
      this.#dispatcher.onDeletionAdded(slotSec, unit.keyHash, deletion);
    }
  }

  #tellWaiters(): void {
    if (this.#waiters.length === 0) return;
    const { queueOffset } = this.#index;
    const ready = this.#waiters.filter(({ offset }) => offset <= queueOffset);
    this.#waiters = this.#waiters.filter(({ offset }) => offset > queueOffset);
    for (const { resolve } of ready) resolve();
  }

  #lose(what: string, reason: string): void {
    this.#statistics.lost += 1;
    this.#context.logger.error(`A record of the timer topic is left where it is, ${reason}: ${what}.`);
  }

  #backOff(error: unknown): void {
    if (this.#failures === 0) {
      this.#context.logger.error(
        `Timer messages could not be put into their index; it is tried again until it succeeds: ${String(error)}`,
      );
    }
    const retryMs = retryDelayMs(this.#failures);
    this.#failures += 1;
    if (!this.#isEnabled) return;
    this.#retryTimer = this.#context.clock.setTimer(() => this.#startRun(), retryMs);
  }
}

function unitOf(
  record: StoredRecord,
  facts: TimerFacts,
  place: TimerPlace,
  magic: number,
  counted: boolean,
): TimerUnit {
  // Field by field: a spread here costs more than all the rest of indexing.
  return {
    slotSec: place.slotSec,
    msInSlot: place.msInSlot,
    magic,
    physicalOffset: record.commitLogOffset,
    sizeBytes: record.storeSize,
    topicHash: javaStringHash(facts.realTopic),
    keyHash: keyHash(facts.deleteKey ?? facts.key ?? ''),
    counted,
  };
}
