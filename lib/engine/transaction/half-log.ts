import { TransactionNotFoundError } from '../../errors/index.js';
import { intoWriteQueue } from '../store/index.js';
import {
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  type AppendedRecord,
  type AppendWaiter,
  type RecordDraft,
  type ServiceContext,
  type StoredRecord,
} from '../types/index.js';
import { CommitInFlight } from './commit-in-flight.js';
import { immunityMs, toCommitted, toHalf, toRenewed, toSetAside } from './half-message.js';
import { HalfProgress } from './half-progress.js';
import type { OffsetTable } from './offset-table.js';
import { OpQueue } from './op-queue.js';
import { PendingHalf, type KeptHalf } from './pending-half.js';
import { recoverHalves } from './recover-halves.js';

/** Of half messages without a decision, whose commit then costs less. Bounded, because they may be very many, or large. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
/** Of the objects of one, about. */
const KEPT_OVERHEAD_BYTES = 512;

export interface PreparedHalf {
  readonly half: PendingHalf;
  readonly sizeBytes: number;
}

/**
 * What transactions write. Every decision keeps one order: in the log, the op message lies behind the record that carries the message on, and it never gets to the disk without
 * that. The other way round, a crash or a full disk between the two would lose the message; this way it is asked about, or delivered, twice.
 */
export class HalfLog {
  readonly #context: ServiceContext;
  readonly #progress: HalfProgress;
  readonly #ops: OpQueue;
  /** Of all that is kept of half messages. */
  #keptBytes = 0;

  constructor(context: ServiceContext, offsets: OffsetTable) {
    this.#context = context;
    this.#progress = new HalfProgress(offsets);
    this.#ops = new OpQueue(context, (opOffset, halfOffsets) => this.#progress.decided(opOffset, halfOffsets));
  }

  /** The transactions that the log holds without a decision. */
  async recover(): Promise<readonly PendingHalf[]> {
    await this.#context.topics.ensure(HALF_TOPIC, 1);
    await this.#context.topics.ensure(OP_HALF_TOPIC, 1);
    const { pending, superseded } = await recoverHalves(this.#context, this.#progress);
    // Whoever starts does not wait for these; they are tried again when they fail.
    for (const offset of superseded) this.#ops.add(offset).catch(() => undefined);
    return pending;
  }

  /** Waits for what is being written. */
  close(): Promise<void> {
    return this.#ops.close();
  }

  /** Stores a half message. Resolves when it is on disk. */
  prepare(draft: RecordDraft, transactionId: string, producerGroup: string): Promise<PreparedHalf> {
    const record = toHalf(draft, transactionId, producerGroup);
    const identity = {
      transactionId,
      producerGroup,
      topic: draft.topic,
      immunityMs: immunityMs(draft.properties),
    };
    return new Promise((resolve, reject) => {
      const onStored = (appended: AppendedRecord): void => {
        const half = new PendingHalf(identity, placeOf(appended, 0), true);
        this.#keep(half, { draft, propertiesText: record.properties });
        resolve({ half, sizeBytes: appended.sizeBytes });
      };
      this.#submitHalf(record, { onStored, onFailed: reject });
    });
  }

  /** Makes the message visible. Resolves when it and the decision are on disk. Rejects when one of them could not be written; if it was the decision, that is tried again. */
  commit(half: PendingHalf): Promise<void> {
    return new Promise((resolve, reject) => {
      const { store, topics } = this.#context;
      const commit = new CommitInFlight(half, this.#ops, resolve, reject);
      const submit = (record: StoredRecord | undefined): void => {
        const committed = toCommitted(this.#found(half, record), half.kept);
        this.#letGo(half);
        store.submit(intoWriteQueue(committed, topics), commit);
      };
      const record = store.readRecord(half.place.physicalOffset);
      if (record instanceof Promise) record.then(submit).catch(reject);
      else submit(record);
    });
  }

  /** Says that the half message needs nothing more. Resolves when that is on disk; if it can't be written, that is tried again. */
  markDecided(half: PendingHalf): Promise<void> {
    this.#letGo(half);
    return this.#ops.add(half.place.queueOffset);
  }

  /** Stores the half message again, with one check-back more, and resolves with the new record. */
  async renew(half: PendingHalf): Promise<StoredRecord> {
    const { queueOffset, checkTimes } = half.place;
    const renewed = toRenewed(await this.#read(half), checkTimes + 1);
    const appended = await new Promise<AppendedRecord>((resolve, reject) => {
      this.#submitHalf(renewed, { onStored: resolve, onFailed: reject });
    });
    half.place = placeOf(appended, checkTimes + 1);
    this.#letGo(half);
    await this.#ops.add(queueOffset);
    return this.#read(half);
  }

  /** Copies the half message to where someone may look at it. Resolves when the copy is on disk; the decision is still to be written. */
  async setAside(half: PendingHalf): Promise<void> {
    await this.#context.topics.ensure(TRANS_CHECK_MAX_TIME_TOPIC, 1);
    await this.#context.store.append(toSetAside(await this.#read(half)));
  }

  #submitHalf(draft: RecordDraft, waiter: AppendWaiter): void {
    const expected = this.#progress.expect();
    this.#context.store.submit(draft, {
      onStored: (appended) => {
        this.#progress.opened(appended.queueOffset, expected);
        waiter.onStored(appended);
      },
      onFailed: (error) => {
        this.#progress.abandoned(expected);
        waiter.onFailed(error);
      },
    });
  }

  async #read(half: PendingHalf): Promise<StoredRecord> {
    return this.#found(half, await this.#context.store.readRecord(half.place.physicalOffset));
  }

  #found(half: PendingHalf, record: StoredRecord | undefined): StoredRecord {
    if (record === undefined) throw new TransactionNotFoundError({ transactionId: half.identity.transactionId });
    return record;
  }

  #keep(half: PendingHalf, kept: KeptHalf): void {
    const bytes = this.#keptBytes + keptBytesOf(kept);
    if (bytes > MAX_KEPT_BYTES) return;
    this.#keptBytes = bytes;
    half.kept = kept;
  }

  #letGo(half: PendingHalf): void {
    if (half.kept === undefined) return;
    this.#keptBytes -= keptBytesOf(half.kept);
    half.kept = undefined;
  }
}

function keptBytesOf({ draft, propertiesText }: KeptHalf): number {
  return draft.body.length + propertiesText.length + KEPT_OVERHEAD_BYTES;
}

function placeOf(appended: AppendedRecord, checkTimes: number): PendingHalf['place'] {
  const { queueOffset, physicalOffset, storeTimestampMs } = appended;
  return { queueOffset, physicalOffset, storeTimestampMs, checkTimes };
}
