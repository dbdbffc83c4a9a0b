import { TransactionNotFoundError } from '../../errors/index.js';
import { intoWriteQueue } from '../store/index.js';
import {
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  type AppendedRecord,
  type RecordDraft,
  type ServiceContext,
  type StoredRecord,
} from '../types/index.js';
import { CommitInFlight } from './commit-in-flight.js';
import { immunityMs, toCommitted, toHalf, toRenewed, toSetAside } from './half-message.js';
import { HalfProgress } from './half-progress.js';
import type { OffsetTable } from './offset-table.js';
import { OpQueue } from './op-queue.js';
import { PendingHalf } from './pending-half.js';
import { recoverHalves } from './recover-halves.js';

/**
 * What transactions write. Every decision keeps one order: in the log, the op message lies behind the record that carries the message on, and it never gets to the disk without
 * that. The other way round, a crash or a full disk between the two would lose the message; this way it is asked about, or delivered, twice.
 */
export class HalfLog {
  readonly #context: ServiceContext;
  readonly #progress: HalfProgress;
  readonly #ops: OpQueue;

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
  async prepare(
    draft: RecordDraft,
    transactionId: string,
    producerGroup: string,
  ): Promise<{ readonly appended: AppendedRecord; readonly half: PendingHalf }> {
    const appended = await this.#appendHalf(toHalf(draft, transactionId, producerGroup));
    const identity = {
      transactionId,
      producerGroup,
      topic: draft.topic,
      immunityMs: immunityMs(draft.properties),
    };
    return { appended, half: new PendingHalf(identity, placeOf(appended, 0), true) };
  }

  /** Makes the message visible. Resolves when it and the decision are on disk. Rejects when one of them could not be written; if it was the decision, that is tried again. */
  async commit(half: PendingHalf): Promise<void> {
    const { store, topics } = this.#context;
    const committed = intoWriteQueue(toCommitted(await this.#read(half)), topics);
    await new Promise<void>((resolve, reject) => {
      store.submit(committed, new CommitInFlight(half, this.#ops, resolve, reject));
    });
  }

  /** Says that the half message needs nothing more. Resolves when that is on disk; if it can't be written, that is tried again. */
  markDecided(half: PendingHalf): Promise<void> {
    return this.#ops.add(half.place.queueOffset);
  }

  /** Stores the half message again, with one check-back more, and resolves with the new record. */
  async renew(half: PendingHalf): Promise<StoredRecord> {
    const { queueOffset, checkTimes } = half.place;
    const renewed = toRenewed(await this.#read(half), checkTimes + 1);
    const appended = await this.#appendHalf(renewed);
    half.place = placeOf(appended, checkTimes + 1);
    await this.#ops.add(queueOffset);
    return this.#read(half);
  }

  /** Copies the half message to where someone may look at it. Resolves when the copy is on disk; the decision is still to be written. */
  async setAside(half: PendingHalf): Promise<void> {
    await this.#context.topics.ensure(TRANS_CHECK_MAX_TIME_TOPIC, 1);
    await this.#context.store.append(toSetAside(await this.#read(half)));
  }

  async #appendHalf(draft: RecordDraft): Promise<AppendedRecord> {
    const expected = this.#progress.expect();
    try {
      const appended = await this.#context.store.append(draft);
      this.#progress.opened(appended.queueOffset, expected);
      return appended;
    } catch (error) {
      this.#progress.abandoned(expected);
      throw error;
    }
  }

  async #read(half: PendingHalf): Promise<StoredRecord> {
    const record = await this.#context.store.readRecord(half.place.physicalOffset);
    if (record === undefined) throw new TransactionNotFoundError({ transactionId: half.identity.transactionId });
    return record;
  }
}

function placeOf(appended: AppendedRecord, checkTimes: number): PendingHalf['place'] {
  const { queueOffset, physicalOffset, storeTimestampMs } = appended;
  return { queueOffset, physicalOffset, storeTimestampMs, checkTimes };
}
