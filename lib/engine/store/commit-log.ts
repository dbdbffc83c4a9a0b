import { DiskFullError, MessageTooLargeError, StoreClosedError, StoreWriteFailedError } from '../../errors/index.js';
import { messageOf } from '../../errors/thrown.js';
import type {
  Activity,
  AppendedRecord,
  AppendWaiter,
  Clock,
  EngineLogger,
  FlushObserver,
  RecordDraft,
  TimerHandle,
} from '../types/index.js';
import { GroupPacer } from './group-pacer.js';
import { isOutOfSpace } from './out-of-space.js';
import type { LogTail } from './log-tail.js';
import { encodeBlank, needsNextSegment, type RecordEncoder } from './record-encoder.js';
import { BLANK_SIZE_BYTES, utf8Bytes } from './record-format.js';
import type { SegmentFiles } from './segment-files.js';

/** SYNC_FLUSH: an append ends after fdatasync. ASYNC_FLUSH: after the write; fdatasync follows within half a second. */
export type FlushDiskType = 'SYNC_FLUSH' | 'ASYNC_FLUSH';

/** Gives out the numbers of one queue. */
export interface QueueNumbers {
  takeOffset(): number;
  /** Takes back `offset` and all that were given out after it. */
  giveBackFrom(offset: number): void;
}

/**
 * A record that is in the log's memory and on its way to the disk. It holds what the dispatcher needs of its draft, and not the draft: thousands of them wait for one sync, and
 * what waits is what the garbage collector has to carry over.
 */
export interface PendingRecord extends AppendedRecord {
  readonly topic: string;
  readonly queueId: number;
  readonly sysFlag: number;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  readonly uniqKey: string | undefined;
  readonly delayLevel: number;
  readonly numbers: QueueNumbers;
  /** Undefined: the append has ended already (`waitStoreMsgOK` false). */
  readonly waiter: AppendWaiter | undefined;
}

export interface CommitLogEnvironment {
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
  /** Called with the records that have just become visible, in log order, before their appends end. */
  readonly onVisible: (records: readonly PendingRecord[]) => void;
  /** Undefined: nobody is told how records get to the disk. */
  readonly observer?: FlushObserver | undefined;
}

export interface CommitLogOptions {
  readonly flushDiskType: FlushDiskType;
  /** Appends wait when this much is in memory and not yet on disk. */
  readonly maxUnflushedBytes: number;
}

/** Time until ASYNC_FLUSH syncs what was written. RocketMQ: `flushIntervalCommitLog`. */
const ASYNC_FLUSH_INTERVAL_MS = 500;

/**
 * The one durable thing: every record, one after the other. There is one writer. An append puts its record into memory at once and
 * synchronously, so order is the order of calls; the flush then takes all that has gathered to the disk with one sync, while the next group gathers.
 *
 * Invariant: `#visibleOffset <= #endOffset`; bytes below `#visibleOffset` never change again.
 */
export class CommitLog {
  readonly #segments: SegmentFiles;
  readonly #tail: LogTail;
  readonly #encoder: RecordEncoder;
  readonly #environment: CommitLogEnvironment;
  readonly #options: CommitLogOptions;
  /** Where the next record goes. */
  #endOffset: number;
  /** All before this has been written, and synced too under SYNC_FLUSH. */
  #visibleOffset: number;
  /** In the order of their offsets; all at or after `#visibleOffset`. */
  #pending: PendingRecord[] = [];
  /** Appends that wait for room, in order. */
  #waiting: { readonly draft: RecordDraft; readonly numbers: QueueNumbers; readonly waiter: AppendWaiter }[] = [];
  readonly #pacer = new GroupPacer();
  /** Ends when all that was appended has got to the disk; undefined when nothing is under way. */
  #flushing: Promise<void> | undefined;
  #onFlushed: () => void = () => undefined;
  /** Those who may add the last records of a group. */
  readonly #closingListeners = new Set<() => void>();
  /** A group is on its way to the disk. There is never more than one. */
  #groupUnderWay = false;
  /** A group was cut in this turn of the event loop. */
  #hasCut = false;
  /** Bursts so far: each group waits for the end of one, unless it is cut. */
  #burst = 0;
  #state: 'open' | 'rolling back' | 'failed' | 'closed' = 'open';
  #failure: unknown;
  #syncTimer: TimerHandle | undefined;
  #lastTimestampMs: number;
  /** Start of the segment file that was written and not synced since; −1 when there is none. */
  #dirtySegment = -1;
  /** Start of the segment file that was written last; −1 when there is none. */
  #lastSegment = -1;
  /** Ends with the last sync that was asked for. Rejects from the first failure on: then the log takes nothing more. */
  #lastSync: Promise<void> = Promise.resolve();
  /** Called when the present group has ended. */
  #groupWaiters: (() => void)[] = [];

  /**
   * @param end where recovery found the end of the log, and the store time of its last record
   */
  constructor(
    segments: SegmentFiles,
    tail: LogTail,
    encoder: RecordEncoder,
    end: { readonly offset: number; readonly storeTimestampMs: number },
    environment: CommitLogEnvironment,
    options: CommitLogOptions,
  ) {
    this.#segments = segments;
    this.#tail = tail;
    this.#encoder = encoder;
    this.#endOffset = end.offset;
    this.#visibleOffset = end.offset;
    this.#lastTimestampMs = end.storeTimestampMs;
    this.#environment = environment;
    this.#options = options;
  }

  /** One past the last byte that may be read. */
  get visibleOffset(): number {
    return this.#visibleOffset;
  }

  /** Puts a record at the end. The waiter is called when it is as durable as the draft asks. */
  append(draft: RecordDraft, numbers: QueueNumbers, waiter: AppendWaiter): void {
    if (this.#state === 'failed' || this.#state === 'closed') {
      waiter.onFailed(this.#refusal());
      return;
    }
    if (this.#state !== 'open' || this.#waiting.length > 0 || this.#isFull()) {
      this.#waiting.push({ draft, numbers, waiter });
      return;
    }
    this.#place(draft, numbers, waiter);
  }

  /** Calls before a group goes to the disk: what the listener gives to {@link appendToGroup} is its end. Returns a function that ends it. */
  onGroupClosing(listener: () => void): () => void {
    this.#closingListeners.add(listener);
    return () => this.#closingListeners.delete(listener);
  }

  /**
   * Only for who has just been called because a group is closing. There is room for it however full the memory is: if it had to wait, it could get to the disk although the group
   * that it belongs to did not.
   */
  appendToGroup(draft: RecordDraft, numbers: QueueNumbers, waiter: AppendWaiter): void {
    this.#place(draft, numbers, waiter);
  }

  /** Ends when all that was appended before is on disk, also under ASYNC_FLUSH. */
  async sync(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    if (this.#state === 'open') await this.#datasync();
  }

  /** Bytes that were appended and are not yet written. */
  get unflushedBytes(): number {
    return this.#endOffset - this.#visibleOffset;
  }

  /** True when a write or sync failed in a way that leaves the end of the log uncertain. */
  get hasFailed(): boolean {
    return this.#state === 'failed';
  }

  /** Syncs what has been written so far; under SYNC_FLUSH there is nothing to do. */
  async syncWritten(): Promise<void> {
    if (this.#options.flushDiskType === 'ASYNC_FLUSH') await this.#datasync();
  }

  /** True while an append that has been given these numbers to take from waits for room. */
  owesRoomTo(numbers: QueueNumbers): boolean {
    return this.#waiting.some((waiting) => waiting.numbers === numbers);
  }

  /** Resolves when the group that is on its way to the disk has got there, or has failed; at once when there is none. */
  whenGroupEnds(): Promise<void> {
    if (this.#flushing === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#groupWaiters.push(resolve));
  }

  /** @throws what an append would be refused with, now and later */
  assertWritable(): void {
    if (this.#state === 'failed' || this.#state === 'closed') throw this.#refusal();
  }

  /** Takes no more appends, and brings to the disk what is there. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    // What is appended during the last sync is on its way when that ends, and is to be on the disk before the store is given free.
    do await this.sync();
    while (this.#flushing !== undefined);
    if (this.#state === 'open') this.#state = 'closed';
    this.#refuseWaiting();
  }

  #isFull(): boolean {
    return this.#endOffset - this.#visibleOffset >= this.#options.maxUnflushedBytes;
  }

  #place(draft: RecordDraft, numbers: QueueNumbers, waiter: AppendWaiter): void {
    const sizeBytes = this.#encoder.sizeBytes(draft, utf8Bytes(draft.properties));
    if (needsNextSegment(sizeBytes, this.#segments.fileSizeBytes)) {
      const limitBytes = this.#segments.fileSizeBytes - BLANK_SIZE_BYTES;
      waiter.onFailed(new MessageTooLargeError({ field: 'record', sizeBytes, limitBytes }));
      return;
    }
    let restBytes = this.#segmentRestBytes();
    if (needsNextSegment(sizeBytes, restBytes)) {
      this.#endSegment(restBytes);
      restBytes = this.#segmentRestBytes();
    }
    const physicalOffset = this.#endOffset;
    // Never backwards in log order, also when the wall clock jumps: searching by time relies on it.
    const storeTimestampMs = Math.max(this.#environment.clock.now(), this.#lastTimestampMs);
    this.#lastTimestampMs = storeTimestampMs;
    const waits = draft.waitStoreMsgOK;
    const record: PendingRecord = {
      physicalOffset,
      sizeBytes,
      queueOffset: numbers.takeOffset(),
      storeTimestampMs,
      topic: draft.topic,
      queueId: draft.queueId,
      sysFlag: draft.sysFlag,
      tags: draft.tags,
      keys: draft.keys,
      uniqKey: draft.uniqKey,
      delayLevel: draft.delayLevel,
      numbers,
      waiter: waits ? waiter : undefined,
    };
    const block = this.#tail.blockFor(physicalOffset, sizeBytes, restBytes);
    this.#encoder.encode(draft, record, sizeBytes, block.bytes, block.usedBytes, block.view);
    block.usedBytes += sizeBytes;
    this.#endOffset += sizeBytes;
    this.#pending.push(record);
    waiter.onPlaced?.();
    if (this.#flushing === undefined) this.#beginFlushing();
    else this.#cutGroup();
    if (!waits) waiter.onStored(record);
  }

  #segmentRestBytes(): number {
    return this.#segments.fileSizeBytes - (this.#endOffset % this.#segments.fileSizeBytes);
  }

  #endSegment(restBytes: number): void {
    const block = this.#tail.blockFor(this.#endOffset, BLANK_SIZE_BYTES, restBytes);
    encodeBlank(block.bytes, block.usedBytes, restBytes);
    block.usedBytes += BLANK_SIZE_BYTES;
    this.#endOffset += restBytes;
  }

  #beginFlushing(): void {
    const done = this.#environment.activity.begin();
    this.#flushing = new Promise((resolve) => {
      this.#onFlushed = () => {
        this.#flushing = undefined;
        done();
        resolve();
      };
    });
    this.#gather();
  }

  /** Lets the whole present burst of sends into the next group. */
  #gather(): void {
    const burst = ++this.#burst;
    this.#environment.clock.defer(() => {
      this.#hasCut = false;
      // Its group was cut and has got to the disk: the next one waits for its own burst.
      if (burst !== this.#burst) return;
      this.#pacer.burstEnded(this.#environment.clock.monotonicMs());
      if (this.#groupUnderWay) return;
      if (this.#pending.length > 0) void this.#flushGroup();
      else this.#onFlushed();
    });
  }

  /** Where writing takes no turn of the event loop, as in memory, one cut would follow another, and nobody else get a turn: so there is one in each. */
  #cutGroup(): void {
    if (this.#hasCut || this.#groupUnderWay || this.#pending.length < this.#pacer.cutAt) return;
    this.#hasCut = true;
    void this.#flushGroup();
  }

  /** Begins at once, before this returns: what waits for a promise would wait for the end of the burst. */
  async #flushGroup(): Promise<void> {
    const { clock, observer } = this.#environment;
    const startedMs = clock.monotonicMs();
    this.#groupUnderWay = true;
    for (const listener of this.#closingListeners) listener();
    const group = this.#pending;
    const endOffset = this.#endOffset;
    this.#pending = [];
    try {
      await this.#writeUpTo(endOffset);
    } catch (error) {
      await this.#onWriteFailed(error, [...group, ...this.#pending]);
      this.#groupEnded();
      return;
    }
    const nowMs = clock.monotonicMs();
    observer?.flushed(group.length, nowMs - startedMs);
    this.#visibleOffset = endOffset;
    this.#pacer.groupEnded(group.length, this.#pending.length, nowMs - startedMs, nowMs);
    this.#groupEnded();
    this.#environment.onVisible(group);
    for (const record of group) record.waiter?.onStored(record, nowMs);
    this.#tail.shrink(endOffset);
    if (this.#options.flushDiskType === 'ASYNC_FLUSH') this.#syncSoon();
  }

  #groupEnded(): void {
    this.#groupUnderWay = false;
    this.#admitWaiting();
    this.#gather();
    this.#cutGroup();
    this.#tellGroupWaiters();
  }

  async #writeUpTo(endOffset: number): Promise<void> {
    const syncs = this.#options.flushDiskType === 'SYNC_FLUSH';
    const blocks = this.#tail.from(this.#visibleOffset);
    for (const block of blocks) {
      const from = Math.max(block.startOffset, this.#visibleOffset);
      const to = Math.min(block.startOffset + block.usedBytes, endOffset);
      if (from >= to) continue;
      const start = this.#segments.startOf(from);
      if (start !== this.#lastSegment) await this.#openSegment(start);
      const bytes = block.bytes.subarray(from - block.startOffset, to - block.startOffset);
      if (syncs && from === this.#visibleOffset && to === endOffset && this.#dirtySegment < 0) {
        await this.#writeAndSync(bytes, from);
        return;
      }
      await this.#segments.write(bytes, from);
      // Only now: a sync that began during the write need not have covered it.
      this.#dirtySegment = this.#lastSegment;
    }
    if (syncs) await this.#datasync();
  }

  /** A group that lies in one piece, as most do. Nothing else is to be synced, so it needs no turn among the syncs. */
  async #writeAndSync(bytes: Uint8Array, offset: number): Promise<void> {
    const { clock, observer } = this.#environment;
    const startedMs = clock.monotonicMs();
    const outcome = await this.#segments.writeAndSync(bytes, offset);
    if (outcome !== undefined) {
      this.#fail(outcome.syncError, 'sync');
      throw outcome.syncError;
    }
    observer?.synced(clock.monotonicMs() - startedMs);
  }

  /** Before a segment is begun the one before it is synced, also by a sync that is under way: a power cut must not leave a hole in the log. */
  async #openSegment(start: number): Promise<void> {
    await this.#datasync();
    await this.#segments.ensure(start);
    this.#lastSegment = start;
  }

  #datasync(): Promise<void> {
    return this.#inTurn(() => this.#syncDirtySegment());
  }

  /** One sync at a time: whoever asks while one is under way must not go on before it has ended. */
  #inTurn(sync: () => Promise<void>): Promise<void> {
    this.#lastSync = this.#lastSync.then(sync);
    return this.#lastSync;
  }

  /** After a failed sync nobody knows what is on the disk: the kernel may have dropped the pages and call the next sync a success. */
  async #syncDirtySegment(): Promise<void> {
    const segment = this.#dirtySegment;
    if (segment < 0) return;
    this.#dirtySegment = -1;
    const { clock, observer } = this.#environment;
    const startedMs = clock.monotonicMs();
    try {
      await this.#segments.datasync(segment);
      observer?.synced(clock.monotonicMs() - startedMs);
    } catch (error) {
      this.#fail(error, 'sync');
      throw error;
    }
  }

  async #onWriteFailed(error: unknown, lost: readonly PendingRecord[]): Promise<void> {
    this.#pending = [];
    if (this.#state === 'open') {
      this.#state = 'rolling back';
      await this.#rollBack(error, lost);
    }
    const refusal = this.#state === 'failed' ? this.#refusal() : this.#asWriteError(error);
    this.#environment.observer?.flushFailed(refusal, lost.length);
    for (const record of lost) {
      if (record.waiter === undefined) {
        this.#environment.logger.error(
          `A message to topic "${record.topic}" that nobody waited for was lost: ${String(refusal)}`,
        );
      } else record.waiter.onFailed(refusal);
    }
  }

  /** Nothing of the failed group was acknowledged or seen, so the log can go on at the place where the group began. */
  async #rollBack(error: unknown, lost: readonly PendingRecord[]): Promise<void> {
    try {
      this.#tail.truncate(this.#visibleOffset);
      this.#endOffset = this.#visibleOffset;
      await this.#inTurn(() => this.#clearLost());
      // Only now: who waits for a queue to have nothing on its way must not go on while a crash would bring this back. From the back, so that each queue ends up at its lowest number.
      for (const record of lost.toReversed()) record.numbers.giveBackFrom(record.queueOffset);
      this.#state = 'open';
    } catch {
      this.#fail(error, 'write');
    }
  }

  /**
   * What got to the disk must not be found behind the records that come next. This syncs what is left, and it takes its turn among the syncs: until it has ended nobody
   * may be told that all is synced.
   */
  async #clearLost(): Promise<void> {
    await this.#segments.clearFrom(this.#visibleOffset);
    // The segment that was written last may be gone.
    this.#dirtySegment = -1;
    this.#lastSegment = -1;
  }

  #fail(error: unknown, operation: 'write' | 'sync'): void {
    const { directory } = this.#segments;
    const failure = new StoreWriteFailedError({ file: directory, operation, reason: messageOf(error) }, error);
    this.#state = 'failed';
    this.#failure = failure;
    this.#environment.logger.error(failure.message);
    this.#refuseWaiting();
  }

  #asWriteError(error: unknown): unknown {
    const { directory } = this.#segments;
    if (isOutOfSpace(error)) return new DiskFullError({ path: directory }, error);
    return new StoreWriteFailedError({ file: directory, operation: 'write', reason: messageOf(error) }, error);
  }

  #refusal(): unknown {
    if (this.#state === 'failed') return this.#failure;
    return new StoreClosedError({ operation: 'store a message', state: this.#state });
  }

  #admitWaiting(): void {
    let admitted = 0;
    while (admitted < this.#waiting.length && this.#state === 'open' && !this.#isFull()) {
      const { draft, numbers, waiter } = this.#waiting[admitted]!;
      admitted++;
      this.#place(draft, numbers, waiter);
    }
    if (admitted > 0) this.#waiting.splice(0, admitted);
  }

  #refuseWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { waiter } of waiting) waiter.onFailed(this.#refusal());
  }

  #tellGroupWaiters(): void {
    const waiters = this.#groupWaiters;
    this.#groupWaiters = [];
    for (const waiter of waiters) waiter();
  }

  #syncSoon(): void {
    this.#syncTimer ??= this.#environment.clock.setTimer(() => {
      this.#syncTimer = undefined;
      const done = this.#environment.activity.begin();
      // A failure has been told by then: the log takes no more appends.
      void this.#datasync()
        .catch(() => undefined)
        .finally(done);
    }, ASYNC_FLUSH_INTERVAL_MS);
  }
}
