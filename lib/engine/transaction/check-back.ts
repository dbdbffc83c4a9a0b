import { TransactionCheckFailedError } from '../../errors/index.js';
import type {
  Clock,
  EngineLogger,
  ServiceContext,
  StoredRecord,
  TransactionChecker,
  TransactionObserver,
} from '../types/index.js';
import { CheckSchedule } from './check-schedule.js';
import { CheckerRegistry } from './checker-registry.js';
import { halfView } from './half-message.js';
import type { PendingHalf } from './pending-half.js';
import type { TransactionOptions } from './transaction-options.js';

/** Check-backs that run at the same time; the others wait their turn. */
const MAX_CHECKS = 16;

/** What a check-back does to a half message. Each rejects when the log could not be read or written. */
export interface CheckActions {
  /** Stores it again with its new count; undefined when someone decided it meanwhile. */
  renew(half: PendingHalf): Promise<StoredRecord | undefined>;
  decide(half: PendingHalf, state: 'COMMIT' | 'ROLLBACK'): Promise<void>;
  /** Gives it up after the last check-back. */
  setAside(half: PendingHalf): Promise<void>;
}

/**
 * Asks the producers about transactions whose second phase is missing (RocketMQ: `TransactionalMessageCheckService`). One timer stands for the
 * earliest check-back. Unlike RocketMQ, a check-back that nobody can answer, for want of a checker, is not counted: it waits for one.
 */
export class CheckBack {
  readonly #clock: Clock;
  readonly #logger: EngineLogger;
  readonly #context: ServiceContext;
  readonly #options: TransactionOptions;
  readonly #actions: CheckActions;
  readonly #observer: TransactionObserver | undefined;
  readonly #checkers = new CheckerRegistry();
  readonly #schedule: CheckSchedule<PendingHalf>;
  /** Due, waiting for one of the running check-backs to end; in order. */
  readonly #ready = new Set<PendingHalf>();
  /** Due, waiting for a checker of their group and topic. */
  readonly #unasked = new Set<PendingHalf>();
  /** The topics without a checker, by group and topic, that have been told of. */
  readonly #told = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  /** Let go of checkers that have not answered yet. */
  readonly #releases = new Set<() => void>();
  #closed = false;

  /** @param observer undefined: nobody is told of check-backs that fail */
  constructor(
    context: ServiceContext,
    options: TransactionOptions,
    actions: CheckActions,
    observer?: TransactionObserver,
  ) {
    this.#context = context;
    this.#clock = context.clock;
    this.#logger = context.logger;
    this.#options = options;
    this.#actions = actions;
    this.#observer = observer;
    this.#schedule = new CheckSchedule(context.clock, (half) => this.#makeReady(half));
  }

  /** The checker answers for the group, or for these topics of it, until the function that is returned is called. */
  register(producerGroup: string, checker: TransactionChecker, topics?: readonly string[]): () => void {
    const unregister = this.#checkers.add(producerGroup, checker, topics);
    for (const half of this.#unasked) {
      if (this.#checkerOf(half) === undefined) continue;
      this.#unasked.delete(half);
      this.#ready.add(half);
    }
    this.#startReady();
    return unregister;
  }

  /** Plans the next check-back: the first by the age of the half message, the others by the time since the last. */
  plan(half: PendingHalf): void {
    const { storeTimestampMs, checkTimes } = half.place;
    const { transactionTimeoutMs, checkIntervalMs } = this.#options;
    const periodMs = checkTimes === 0 ? (half.identity.immunityMs ?? transactionTimeoutMs) : checkIntervalMs;
    const waitMs = storeTimestampMs + periodMs - this.#clock.now();
    // Longer than the period only if the wall clock was set back since.
    this.#planIn(half, Math.min(Math.max(waitMs, 0), periodMs));
  }

  /** Takes back what is planned. */
  forget(half: PendingHalf): void {
    this.#schedule.remove(half);
    this.#ready.delete(half);
    this.#unasked.delete(half);
  }

  /** Starts no more check-backs and waits for the writes of running ones. Answers that come later are not taken: a restart asks again. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#schedule.clear();
    this.#ready.clear();
    for (const release of this.#releases) release();
    await Promise.all(this.#running);
  }

  #planIn(half: PendingHalf, waitMs: number): void {
    if (!this.#closed && !half.decided) this.#schedule.add(half, waitMs);
  }

  #makeReady(half: PendingHalf): void {
    this.#ready.add(half);
    this.#startReady();
  }

  #startReady(): void {
    for (const half of this.#ready) {
      if (this.#closed || this.#running.size >= MAX_CHECKS) return;
      this.#ready.delete(half);
      const checker = this.#checkerOf(half);
      if (half.place.checkTimes >= this.#options.checkMax) this.#start(half, () => this.#actions.setAside(half));
      else if (checker === undefined) this.#waitForChecker(half);
      else this.#start(half, () => this.#check(half, checker));
    }
  }

  #checkerOf({ identity }: PendingHalf): TransactionChecker | undefined {
    return this.#checkers.of(identity.producerGroup, identity.topic);
  }

  #waitForChecker(half: PendingHalf): void {
    this.#unasked.add(half);
    const { transactionId, producerGroup, topic } = half.identity;
    const key = `${topic}@${producerGroup}`;
    // A group that nobody answers for yet is that of an app that is still starting.
    if (!this.#checkers.has(producerGroup) || this.#told.has(key)) return;
    this.#told.add(key);
    this.#logger.warn(
      `No checker of producer group "${producerGroup}" answers for topic "${topic}": transaction ${transactionId}, and others like it, wait until one does.`,
    );
  }

  #start(half: PendingHalf, work: () => Promise<void>): void {
    const end = this.#context.activity.begin();
    const running = work()
      .catch((error: unknown) => this.#onFailed(half, error))
      .finally(() => {
        this.#running.delete(running);
        this.#startReady();
        end();
      });
    this.#running.add(running);
  }

  async #check(half: PendingHalf, checker: TransactionChecker): Promise<void> {
    const record = await this.#actions.renew(half);
    if (record !== undefined && !this.#closed) await this.#ask(half, checker, record);
  }

  /** Ends when the answer has been carried out, or is not waited for any longer. */
  #ask(half: PendingHalf, checker: TransactionChecker, record: StoredRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      let waiting = true;
      const release = (): void => {
        waiting = false;
        timer.cancel();
        this.#releases.delete(release);
        resolve();
      };
      const timer = this.#clock.setTimer(() => {
        this.#logger.warn(
          `The checker of producer group "${half.identity.producerGroup}" has not answered within ${this.#options.checkIntervalMs} ms about transaction ${half.identity.transactionId}; it is asked again.`,
        );
        const reason = `its checker has not answered within ${this.#options.checkIntervalMs} ms`;
        this.#observer?.checkFailed(half.identity, new TransactionCheckFailedError({ ...namesOf(half), reason }));
        this.plan(half);
        release();
      }, this.#options.checkIntervalMs);
      this.#releases.add(release);
      void this.#answer(half, checker, record)
        // An answer that comes after the time counts if nobody else has decided; UNKNOWN has then been assumed already.
        .then((state) => {
          timer.cancel();
          return this.#carryOut(half, state, waiting);
        })
        .catch((error: unknown) => (waiting ? reject(error) : this.#onFailed(half, error)))
        .finally(release);
    });
  }

  async #answer(half: PendingHalf, checker: TransactionChecker, record: StoredRecord): Promise<string> {
    const { transactionId, producerGroup } = half.identity;
    try {
      const state: unknown = await checker(halfView(record));
      if (state === 'COMMIT' || state === 'ROLLBACK' || state === 'UNKNOWN') return state;
      this.#logger.error(
        `The checker of producer group "${producerGroup}" gave no transaction state for transaction ${transactionId}; that counts as UNKNOWN.`,
      );
      const reason = 'its checker gave no transaction state';
      this.#observer?.checkFailed(half.identity, new TransactionCheckFailedError({ ...namesOf(half), reason }));
    } catch (error) {
      this.#logger.error(
        `The checker of producer group "${producerGroup}" failed for transaction ${transactionId}; that counts as UNKNOWN: ${String(error)}`,
        stackOf(error),
      );
      this.#observer?.checkFailed(half.identity, error);
    }
    return 'UNKNOWN';
  }

  async #carryOut(half: PendingHalf, state: string, waiting: boolean): Promise<void> {
    if (this.#closed || half.decided) return;
    if (state === 'COMMIT' || state === 'ROLLBACK') await this.#actions.decide(half, state);
    else if (waiting) this.plan(half);
  }

  #onFailed(half: PendingHalf, error: unknown): void {
    if (this.#closed) return;
    this.#logger.error(`The check-back of transaction ${half.identity.transactionId} failed: ${String(error)}`);
    // Not by its age, which may be over: that would be at once, and again and again while the disk is full.
    this.#planIn(half, this.#options.checkIntervalMs);
  }
}

function namesOf({ identity }: PendingHalf): { transactionId: string; producerGroup: string } {
  const { transactionId, producerGroup } = identity;
  return { transactionId, producerGroup };
}

/** Where a checker of the application failed. */
function stackOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('stack' in error)) return undefined;
  return typeof error.stack === 'string' ? error.stack : undefined;
}
