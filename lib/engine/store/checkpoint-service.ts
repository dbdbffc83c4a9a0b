import { StoreClosedError } from '../../errors/index.js';
import type { Activity, Clock, EngineLogger, FileSystem, TimerHandle } from '../types/index.js';
import { writeCheckpoint } from './checkpoint.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { Dispatcher } from './dispatcher.js';
import type { KeyIndex } from './key-index.js';
import type { QueueList } from './queue-list.js';

/** After this many records, or entries of the key index, the checkpoint comes before its time: bounds what is only in memory. */
const EARLY_FLUSH_RECORDS = 100_000;

interface CheckpointEnvironment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

/** Now and then brings the consume queues and the key index to the disk, and then says so in the checkpoint: in that order. */
export class CheckpointService {
  readonly #path: string;
  readonly #intervalMs: number;
  readonly #environment: CheckpointEnvironment;
  readonly #queues: ConsumeQueueSet;
  readonly #queueList: QueueList;
  readonly #keyIndex: KeyIndex | undefined;
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
    queueList: QueueList,
    keyIndex: KeyIndex | undefined,
    dispatcher: Dispatcher,
    end: { offset: number; storeTimestampMs: number },
  ) {
    this.#path = path;
    this.#intervalMs = intervalMs;
    this.#environment = environment;
    this.#queues = queues;
    this.#queueList = queueList;
    this.#keyIndex = keyIndex;
    this.#dispatcher = dispatcher;
    this.#written = { offset: -1, storeTimestampMs: end.storeTimestampMs };
  }

  watch(log: CommitLog): void {
    this.#log = log;
  }

  /** @param count records that have become visible, or the entries that they have in the key index if those are more */
  onRecords(count: number): void {
    this.#recordsSince += count;
    if (this.#recordsSince >= EARLY_FLUSH_RECORDS) this.#runSoon(0);
    else this.#runSoon(this.#intervalMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    while (this.#running !== undefined) await this.#running;
    await this.#write();
    if (this.#log?.hasFailed !== false) return;
    await this.#keyIndex?.close();
    // Queues may have gone since the checkpoint.
    await this.#queueList.write(this.#written.offset, this.#queueList.ranges());
  }

  /** Does `work` while no checkpoint is being written. */
  async withoutCheckpoint(work: () => Promise<void>): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    if (this.#closed) throw new StoreClosedError({ operation: 'change the store', state: 'closed' });
    this.#timer?.cancel();
    this.#timer = undefined;
    const run = work();
    this.#running = this.#afterwards(run.catch(() => undefined));
    await run;
  }

  /** Does `work` while no checkpoint is being written, with one behind it that covers the log up to `offset`. */
  behindCheckpoint(offset: number, work: () => Promise<void>): Promise<void> {
    return this.withoutCheckpoint(async () => {
      if (this.#written.offset < offset) {
        await this.#write().catch((error: unknown) => {
          // What a queue has in memory alone would be gone with the log, and its numbers be given out again.
          if (!this.#queues.areWrittenUpTo(offset)) throw error;
          // The disk may be full, and this work make room. Without a checkpoint an opening reads more of the log.
          this.#environment.logger.warn(`The checkpoint could not be written, it is tried again: ${String(error)}`);
        });
        // A log that has failed meanwhile gets no checkpoint any more, and what its queues have in memory alone does not get to the disk.
        this.#log?.assertWritable();
      }
      await work();
    });
  }

  #runSoon(delayMs: number): void {
    if (this.#closed || this.#running !== undefined) return;
    if (this.#timer !== undefined) {
      if (delayMs > 0) return;
      this.#timer.cancel();
    }
    this.#timer = this.#environment.clock.setTimer(() => {
      this.#timer = undefined;
      this.#running = this.#afterwards(
        this.#write().catch((error: unknown) => {
          this.#environment.logger.error(`The checkpoint could not be written, it is tried again: ${String(error)}`);
          // Also when no further record comes.
          this.#recordsSince = Math.max(this.#recordsSince, 1);
        }),
      );
    }, delayMs);
  }

  /** What has come in while a checkpoint was being written gets one of its own. */
  #afterwards(run: Promise<void>): Promise<void> {
    const done = this.#environment.activity.begin();
    return run.finally(() => {
      this.#running = undefined;
      done();
      if (this.#recordsSince > 0) this.#runSoon(this.#intervalMs);
    });
  }

  async #write(): Promise<void> {
    const log = this.#log;
    if (log === undefined || log.hasFailed) return;
    const offset = log.visibleOffset;
    if (offset === this.#written.offset) return;
    const index = this.#keyIndex?.state();
    const ranges = this.#queueList.ranges();
    const storeTimestampMs = Math.max(this.#dispatcher.lastStoreTimestampMs, this.#written.storeTimestampMs);
    this.#recordsSince = 0;
    await log.syncWritten();
    await this.#queues.flush();
    if (index !== undefined) await this.#keyIndex?.write(index);
    await writeCheckpoint(this.#environment.fileSystem, this.#path, {
      physicMsgTimestampMs: storeTimestampMs,
      logicsMsgTimestampMs: storeTimestampMs,
      // 0 says that no message was ever indexed. Where that is not known, an opening with the index switched on looks for itself.
      indexMsgTimestampMs: index === undefined ? storeTimestampMs : index.endTimestampMs,
      masterFlushedOffset: 0,
      confirmPhyOffset: offset,
    });
    this.#written = { offset, storeTimestampMs };
    if (index !== undefined) await this.#keyIndex?.confirm(index);
    await this.#queueList.write(offset, ranges);
  }
}
