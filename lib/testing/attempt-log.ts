import type { MessageExt } from '../engine/index.js';

/** One call of a handler that has ended. */
export interface Attempt {
  readonly topic: string;
  readonly consumerGroup: string;
  /** What the handler was given. */
  readonly message: MessageExt;
  /** Its body, as the converter makes it without a payload type: text, bytes, or what JSON holds. */
  readonly payload: unknown;
  /** CONSUMED: it returned. FAILED: it threw, see `error`. RECONSUME_LATER: it asked for the message to come again. */
  readonly outcome: 'CONSUMED' | 'FAILED' | 'RECONSUME_LATER';
  readonly error?: unknown;
}

/** Every attempt since the start, and who waits for the next one. */
export class AttemptLog {
  readonly #attempts: Attempt[] = [];
  #waiting: (() => void)[] = [];

  add(attempt: Attempt): void {
    this.#attempts.push(attempt);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  matching(matches: (attempt: Attempt) => boolean): readonly Attempt[] {
    return this.#attempts.filter((attempt) => matches(attempt));
  }

  /** Resolves with the next attempt, or when the signal is given. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
