import { StoreClosedError } from '../../../errors/index.js';
import { retryDelayMs } from '../../store/index.js';
import { TIMER_TOPIC, type RecordDraft, type ServiceContext, type TimerHandle } from '../../types/index.js';
import { IndexCheckpoints } from './index-checkpoints.js';
import { openIndex, ownRebuild, type Rebuild } from './index-opening.js';
import type { PendingTimers } from './pending-counts.js';
import { recallHandleOf } from './recall-handle.js';
import { isIndexDamage, TimerDelivery } from './timer-delivery.js';
import { TimerDispatcher } from './timer-dispatcher.js';
import { TimerIndex, type TimerFiles } from './timer-index.js';
import { TimerIndexer } from './timer-indexer.js';
import { listPending, type PendingTimer } from './timer-listing.js';
import { toTimer } from './timer-message.js';
import { checkDeliverTime, checkTimerOptions, DEFAULT_TIMER_OPTIONS, type TimerOptions } from './timer-options.js';
import { TimerRecalls } from './timer-recalls.js';
import { newTimerStatistics, type TimerStatistics } from './timer-statistics.js';
import { slotOf } from './timer-time.js';

const TIMER_QUEUES = 1;
/** While the index catches up, what is overdue by more than a day counts as overdue by a day. */
const MOST_OVERDUE_SLOTS = 86_400;

/**
 * Delivers messages at a time of their own (RocketMQ: `TimerMessageStore`), to the millisecond and never before it. They wait in the timer topic; an index on the disk
 * says which of them come next, so that memory holds those of a second or two.
 */
export class TimerService {
  readonly #context: ServiceContext;
  readonly #options: TimerOptions;
  readonly #index: TimerIndex;
  readonly #recalls: TimerRecalls;
  readonly #delivery: TimerDelivery;
  readonly #dispatcher: TimerDispatcher;
  readonly #indexer: TimerIndexer;
  readonly #statistics = newTimerStatistics();
  #checkpoints: IndexCheckpoints | undefined;
  #stopListening: (() => void) | undefined;
  /** The index is being made, or is catching up with the timer topic. */
  #catchingUp: Promise<void> | undefined;
  #state: 'not started' | 'running' | 'closing' = 'not started';
  #closing: Promise<void> | undefined;
  #pauseTimer: TimerHandle | undefined;
  #endPause: () => void = () => undefined;

  /** @throws InvalidOptionError */
  constructor(context: ServiceContext, files: TimerFiles, options: Partial<TimerOptions> = {}) {
    this.#context = context;
    this.#options = { ...DEFAULT_TIMER_OPTIONS, ...options };
    checkTimerOptions(this.#options);
    this.#index = new TimerIndex(files, this.#options);
    this.#recalls = new TimerRecalls(context, this.#index);
    this.#delivery = new TimerDelivery(context, this.#index, this.#recalls, this.#statistics);
    const { maxLoadedTimersPerSecond } = this.#options;
    this.#dispatcher = new TimerDispatcher(
      context,
      this.#index,
      this.#delivery,
      this.#statistics,
      maxLoadedTimersPerSecond,
      { onError: (error) => this.#onError(error), onSlotRemoved: () => this.#onSlotRemoved() },
    );
    this.#indexer = new TimerIndexer(context, this.#index, this.#dispatcher, this.#statistics);
    this.#recalls.indexer = this.#indexer;
  }

  /**
   * Takes up the timers where they were left; what became due meanwhile is delivered at once. Resolves when the index is open: if it has to be made again, that
   * goes on in the background, and deliveries begin after it.
   */
  async start(): Promise<void> {
    const { topics, store, clock, logger } = this.#context;
    await topics.ensure(TIMER_TOPIC, TIMER_QUEUES);
    const range = store.queueRange(TIMER_TOPIC, 0);
    const { generation, rebuild } = await openIndex(this.#index, range, clock.now());
    this.#checkpoints = new IndexCheckpoints(
      this.#index,
      generation,
      this.#options.timerFlushIntervalMs,
      this.#context,
    );
    await this.#checkpoints.hold();
    if (rebuild !== undefined) {
      await this.#clearIndex(rebuild);
      if (range.maxOffset > 0) {
        logger.warn(`The timer index is made again from the log: ${rebuild.reason}`);
        this.#checkpoints.markDirty();
      }
    }
    this.#state = 'running';
    this.#stopListening = store.onArrival(TIMER_TOPIC, () => this.#indexer.wake());
    this.#catchUp(rebuild);
  }

  /** Resolves when what is under way has been delivered and the index is on disk. Waiting messages stay in the store. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Checks a time of delivery as {@link schedule} does.
   *
   * @param deliverAtMs epoch milliseconds
   * @throws MessageIllegalError, TimerDelayTooLongError
   */
  checkTime(deliverAtMs: number): void {
    checkDeliverTime(deliverAtMs, this.#context.clock.now(), this.#options.timerMaxDelayMs);
  }

  /**
   * The draft to store instead of this one, so that it is delivered at `deliverAtMs`. The same draft if that time has come.
   *
   * @param deliverAtMs epoch milliseconds
   * @throws MessageIllegalError, TimerDelayTooLongError
   */
  schedule(draft: RecordDraft, deliverAtMs: number): RecordDraft {
    this.checkTime(deliverAtMs);
    return deliverAtMs <= this.#context.clock.now() ? draft : toTimer(draft, deliverAtMs);
  }

  /** The handle that takes back the message of a draft that {@link schedule} gave; undefined if it does not wait, or goes to a retry topic. */
  recallHandle(draft: RecordDraft): string | undefined {
    return recallHandleOf(draft, this.#context.brokerName);
  }

  /**
   * Takes a delayed message back. Resolves with its msgId when that is on disk: it is never delivered then.
   *
   * @throws RecallTooLateError the message is due, or was delivered
   * @throws AlreadyRecalledError
   * @throws RecallHandleIllegalError it is no handle, or no waiting message of the topic belongs to it
   */
  async recall(topic: string, handle: string): Promise<string> {
    this.#checkRunning('recall a message');
    return this.#withSoundIndex(() => this.#recalls.recall(topic, handle));
  }

  /**
   * The messages that are due next, earliest first. Those that are due later than half a roll window (a day by default) come after the rest, and not
   * necessarily all of them.
   */
  async next(maxCount: number): Promise<readonly PendingTimer[]> {
    this.#checkRunning('list timers');
    return this.#withSoundIndex(() => listPending(this.#context, this.#index, maxCount));
  }

  /** Messages that wait, in total and by the topic that they go to. */
  get pending(): PendingTimers {
    return this.#index.counts.pending;
  }

  /** Where the log may not be cut off: no pending message's record lies before this offset. Undefined: none is pending. */
  async oldestPending(): Promise<number | undefined> {
    const { store } = this.#context;
    const [notIndexed] = await store.entries(TIMER_TOPIC, 0, this.#index.queueOffset, 1);
    const indexed = await this.#index.oldestRecord();
    if (this.#catchingUp === undefined) return indexed ?? notIndexed?.physicalOffset;
    // An index that is being made again knows of none for a moment.
    const [first] = await store.entries(TIMER_TOPIC, 0, store.queueRange(TIMER_TOPIC, 0).minOffset, 1);
    return first?.physicalOffset;
  }

  get statistics(): TimerStatistics {
    return { ...this.#statistics };
  }

  /** Messages of the timer topic that are not in the index yet. */
  get indexLag(): number {
    return this.#context.store.queueRange(TIMER_TOPIC, 0).maxOffset - this.#index.queueOffset;
  }

  /** An index that turns out to be damaged is made again before the second attempt. */
  async #withSoundIndex<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (!isIndexDamage(error, this.#index)) throw error;
      this.#onError(error);
      await this.#catchingUp;
      return work();
    }
  }

  async #close(): Promise<void> {
    if (this.#state === 'not started') return;
    this.#state = 'closing';
    this.#stopListening?.();
    this.#pauseTimer?.cancel();
    this.#endPause();
    await this.#indexer.close();
    await this.#dispatcher.stop();
    await this.#catchingUp;
    try {
      await this.#checkpoints?.close();
    } catch (error) {
      // Everything is in the log: the next start goes by the checkpoint before, or makes the index again.
      this.#context.logger.warn(`The timer index could not be written at the end: ${String(error)}`);
    }
    await this.#index.close();
  }

  /** Deliveries begin when all that is in the timer topic now is in the index: among it may be recalls of what is due. */
  #catchUp(rebuild: Rebuild | undefined): void {
    const { store, clock, activity } = this.#context;
    const end = activity.begin();
    this.#index.lowestSlot = slotOf(clock.now()) - MOST_OVERDUE_SLOTS;
    this.#delivery.isIndexFresh = rebuild !== undefined;
    this.#indexer.start(rebuild);
    this.#catchingUp = this.#indexer
      .whenIndexed(store.queueRange(TIMER_TOPIC, 0).maxOffset)
      .then(
        () => {
          this.#index.lowestSlot = -Infinity;
          this.#checkpoints?.release();
          this.#settleCounts();
          this.#dispatcher.start();
        },
        // Closed before that: the next start goes by the last checkpoint.
        () => undefined,
      )
      .finally(() => {
        this.#catchingUp = undefined;
        end();
      });
  }

  #onSlotRemoved(): void {
    this.#settleCounts();
    // The wheel may have had no room for the next timer.
    this.#indexer.wake();
  }

  /** After a crash the counts can be too high by what was delivered just before it. Where no timer is, none is pending. */
  #settleCounts(): void {
    if (this.#index.firstSlot() === undefined && this.indexLag === 0) this.#index.counts.clear();
  }

  #onError(error: unknown): void {
    if (!isIndexDamage(error, this.#index) || this.#catchingUp !== undefined || this.#state !== 'running') return;
    this.#context.logger.warn(`The timer index is damaged and is made again from the log: ${String(error)}`);
    this.#catchingUp = this.#rebuild(String(error));
  }

  /** Until it succeeds the timer topic is what says which timers wait. */
  async #rebuild(reason: string): Promise<void> {
    const { clock } = this.#context;
    await Promise.all([this.#indexer.stop(), this.#dispatcher.stop(), this.#checkpoints?.hold()]);
    const { queueOffset, rollWindowMs } = this.#index;
    const rebuild = ownRebuild(reason, queueOffset, this.#index.doneUpTo(clock.now()), rollWindowMs);
    for (let failures = 0; !(await this.#isCleared(rebuild, failures)); failures++) {
      await this.#pause(retryDelayMs(failures));
      if (this.#state !== 'running') return;
    }
    this.#checkpoints?.markDirty();
    if (this.#state === 'running') this.#catchUp(rebuild);
  }

  async #isCleared(rebuild: Rebuild, failures: number): Promise<boolean> {
    try {
      await this.#clearIndex(rebuild);
      return true;
    } catch (error) {
      if (failures === 0) {
        const { logger } = this.#context;
        logger.error(`The timer index could not be cleared, it is tried again until it succeeds: ${String(error)}`);
      }
      return false;
    }
  }

  /** Ends at the close, too. */
  async #pause(durationMs: number): Promise<void> {
    if (this.#state !== 'running') return;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      this.#pauseTimer = this.#context.clock.setTimer(resolve, durationMs);
    });
  }

  async #clearIndex({ done }: Rebuild): Promise<void> {
    this.#dispatcher.clear();
    await this.#index.clear();
    if (done !== undefined) this.#index.restoreDone(done);
    this.#index.queueOffset = this.#context.store.queueRange(TIMER_TOPIC, 0).minOffset;
  }

  #checkRunning(operation: string): void {
    if (this.#state !== 'running') throw new StoreClosedError({ operation, state: this.#state });
  }
}
