import type { Activity, Clock, EngineLogger, TimerHandle } from '../types/index.js';
import type { CheckpointService } from './checkpoint-service.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DiskLimits, DiskPressure, DiskWatch } from './disk-watch.js';
import { firstTimestampFrom, isDeletionHour } from './expiry.js';
import type { KeyIndex } from './key-index.js';
import type { SegmentFiles } from './segment-files.js';

const HOUR_MS = 3_600_000;
/** A record that is still needed keeps its file so many times the reserved time, and no longer: else one forgotten transaction would keep the log for ever. */
const MOST_HELD_TIMES = 2;

/** What is kept of a store, and for how long. Names and defaults are RocketMQ's, where it has them. */
export interface RetentionOptions extends DiskLimits {
  /** A file of the log goes when its last record is so old. RocketMQ: `fileReservedTime`. */
  readonly fileReservedTimeHours: number;
  /** Hours of the day in which expired files go, such as `04` or `02;04`; empty: at any hour. */
  readonly deleteWhen: string;
  /** How often files and disk are looked at. RocketMQ: `cleanResourceInterval`. */
  readonly cleanResourceIntervalMs: number;
  /** Files that go in one pass, at most. */
  readonly deleteFileBatchMax: number;
  /** Files that have not expired may go when the disk is nearly full. */
  readonly cleanFileForciblyEnable: boolean;
}

export interface RetentionParts {
  readonly segments: SegmentFiles;
  readonly log: CommitLog;
  readonly queues: ConsumeQueueSet;
  readonly keyIndex: KeyIndex | undefined;
  readonly checkpoints: CheckpointService;
  readonly disk: DiskWatch;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

/** Where the oldest record lies in the log that a service still needs; undefined: it needs none. */
export type OldestNeeded = () => number | undefined | Promise<number | undefined>;

/**
 * Removes the oldest files of the log when their time has come or the disk fills, and lets consume queues and key index follow (RocketMQ:
 * `CleanCommitLogService`, `CleanConsumeQueueService`). Whole files only, from the oldest on, never the one that is written to.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #parts: RetentionParts;
  /** In the order in which they were asked for. */
  readonly #holds: { readonly what: string; readonly oldestNeeded: OldestNeeded }[] = [];
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: RetentionOptions, parts: RetentionParts) {
    this.#options = options;
    this.#parts = parts;
  }

  /** From now on looks at files and disk by itself. */
  start(): void {
    if (this.#closed || this.#timer !== undefined) return;
    this.#timer = this.#parts.clock.setTimer(() => {
      this.#timer = undefined;
      void this.clean().finally(() => this.start());
    }, this.#options.cleanResourceIntervalMs);
  }

  /**
   * Keeps files whose records a service still needs, up to twice the reserved time. A service may have several reasons: each is asked, in the order in which they were given.
   *
   * @param what is needed, for the log: "delayed messages"
   */
  hold(what: string, oldestNeeded: OldestNeeded): void {
    this.#holds.push({ what, oldestNeeded });
  }

  /** One pass. Never rejects: what could not be removed is tried again at the next one. A second call waits for the first. */
  clean(): Promise<void> {
    const done = this.#parts.activity.begin();
    this.#running ??= this.#clean()
      .catch((error: unknown) => {
        if (!this.#closed)
          this.#parts.logger.error(`Old files could not be removed, it is tried again: ${String(error)}`);
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running.finally(done);
  }

  /** Waits for a pass that is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  async #clean(): Promise<void> {
    const { disk, log } = this.#parts;
    let pressure = await disk.look();
    for (let removed = 0; removed < this.#options.deleteFileBatchMax && !this.#closed && !log.hasFailed; removed++) {
      const removes = await this.#isToGo(pressure);
      if (!removes) return;
      await this.#removeOldest();
      // What has not expired goes only as long as it must, and the room that was made may let sends in again.
      pressure = await disk.look();
    }
  }

  /** Whether the oldest file of the log has to go. */
  async #isToGo(pressure: DiskPressure): Promise<boolean> {
    const { segments, log, clock, logger } = this.#parts;
    const { deleteWhen, cleanFileForciblyEnable, fileReservedTimeHours } = this.#options;
    const end = segments.firstOffset + segments.fileSizeBytes;
    // The file that is written to stays, and so does one whose end is not on the disk. A crash may have left the log ending with a file: then that is the last one, and it says where the log goes on.
    if (end >= log.visibleOffset) return false;
    const isForced = cleanFileForciblyEnable && pressure.needsCleaning;
    if (!isForced && !pressure.isCrowded && !isDeletionHour(deleteWhen, clock.now())) return false;
    const lastMs = await firstTimestampFrom(segments, end);
    const ageHours = lastMs === undefined ? 0 : (clock.now() - lastMs) / HOUR_MS;
    if (!isForced && ageHours < fileReservedTimeHours) return false;
    const holder = await this.#holderOf(end);
    if (holder === undefined) return true;
    if (!isForced && ageHours < fileReservedTimeHours * MOST_HELD_TIMES) return false;
    logger.warn(
      `The log file "${segments.path(segments.firstOffset)}" goes, though ${holder} in it are pending: they are lost.`,
    );
    return true;
  }

  async #removeOldest(): Promise<void> {
    const { segments, log, queues, keyIndex, checkpoints, logger } = this.#parts;
    const beginsAt = segments.firstOffset + segments.fileSizeBytes;
    const path = segments.path(segments.firstOffset);
    // So recovery never begins in what is gone.
    await checkpoints.behindCheckpoint(beginsAt, async () => {
      // What is not needed any more was stored again, perhaps, and the disk must have that first.
      await log.syncWritten();
      await segments.removeBefore(beginsAt);
      await queues.trim(beginsAt);
      await keyIndex?.trim(beginsAt);
    });
    logger.log(`Removed "${path}": the log begins at ${beginsAt} now.`);
  }

  /** Who needs a record before `offset`. */
  async #holderOf(offset: number): Promise<string | undefined> {
    for (const { what, oldestNeeded } of this.#holds) {
      const oldest = await oldestNeeded();
      if (oldest !== undefined && oldest < offset) return what;
    }
    return undefined;
  }
}
