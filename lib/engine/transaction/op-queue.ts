import { retryDelayMs } from '../store/index.js';
import type { ServiceContext, SubmitRecord, TimerHandle } from '../types/index.js';
import { groupOffsets, opMessage } from './op-message.js';
import { WritesUnderWay } from './writes-under-way.js';

/** Says that a half message needs nothing more. */
export interface Decision {
  readonly halfOffset: number;
  /**
   * Where the message is that the half message becomes. `none`: it becomes none, and `stored`: the op message may be written at any time. `placed`: in the log's memory; the op
   * message must lie behind it and share its fate. `lost`: it did not get to the disk, so nothing is decided.
   */
  readonly message: 'none' | 'placed' | 'stored' | 'lost';
  onOpStored(): void;
  /** The op message could not be written. It is tried again, unless the message is lost; so this may be called again. */
  onOpFailed(error: unknown): void;
}

/**
 * Writes op messages. Decisions of one burst share one; those whose message is on its way to the disk share its group. A decision whose op message could not be written stays here
 * and is tried again, because the half message must not be asked about any more: its commit may be in the log.
 */
export class OpQueue {
  readonly #context: ServiceContext;
  readonly #onWritten: (opOffset: number, halfOffsets: readonly number[]) => void;
  readonly #writes: WritesUnderWay;
  readonly #leaveGroups: () => void;
  #waiting: Decision[] = [];
  #flushDeferred = false;
  #retryTimer: TimerHandle | undefined;
  /** Failures since the last success. */
  #failures = 0;
  #closed = false;

  /** @param onWritten told of each op message that is on disk, in the order of the op topic */
  constructor(context: ServiceContext, onWritten: (opOffset: number, halfOffsets: readonly number[]) => void) {
    this.#context = context;
    this.#onWritten = onWritten;
    this.#writes = new WritesUnderWay(context.activity);
    this.#leaveGroups = context.store.onGroupClosing((add) => this.#endGroup(add));
  }

  /** Resolves when the decision is on disk. Rejects when it could not be written at once; it is then tried again. */
  add(halfOffset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ halfOffset, message: 'none', onOpStored: resolve, onOpFailed: reject });
      this.#flushSoon();
    });
  }

  /** Takes a decision whose message has just got its place in the log. The op message becomes a part of the same group. */
  follow(decision: Decision): void {
    this.#waiting.push(decision);
  }

  /** Writes what waits, once; what can't be written is found undecided, and asked about, after a restart. */
  async close(): Promise<void> {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    this.#flush();
    this.#closed = true;
    await this.#writes.whenNone();
    this.#leaveGroups();
  }

  #flushSoon(): void {
    if (this.#flushDeferred) return;
    this.#flushDeferred = true;
    this.#writes.begin();
    this.#context.clock.defer(() => {
      this.#flushDeferred = false;
      this.#flush();
      this.#writes.end();
    });
  }

  /** What the end of a group takes along is on disk exactly when the messages of the group are. */
  #endGroup(add: SubmitRecord): void {
    if (this.#waiting.length === 0) return;
    const decisions = this.#waiting.filter(({ message }) => message !== 'lost');
    this.#waiting = [];
    this.#write(decisions, add);
  }

  /** An op message that comes by itself may have to wait for room in the log, and is then stored although the group of a message before it was lost. */
  #flush(): void {
    const decisions = this.#waiting.filter(({ message }) => message === 'none' || message === 'stored');
    this.#waiting = this.#waiting.filter(({ message }) => message === 'placed');
    this.#write(decisions, (draft, waiter) => this.#context.store.submit(draft, waiter));
  }

  #write(decisions: readonly Decision[], submit: SubmitRecord): void {
    let from = 0;
    for (const halfOffsets of groupOffsets(decisions.map(({ halfOffset }) => halfOffset))) {
      const ofMessage = decisions.slice(from, from + halfOffsets.length);
      from += halfOffsets.length;
      this.#writes.begin();
      submit(opMessage(halfOffsets, this.#context.clock.now()), {
        onStored: ({ queueOffset }) => {
          this.#failures = 0;
          this.#onWritten(queueOffset, halfOffsets);
          for (const decision of ofMessage) decision.onOpStored();
          this.#writes.end();
        },
        onFailed: (error) => {
          for (const decision of ofMessage) decision.onOpFailed(error);
          this.#tryAgain(ofMessage, error);
          this.#writes.end();
        },
      });
    }
  }

  #tryAgain(failed: readonly Decision[], reason: unknown): void {
    // The messages of a group are told before its end.
    const decisions = failed.filter(({ message }) => message !== 'lost');
    if (this.#closed || decisions.length === 0) return;
    if (this.#failures === 0) {
      this.#context.logger.error(
        `Storing the decision of transactions failed; it is tried again until it succeeds: ${String(reason)}`,
      );
    }
    const retryMs = retryDelayMs(this.#failures);
    this.#failures += 1;
    this.#waiting.push(...decisions);
    this.#retryTimer ??= this.#context.clock.setTimer(() => {
      this.#retryTimer = undefined;
      this.#flush();
    }, retryMs);
  }
}
