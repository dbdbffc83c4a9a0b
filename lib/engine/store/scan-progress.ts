import type { Clock, EngineLogger } from '../types/index.js';

/** Who waits for an opening hears of it so often. */
const REPORT_INTERVAL_MS = 5000;
const MIB = 1024 * 1024;

/** Says now and then how far the reading of the log has got, as long as it takes. */
export class ScanProgress {
  readonly #clock: Clock;
  readonly #logger: EngineLogger;
  readonly #startedMs: number;
  #reportedMs: number;

  constructor(clock: Clock, logger: EngineLogger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#startedMs = clock.monotonicMs();
    this.#reportedMs = this.#startedMs;
  }

  /** @param endOffset where the files end: the log ends there or before */
  reached(offset: number, endOffset: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#reportedMs < REPORT_INTERVAL_MS) return;
    this.#reportedMs = nowMs;
    const seconds = Math.round((nowMs - this.#startedMs) / 1000);
    this.#logger.log(
      `The log is being read again for ${seconds} s: at ${Math.floor(offset / MIB)} of at most ${Math.floor(endOffset / MIB)} MiB`,
    );
  }
}
