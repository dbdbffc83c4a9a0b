import { MessageIllegalError, StoreClosedError, TransactionNotFoundError } from '../../errors/index.js';
import {
  TRANS_CHECK_MAX_TIME_TOPIC,
  type AppendedRecord,
  type RecordDraft,
  type ServiceContext,
  type StoredRecord,
  type TransactionChecker,
  type TransactionObserver,
  type TransactionState,
} from '../types/index.js';
import { CheckBack, type CheckActions } from './check-back.js';
import { HalfLog } from './half-log.js';
import type { OffsetTable } from './offset-table.js';
import type { PendingHalf } from './pending-half.js';
import type { TransactionOptions } from './transaction-options.js';
import { WritesUnderWay } from './writes-under-way.js';

export interface PreparedTransaction extends AppendedRecord {
  readonly transactionId: string;
}

/** A transaction without a decision, for those who look at the broker. */
export interface PendingTransaction {
  readonly transactionId: string;
  readonly producerGroup: string;
  /** The topic that a commit delivers to. */
  readonly topic: string;
  /** When its half message was stored, or stored again for a check-back; epoch ms. */
  readonly storeTimestampMs: number;
  /** Check-backs so far. */
  readonly checkTimes: number;
  /** Its local transaction is running in this process. */
  readonly executing: boolean;
}

/**
 * Transactional messages (RocketMQ: `TransactionalMessageServiceImpl`, `EndTransactionProcessor`): a half message is stored where no
 * consumer sees it, and its transaction ends by a commit, which stores the message in its topic, or by a rollback. What is not ended is asked about.
 */
export class TransactionService {
  readonly #context: ServiceContext;
  readonly #observer: TransactionObserver | undefined;
  readonly #log: HalfLog;
  readonly #checkBack: CheckBack;
  /** By transaction id. Whoever decides a transaction takes it out first, in the same turn. */
  readonly #pending = new Map<string, PendingHalf>();
  /** Those that are taken out while the record that carries them on is being written: a crash before its end needs their half messages. */
  readonly #ending = new Set<PendingHalf>();
  /** Ids whose half message is being stored. */
  readonly #preparing = new Set<string>();
  /** Half messages and decisions that are being written: what {@link close} waits for. */
  readonly #writes: WritesUnderWay;
  #state: 'not started' | 'open' | 'closing' | 'closed' = 'not started';
  #closing: Promise<void> | undefined;

  /** @param observer undefined: nobody is told what becomes of transactions */
  constructor(
    context: ServiceContext,
    offsets: OffsetTable,
    options: TransactionOptions,
    observer?: TransactionObserver,
  ) {
    this.#context = context;
    this.#observer = observer;
    this.#log = new HalfLog(context, offsets);
    this.#writes = new WritesUnderWay(context.activity);
    const actions: CheckActions = {
      renew: (half) => this.#renew(half),
      decide: (half, state) => this.#decide(half, state),
      setAside: (half) => this.#setAside(half),
    };
    this.#checkBack = new CheckBack(context, options, actions, observer);
  }

  /** Takes up the transactions that the store holds without a decision, and begins to ask about them. */
  async start(): Promise<void> {
    for (const half of await this.#log.recover()) {
      this.#pending.set(half.identity.transactionId, half);
      this.#checkBack.plan(half);
    }
    this.#state = 'open';
  }

  /** Takes no more transactions and waits for what is being written. What is undecided is asked about after the next start. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Stores a half message; resolves when it is on disk. From then on the local transaction counts as running, and is not asked about,
   * until {@link end} is called.
   *
   * @param draft the message, for its real topic; its UNIQ_KEY becomes the transaction id
   */
  async prepare(draft: RecordDraft, producerGroup: string): Promise<PreparedTransaction> {
    this.#assertOpen('prepare a transaction');
    const transactionId = draft.uniqKey;
    if (transactionId === undefined || this.#pending.has(transactionId) || this.#preparing.has(transactionId)) {
      const reason = 'a half message needs one that no pending transaction has';
      throw new MessageIllegalError({ field: 'UNIQ_KEY', value: transactionId, reason });
    }
    this.#preparing.add(transactionId);
    this.#writes.begin();
    try {
      const { half, sizeBytes } = await this.#log.prepare(draft, transactionId, producerGroup);
      this.#pending.set(transactionId, half);
      const { physicalOffset, queueOffset, storeTimestampMs } = half.place;
      return { physicalOffset, sizeBytes, queueOffset, storeTimestampMs, transactionId };
    } finally {
      this.#preparing.delete(transactionId);
      this.#writes.end();
    }
  }

  /**
   * The second phase. Resolves when the decision is on disk; UNKNOWN leaves it to the check-back. When the message of a commit could not be stored,
   * the transaction stays undecided and is asked about.
   *
   * @throws TransactionNotFoundError when the transaction is unknown, or decided already
   */
  async end(transactionId: string, state: TransactionState): Promise<void> {
    this.#assertOpen('end a transaction');
    const half = this.#pending.get(transactionId);
    if (half === undefined) throw new TransactionNotFoundError({ transactionId });
    if (state === 'UNKNOWN') {
      this.#leaveUndecided(half);
      return;
    }
    try {
      await this.#decide(half, state);
    } catch (error) {
      this.#checkBack.plan(half);
      throw error;
    }
  }

  /** Where the oldest half message lies in the log that has no decision, or whose commit is not on disk yet; undefined: there is none. */
  oldestPending(): number | undefined {
    let oldest: number | undefined;
    for (const { place } of [...this.#pending.values(), ...this.#ending]) {
      if (oldest === undefined || place.physicalOffset < oldest) oldest = place.physicalOffset;
    }
    return oldest;
  }

  /** See `MessageEngine.registerTransactionChecker`. */
  registerChecker(producerGroup: string, checker: TransactionChecker, topics?: readonly string[]): () => void {
    return this.#checkBack.register(producerGroup, checker, topics);
  }

  /** The transactions without a decision. */
  pending(): readonly PendingTransaction[] {
    return [...this.#pending.values()].map((half) => ({
      transactionId: half.identity.transactionId,
      producerGroup: half.identity.producerGroup,
      topic: half.identity.topic,
      storeTimestampMs: half.place.storeTimestampMs,
      checkTimes: half.place.checkTimes,
      executing: half.executing,
    }));
  }

  async #close(): Promise<void> {
    this.#state = 'closing';
    await this.#checkBack.close();
    await this.#writes.whenNone();
    await this.#log.close();
    this.#state = 'closed';
  }

  /** Takes the half message out of everyone else's hands. No await may come before it in whoever decides. */
  #claim(half: PendingHalf): void {
    half.decided = true;
    this.#pending.delete(half.identity.transactionId);
    this.#checkBack.forget(half);
  }

  /** The decision could not be made: the half message is as it was, but no longer counts as running. */
  #giveBack(half: PendingHalf): void {
    half.decided = false;
    half.executing = false;
    this.#pending.set(half.identity.transactionId, half);
  }

  #leaveUndecided(half: PendingHalf): void {
    if (!half.executing) return;
    half.executing = false;
    this.#checkBack.plan(half);
  }

  async #decide(half: PendingHalf, state: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    this.#claim(half);
    this.#writes.begin();
    if (state === 'COMMIT') this.#ending.add(half);
    try {
      if (half.renewal !== undefined) await half.renewal;
      await (state === 'COMMIT' ? this.#log.commit(half) : this.#log.markDecided(half));
    } catch (error) {
      if (state === 'COMMIT' && !half.isStored) await this.#notCarriedOn(half, error);
      throw error;
    } finally {
      this.#ending.delete(half);
      this.#writes.end();
    }
    this.#observer?.transactionEnded(half.identity, state);
  }

  async #setAside(half: PendingHalf): Promise<void> {
    this.#claim(half);
    this.#ending.add(half);
    try {
      await this.#log.setAside(half);
    } catch (error) {
      await this.#notCarriedOn(half, error);
      throw error;
    } finally {
      this.#ending.delete(half);
    }
    const { transactionId, producerGroup, topic } = half.identity;
    this.#context.logger.warn(
      `Transaction ${transactionId} of producer group "${producerGroup}" for topic "${topic}" is still unknown after ${half.place.checkTimes} check-backs and is set aside in ${TRANS_CHECK_MAX_TIME_TOPIC}.`,
    );
    this.#observer?.transactionSetAside(half.identity, half.place.checkTimes);
    await this.#log.markDecided(half);
  }

  async #renew(half: PendingHalf): Promise<StoredRecord | undefined> {
    const renewal = this.#log.renew(half);
    half.renewal = renewal.then(
      () => undefined,
      () => undefined,
    );
    try {
      const record = await renewal;
      return half.decided ? undefined : record;
    } catch (error) {
      if (half.decided) return undefined;
      if (error instanceof TransactionNotFoundError) await this.#abandon(half);
      throw error;
    } finally {
      half.renewal = undefined;
    }
  }

  /** The record that carries a claimed half message on could not be stored: the half message can be claimed again. */
  async #notCarriedOn(half: PendingHalf, error: unknown): Promise<void> {
    if (error instanceof TransactionNotFoundError) await this.#abandon(half);
    else this.#giveBack(half);
  }

  /** The log holds the half message no more, so there is nothing left to decide. */
  async #abandon(half: PendingHalf): Promise<void> {
    this.#claim(half);
    this.#context.logger.error(
      `The half message of transaction ${half.identity.transactionId} is no longer in the store, so the transaction can't be ended.`,
    );
    // Tried again by itself when it fails.
    await this.#log.markDecided(half).catch(() => undefined);
  }

  #assertOpen(operation: string): void {
    if (this.#state !== 'open') throw new StoreClosedError({ operation, state: this.#state });
  }
}
