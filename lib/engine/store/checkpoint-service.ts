import type { Activity, Clock, EngineLogger, FileSystem, TimerHandle } from '../types/index.js';
import { writeCheckpoint } from './checkpoint.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { Dispatcher } from './dispatcher.js';

/** After this many records the checkpoint comes before its time: bounds the queue entries that are only in memory. */
const EARLY_FLUSH_RECORDS = 100_000;

interface CheckpointEnvironment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

/** Now and then brings the consume queues to the disk, and then says so in the checkpoint: in that order. */
export class CheckpointService {
  readonly #path: string;
  readonly #intervalMs: number;
  readonly #environment: CheckpointEnvironment;
  readonly #queues: ConsumeQueueSet;
  readonly #dispatcher: Dispatcher;
  #log: CommitLog | undefined;
  #written: { offset: number; storeTimestampMs: number };
  #recordsSince = 0;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(
    path: string,
    intervalMs: number,
    environment: CheckpointEnvironment,
    queues: ConsumeQueueSet,
    dispatcher: Dispatcher,
    end: { offset: number; storeTimestampMs: number },
  ) {
    this.#path = path;
    this.#intervalMs = intervalMs;
    this.#environment = environment;
    this.#queues = queues;
    this.#dispatcher = dispatcher;
    this.#written = { offset: -1, storeTimestampMs: end.storeTimestampMs };
  }

  watch(log: CommitLog): void {
    this.#log = log;
  }

  onRecords(count: number): void {
    this.#recordsSince += count;
    if (this.#recordsSince >= EARLY_FLUSH_RECORDS) this.#runSoon(0);
    else this.#runSoon(this.#intervalMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
    await this.#write();
  }

  #runSoon(delayMs: number): void {
    if (this.#closed || this.#running !== undefined) return;
    if (this.#timer !== undefined) {
      if (delayMs > 0) return;
      this.#timer.cancel();
    }
    this.#timer = this.#environment.clock.setTimer(() => {
      this.#timer = undefined;
      const done = this.#environment.activity.begin();
      this.#running = this.#write()
        .catch((error: unknown) => {
          this.#environment.logger.error(`The checkpoint could not be written, it is tried again: ${String(error)}`);
        })
        .finally(() => {
          this.#running = undefined;
          done();
          if (this.#recordsSince > 0) this.#runSoon(this.#intervalMs);
        });
    }, delayMs);
  }

  async #write(): Promise<void> {
    const log = this.#log;
    if (log === undefined || log.hasFailed) return;
    const offset = log.visibleOffset;
    if (offset === this.#written.offset) return;
    const storeTimestampMs = Math.max(this.#dispatcher.lastStoreTimestampMs, this.#written.storeTimestampMs);
    this.#recordsSince = 0;
    await log.syncWritten();
    await this.#queues.flush();
    await writeCheckpoint(this.#environment.fileSystem, this.#path, {
      physicMsgTimestampMs: storeTimestampMs,
      logicsMsgTimestampMs: storeTimestampMs,
      indexMsgTimestampMs: storeTimestampMs,
      masterFlushedOffset: 0,
      confirmPhyOffset: offset,
    });
    this.#written = { offset, storeTimestampMs };
  }
}
