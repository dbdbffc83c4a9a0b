import { SCHEDULE_TOPIC } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';

export interface DelayLevelInfo {
  readonly level: number;
  readonly delayMs: number;
  /** Messages that wait. */
  readonly pending: number;
  /** When the first of them is due, epoch ms; undefined when none waits. */
  readonly nextDeliveryMs: number | undefined;
}

/** Messages that wait for a delay level, the retries of failed messages among them. */
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

  async #level(level: number, delayMs: number): Promise<DelayLevelInfo> {
    const { store } = this.#parts.context;
    const queueId = level - 1;
    const from = this.#parts.delays.undeliveredFrom(level);
    const pending = Math.max(0, store.queueRange(SCHEDULE_TOPIC, queueId).maxOffset - from);
    const [first] = pending > 0 ? await store.entries(SCHEDULE_TOPIC, queueId, from, 1) : [];
    return { level, delayMs, pending, nextDeliveryMs: first?.tagsCode };
  }
}
