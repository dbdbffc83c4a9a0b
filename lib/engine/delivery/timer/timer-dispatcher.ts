import { retryDelayMs } from '../../store/index.js';
import type { ServiceContext, TimerHandle } from '../../types/index.js';
import { LoadedSlot, type Deletion, type DueTimer } from './loaded-slot.js';
import { readSlot } from './slot-reader.js';
import type { TimerDelivery } from './timer-delivery.js';
import type { TimerIndex, TimerPlace } from './timer-index.js';
import type { MutableTimerStatistics } from './timer-statistics.js';
import { slotStartMs } from './timer-time.js';

/** Messages that are handed on together: enough to share a sync of the log, few enough to be a short piece of work. */
const BATCH_TIMERS = 512;
/** With this many timers in memory no further slot is read. */
const ENOUGH_LOADED_TIMERS = 8 * BATCH_TIMERS;
/** A slot is read so long before its first timer can be due. */
const LOAD_AHEAD_MS = 500;
/** After a standstill many slots are overdue, with few timers each: so many are read at once. */
const SLOTS_PER_LOAD = 64;
/** Timers run on a clock that stands still while a machine sleeps: so the time of day is looked at once a minute. */
const MAX_SLEEP_MS = 60_000;

/** Told of what concerns others. */
export interface DispatchListener {
  /** Something failed. The listener may {@link TimerDispatcher.stop} the dispatcher; if it does not, the work is tried again. */
  onError(error: unknown): void;
  /** The wheel has one slot less. */
  onSlotRemoved(): void;
}

/**
 * Waits for the next timer that is due, and has all that are due delivered: slot by slot, and within a slot millisecond by millisecond. One clock timer is set, for
 * the next thing to do.
 */
export class TimerDispatcher {
  readonly #context: ServiceContext;
  readonly #index: TimerIndex;
  readonly #delivery: TimerDelivery;
  readonly #statistics: MutableTimerStatistics;
  readonly #maxTimersPerSlot: number;
  readonly #listener: DispatchListener;
  readonly #loaded = new Map<number, LoadedSlot>();
  /** Taken out of their slots and not all delivered. They come before everything else. */
  #unfinished: readonly DueTimer[] = [];
  #timer: TimerHandle | undefined;
  #timerDueMs = Infinity;
  /** Set while work is done; there is one run at a time. */
  #run: Promise<void> | undefined;
  #isEnabled = false;
  /** Failures since the last success. */
  #failures = 0;

  constructor(
    context: ServiceContext,
    index: TimerIndex,
    delivery: TimerDelivery,
    statistics: MutableTimerStatistics,
    maxTimersPerSlot: number,
    listener: DispatchListener,
  ) {
    this.#context = context;
    this.#index = index;
    this.#delivery = delivery;
    this.#statistics = statistics;
    this.#maxTimersPerSlot = maxTimersPerSlot;
    this.#listener = listener;
  }

  /** Delivers from now on. Before that, everything is to be in the index, or a message could be delivered whose recall is not. */
  start(): void {
    this.#failures = 0;
    this.#isEnabled = true;
    this.wake();
  }

  /** Delivers nothing more. Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#isEnabled = false;
    this.#cancelTimer();
    await this.#run;
  }

  /** Forgets what is in memory; to be called between {@link stop} and {@link start}, when the index is made again. */
  clear(): void {
    this.#loaded.clear();
    this.#unfinished = [];
  }

  /** A timer has been put into the index. {@link wake} is to follow. */
  onAdded({ slotSec, msInSlot }: TimerPlace, physicalOffset: number, sizeBytes: number): void {
    const slot = this.#loaded.get(slotSec);
    if (slot === undefined) return;
    slot.add(msInSlot, physicalOffset, sizeBytes);
    this.#boundMemory(slot);
  }

  /** A recall has been put into a slot of the index. */
  onDeletionAdded(slotSec: number, keyHash: number, deletion: Deletion): void {
    const slot = this.#loaded.get(slotSec);
    if (slot === undefined) return;
    slot.addDeletion(keyHash, deletion);
    this.#boundMemory(slot);
  }

  /** Looks whether there is something to do earlier than was known. */
  wake(): void {
    if (!this.#isEnabled || this.#run !== undefined || this.#failures > 0) return;
    const nextMs = this.#nextWorkMs();
    if (nextMs <= this.#context.clock.now()) this.#startRun();
    else if (nextMs < this.#timerDueMs) this.#sleepUntil(nextMs);
  }

  #startRun(): void {
    if (!this.#isEnabled || this.#run !== undefined) return;
    this.#cancelTimer();
    const end = this.#context.activity.begin();
    this.#run = this.#work()
      .then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => this.#onFailed(error),
      )
      .finally(() => {
        this.#run = undefined;
        this.wake();
        end();
      });
  }

  #onFailed(error: unknown): void {
    this.#statistics.failures += 1;
    const firstLeft = this.#unfinished.findIndex(({ isDone }) => !isDone);
    if (firstLeft >= 0) this.#onDelivered(this.#unfinished.slice(0, firstLeft));
    this.#listener.onError(error);
    if (!this.#isEnabled) return;
    const retryMs = retryDelayMs(this.#failures);
    if (this.#failures === 0) {
      this.#context.logger.error(
        `Delivering timer messages failed; it is tried again until it succeeds: ${String(error)}`,
      );
    }
    this.#failures += 1;
    this.#sleepUntil(this.#context.clock.now() + retryMs);
  }

  /** Delivers everything that is due. */
  async #work(): Promise<void> {
    while (this.#isEnabled) {
      if (this.#unfinished.length === 0) {
        await this.#removeExhausted();
        await this.#load();
        this.#unfinished = this.#takeDue();
        if (this.#unfinished.length === 0 && this.#nextWorkMs() > this.#context.clock.now()) return;
      }
      await this.#delivery.deliver(this.#unfinished);
      this.#onDelivered(this.#unfinished);
      this.#unfinished = [];
    }
  }

  /** Timers of a slot are taken and delivered in order, so the last one of each stands for all before it. */
  #onDelivered(timers: readonly DueTimer[]): void {
    const last = new Map<number, DueTimer>();
    for (const timer of timers) last.set(timer.slot.slotSec, timer);
    for (const [slotSec, { dueMs, physicalOffset }] of last) {
      this.#index.onDelivered(slotSec, dueMs, physicalOffset);
    }
  }

  async #removeExhausted(): Promise<void> {
    for (const slot of this.#loaded.values()) {
      if (!slot.isExhausted) continue;
      while (!this.#index.isResident([slot.slotSec])) await this.#index.load([slot.slotSec]);
      // Something may have been added meanwhile.
      if (!slot.isExhausted) continue;
      this.#index.remove(slot.slotSec, this.#context.clock.now());
      this.#loaded.delete(slot.slotSec);
      this.#listener.onSlotRemoved();
    }
  }

  /** Reads slots whose time comes, the first ones first, until there is enough to do. */
  async #load(): Promise<void> {
    const untilMs = this.#context.clock.now() + LOAD_AHEAD_MS;
    const slots: number[] = [];
    for (const slotSec of this.#slotsToLoad()) {
      if (slotStartMs(slotSec) > untilMs || slots.length === SLOTS_PER_LOAD) break;
      slots.push(slotSec);
    }
    await Promise.all(slots.map((slotSec) => this.#loadSlot(slotSec)));
  }

  /** Slots that are to be read next, in order; none while those in memory are enough, or come before others that are only on disk. */
  *#slotsToLoad(): Generator<number> {
    let timers = 0;
    for (let slotSec = this.#index.firstSlot(); slotSec !== undefined; slotSec = this.#index.nextSlot(slotSec + 1)) {
      const slot = this.#loaded.get(slotSec);
      if (slot === undefined || slot.needsMore) yield slotSec;
      else timers += slot.count;
      if (slot?.hasMore || timers >= ENOUGH_LOADED_TIMERS) return;
    }
  }

  async #loadSlot(slotSec: number): Promise<void> {
    while (!this.#index.isResident([slotSec])) await this.#index.load([slotSec]);
    const chain = { slotSec, lastPosition: this.#index.wheel.get(slotSec)?.lastPosition ?? -1 };
    const progress = this.#index.deliveredOf(slotSec);
    const after = progress && {
      msInSlot: progress.dueMs - slotStartMs(slotSec),
      physicalOffset: progress.physicalOffset,
    };
    // In the same step as the look at the chain: what comes now is added to the slot itself.
    const slot = new LoadedSlot(slotSec);
    this.#loaded.set(slotSec, slot);
    try {
      slot.fill(await readSlot(this.#index.log, chain, after, this.#maxTimersPerSlot));
    } catch (error) {
      if (this.#loaded.get(slotSec) === slot) this.#loaded.delete(slotSec);
      throw error;
    }
  }

  #takeDue(): DueTimer[] {
    const nowMs = this.#context.clock.now();
    const due: DueTimer[] = [];
    for (const slot of this.#inOrder()) {
      if (slot.startMs >= nowMs || due.length >= BATCH_TIMERS) break;
      slot.takeDue(nowMs, due, BATCH_TIMERS);
      const last = due.at(-1);
      if (last?.slot === slot) this.#index.onTaken(slot.slotSec, last.dueMs - slot.startMs);
      if (slot.hasMore) break;
    }
    return due;
  }

  /** When there is something to deliver, to read or to put away. Infinity when nothing waits. */
  #nextWorkMs(): number {
    if (this.#unfinished.length > 0) return -Infinity;
    let nextMs = Infinity;
    for (const slot of this.#inOrder()) {
      // A slot that is exhausted is to be removed now.
      if (!slot.needsMore) nextMs = Math.min(nextMs, slot.nextDueMs ?? -Infinity);
      if (slot.hasMore) break;
    }
    for (const slotSec of this.#slotsToLoad()) return Math.min(nextMs, slotStartMs(slotSec) - LOAD_AHEAD_MS);
    return nextMs;
  }

  #inOrder(): LoadedSlot[] {
    return [...this.#loaded.values()].toSorted((a, b) => a.slotSec - b.slotSec);
  }

  /**
   * A slot that grew too large in memory is read again in parts. What was taken out of it is remembered by the index; while not all of that is done, the slot stays, because
   * that is where recalls of it are found.
   */
  #boundMemory(slot: LoadedSlot): void {
    if (slot.count <= 2 * this.#maxTimersPerSlot || this.#unfinished.some((timer) => timer.slot === slot)) return;
    this.#loaded.delete(slot.slotSec);
  }

  #sleepUntil(timeMs: number): void {
    this.#cancelTimer();
    if (!this.#isEnabled || timeMs === Infinity) return;
    this.#timerDueMs = timeMs;
    const delayMs = Math.ceil(Math.min(Math.max(timeMs - this.#context.clock.now(), 1), MAX_SLEEP_MS));
    this.#timer = this.#context.clock.setTimer(() => this.#startRun(), delayMs);
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueMs = Infinity;
  }
}
