import type { Activity, Clock, EngineLogger, MessageStore, TimerHandle } from '../../types/index.js';
import { writeTimerCheckpoint } from './timer-checkpoint.js';
import type { TimerIndex } from './timer-index.js';
import { slotOf, slotStartMs } from './timer-time.js';

/** Looking for timer log files that are not needed means reading through the wheel. */
const TRIM_INTERVAL_MS = 60_000;

interface CheckpointEnvironment {
  readonly store: Pick<MessageStore, 'syncWritten'>;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

/**
 * Brings the index to the disk now and then, in the order that makes each part rest on what is there: units, then the slots that point at them, then the
 * counts, then the checkpoint that says so.
 */
export class IndexCheckpoints {
  readonly #index: TimerIndex;
  readonly #intervalMs: number;
  readonly #environment: CheckpointEnvironment;
  #generation: number;
  #isDirty = false;
  #isHeld = false;
  #hasFailed = false;
  #timer: TimerHandle | undefined;
  #running: Promise<void> = Promise.resolve();
  #trimmedMs: number;
  #isClosed = false;

  constructor(index: TimerIndex, generation: number, intervalMs: number, environment: CheckpointEnvironment) {
    this.#index = index;
    this.#generation = generation;
    this.#intervalMs = intervalMs;
    this.#environment = environment;
    this.#trimmedMs = environment.clock.monotonicMs();
    index.onChange = () => this.markDirty();
  }

  /** Says that the index has changed: a checkpoint follows within the interval. */
  markDirty(): void {
    this.#isDirty = true;
    if (this.#isClosed || this.#isHeld) return;
    this.#timer ??= this.#environment.clock.setTimer(() => {
      this.#timer = undefined;
      this.#run();
    }, this.#intervalMs);
  }

  /** No checkpoint until {@link release}: half a rebuild must not pass for an index. Resolves when none is under way. */
  hold(): Promise<void> {
    this.#isHeld = true;
    return this.#running;
  }

  release(): void {
    this.#isHeld = false;
    if (this.#isDirty) this.markDirty();
  }

  /** Writes a last checkpoint. One that is held back is not written: the next start goes by the one before. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#write();
  }

  #run(): void {
    const end = this.#environment.activity.begin();
    this.#running = this.#running
      .then(() => this.#write())
      .then(
        () => {
          this.#hasFailed = false;
        },
        (error: unknown) => {
          if (!this.#hasFailed) {
            this.#environment.logger.error(
              `The timer index could not be written, it is tried again until it succeeds: ${String(error)}`,
            );
          }
          this.#hasFailed = true;
          this.markDirty();
        },
      )
      .finally(end);
  }

  async #write(): Promise<void> {
    if (!this.#isDirty || this.#isHeld) return;
    const trimPosition = await this.#trimPosition();
    if (!this.#isDirty || this.#isHeld) return;
    const { wheel, log, counts, fileSystem, checkpointPath } = this.#index;
    const nowMs = this.#environment.clock.now();
    // All of one moment: from here to the first await.
    this.#isDirty = false;
    const checkpoint = this.#checkpoint(nowMs);
    const pendingCounts = counts.copy();
    const pages = wheel.takeDirty();
    try {
      // Else a power cut would take the copies of messages that were handed on, and leave word that they were.
      await this.#environment.store.syncWritten();
      await log.sync();
      await wheel.write(pages);
      const onCheckpoint = await counts.write(checkpoint.generation, pendingCounts, nowMs);
      await writeTimerCheckpoint(fileSystem, checkpointPath, checkpoint, nowMs);
      onCheckpoint();
      this.#generation = checkpoint.generation;
    } catch (error) {
      wheel.giveBack(pages);
      this.#isDirty = true;
      throw error;
    }
    await log.removeBefore(trimPosition);
  }

  #checkpoint(nowMs: number) {
    const index = this.#index;
    const readSlot = Math.min(slotOf(nowMs), index.firstSlot() ?? Infinity);
    return {
      readMs: slotStartMs(readSlot),
      logPosition: index.log.endPosition,
      queueOffset: index.queueOffset,
      generation: this.#generation + 1,
      own: {
        done: index.doneUpTo(nowMs),
        lastSlotSec: index.lastSlot,
        rollWindowMs: index.rollWindowMs,
        partSlots: index.partSlots(),
      },
    };
  }

  /** Found before the checkpoint is taken: a slot of the checkpoint on the disk may point at units that are given up by now. */
  async #trimPosition(): Promise<number> {
    const { log, wheel } = this.#index;
    const nowMs = this.#environment.clock.monotonicMs();
    if (!log.hasOldFiles || nowMs - this.#trimmedMs < TRIM_INTERVAL_MS) return 0;
    this.#trimmedMs = nowMs;
    const endPosition = log.endPosition;
    const first = this.#index.firstSlot();
    if (first === undefined) return endPosition;
    const oldest = await wheel.oldestUnit(first, this.#index.lastSlot);
    return Math.min(endPosition, oldest?.position ?? 0);
  }
}
