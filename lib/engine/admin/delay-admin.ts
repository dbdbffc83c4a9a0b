import { SCHEDULE_TOPIC } from '../types/index.js';
import type { AdminParts, PendingTimer, TimerCounts } from './admin-parts.js';
import { checkInteger } from './argument-checks.js';

const DEFAULT_MAX_COUNT = 64;
const MAX_MAX_COUNT = 1024;

export interface DelayLevelInfo {
  readonly level: number;
  readonly delayMs: number;
  /** Messages that wait. */
  readonly pending: number;
  /** When the first of them is due, epoch ms; undefined when none waits. */
  readonly nextDeliveryMs: number | undefined;
}

/** Messages that wait: for a delay level, the retries of failed messages among them, or for a time of their own. */
export class DelayAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /** All levels, from 1 on. */
  async levels(): Promise<readonly DelayLevelInfo[]> {
    const infos: DelayLevelInfo[] = [];
    for (const [index, delayMs] of this.#parts.delays.delaysMs.entries()) {
      infos.push(await this.#level(index + 1, delayMs));
    }
    return infos;
  }

  /** How many messages wait for a time of their own, in all and by the topic that they go to. One that was just sent is counted a moment later. */
  timers(): TimerCounts {
    return this.#parts.timers.pending;
  }

  /**
   * The messages that are due next, earliest first. Those that are due later than half a `timerRollWindowMs` (a day by default) come after the rest, and
   * not necessarily all of them.
   *
   * @param maxCount 1 to 1024; default 64
   * @throws InvalidOptionError
   */
  async nextTimers(maxCount: number = DEFAULT_MAX_COUNT): Promise<readonly PendingTimer[]> {
    return this.#parts.timers.next(checkInteger('maxCount', maxCount, 1, MAX_MAX_COUNT));
  }

  async #level(level: number, delayMs: number): Promise<DelayLevelInfo> {
    const { store } = this.#parts.context;
    const queueId = level - 1;
    const from = this.#parts.delays.undeliveredFrom(level);
    const pending = Math.max(0, store.queueRange(SCHEDULE_TOPIC, queueId).maxOffset - from);
    const [first] = pending > 0 ? await store.entries(SCHEDULE_TOPIC, queueId, from, 1) : [];
    return { level, delayMs, pending, nextDeliveryMs: first?.tagsCode };
  }
}
