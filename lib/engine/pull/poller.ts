import { PullPollPendingError } from '../../errors/index.js';
import type { StoredRecord } from '../types/index.js';
import { nextTurn, whileBusy } from './busy.js';
import type { CursorRound } from './cursor-round.js';
import type { PullRoom } from './pull-room.js';
import { WakeSignal } from './wake-signal.js';

/** How often a poll that waits looks at its topics again, for changes that no arrival tells of (`RebalanceService.waitInterval`). */
export const REFRESH_INTERVAL_MS = 20_000;

export interface PollerParts {
  readonly group: string;
  readonly cursors: CursorRound;
  /** Looks again at the topics that are read. */
  readonly refresh: () => void;
}

/** Reads from the queues of one pull consumer, and waits where there is nothing. One poll at a time. */
export class Poller {
  readonly #room: PullRoom;
  readonly #parts: PollerParts;
  readonly #signal: WakeSignal;
  #polling: Promise<unknown> | undefined;
  #stopped = false;

  constructor(room: PullRoom, parts: PollerParts) {
    this.#room = room;
    this.#parts = parts;
    this.#signal = new WakeSignal(room.clock);
  }

  /** @throws PullPollPendingError */
  checkFree(): void {
    if (this.#polling !== undefined) throw new PullPollPendingError({ group: this.#parts.group });
  }

  /** What the queues give may have changed. */
  wake(): void {
    this.#signal.wake();
  }

  /** Call {@link checkFree} before. */
  async poll(maxCount: number, timeoutMs: number): Promise<readonly StoredRecord[]> {
    const polling = this.#awaitMessages(maxCount, this.#room.clock.monotonicMs() + timeoutMs);
    this.#polling = polling;
    try {
      return await polling;
    } finally {
      this.#polling = undefined;
    }
  }

  /** Ends a poll that is under way: it finds nothing. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#signal.wake();
    // What went wrong in it is told to the one who polled.
    await this.#polling?.catch(() => undefined);
  }

  async #awaitMessages(maxCount: number, deadlineMs: number): Promise<readonly StoredRecord[]> {
    const { activity, clock } = this.#room;
    const { cursors, refresh } = this.#parts;
    const isOver = (): boolean => this.#stopped || clock.monotonicMs() >= deadlineMs;
    for (;;) {
      refresh();
      const { version } = this.#signal;
      if (this.#isEnabled()) await whileBusy(activity, () => cursors.fill(maxCount, isOver));
      if (this.#stopped) return [];
      const messages = this.#isEnabled() ? cursors.take(maxCount) : [];
      if (messages.length > 0) return messages;
      const restMs = deadlineMs - clock.monotonicMs();
      if (restMs <= 0) {
        // Whoever polls again and again without waiting would keep the app from all else, the sends that it waits for among it.
        await nextTurn(clock);
        return [];
      }
      await this.#signal.wait(version, Math.min(restMs, REFRESH_INTERVAL_MS));
    }
  }

  /** A group that is not enabled gets nothing. */
  #isEnabled(): boolean {
    return this.#room.groups.get(this.#parts.group)?.consumeEnable !== false;
  }
}
