import type { ServiceContext, TimerHandle } from '../types/index.js';
import { groupOffsets, opMessage } from './op-message.js';

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;

interface WaitingOp {
  readonly halfOffset: number;
  /** Undefined for one that is tried again: its caller knows already that it failed. */
  readonly waiter: { resolve(): void; reject(error: unknown): void } | undefined;
}

/**
 * Writes op messages. Decisions of one burst share one. A decision whose op message could not be written stays here and is tried again, because
 * the half message must not be asked about any more: its commit may be in the log.
 */
export class OpQueue {
  readonly #context: ServiceContext;
  readonly #onWritten: (opOffset: number, halfOffsets: readonly number[]) => void;
  #waiting: WaitingOp[] = [];
  #flushDeferred = false;
  #retryTimer: TimerHandle | undefined;
  /** Failures since the last success. */
  #failures = 0;
  /** Ends when all writes up to now have ended; each is told to `#onWritten` after the one before, as the op topic has them. */
  #lastWrite: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param onWritten told of each op message that is on disk, in the order of the op topic */
  constructor(context: ServiceContext, onWritten: (opOffset: number, halfOffsets: readonly number[]) => void) {
    this.#context = context;
    this.#onWritten = onWritten;
  }

  /** Resolves when the decision is on disk. Rejects when it could not be written at once; it is then tried again. */
  add(halfOffset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ halfOffset, waiter: { resolve, reject } });
      this.#flushSoon();
    });
  }

  /** Writes what waits, once; what can't be written is found undecided, and asked about, after a restart. */
  async close(): Promise<void> {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    this.#flush();
    this.#closed = true;
    await this.#lastWrite;
  }

  #flushSoon(): void {
    if (this.#flushDeferred) return;
    this.#flushDeferred = true;
    const end = this.#context.activity.begin();
    this.#context.clock.defer(() => {
      this.#flushDeferred = false;
      this.#flush();
      end();
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let from = 0;
    for (const group of groupOffsets(waiting.map((op) => op.halfOffset))) {
      this.#lastWrite = this.#write(waiting.slice(from, from + group.length), this.#lastWrite);
      from += group.length;
    }
  }

  async #write(ops: readonly WaitingOp[], before: Promise<void>): Promise<void> {
    const end = this.#context.activity.begin();
    const halfOffsets = ops.map((op) => op.halfOffset);
    const op = opMessage(halfOffsets, this.#context.clock.now());
    const [appended] = await Promise.allSettled([this.#context.store.append(op), before]);
    if (appended.status === 'fulfilled') {
      this.#failures = 0;
      this.#onWritten(appended.value.queueOffset, halfOffsets);
      for (const { waiter } of ops) waiter?.resolve();
    } else {
      for (const { waiter } of ops) waiter?.reject(appended.reason);
      this.#tryAgain(halfOffsets, appended.reason);
    }
    end();
  }

  #tryAgain(halfOffsets: readonly number[], reason: unknown): void {
    if (this.#closed) return;
    if (this.#failures === 0) {
      this.#context.logger.error(
        `Storing the decision of transactions failed; it is tried again until it succeeds: ${String(reason)}`,
      );
    }
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, MAX_RETRY_MS);
    this.#failures += 1;
    for (const halfOffset of halfOffsets) this.#waiting.push({ halfOffset, waiter: undefined });
    this.#retryTimer ??= this.#context.clock.setTimer(() => {
      this.#retryTimer = undefined;
      this.#flush();
    }, retryMs);
  }
}
