import type { HistogramValue } from '../types/index.js';

/** Steps for what takes between a part of a millisecond and some seconds. */
export const DURATION_BOUNDS_MS: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 3000];
/** Handlers may take minutes. The last ones are RocketMQ's (`rocketmq_process_time`). */
export const HANDLER_BOUNDS_MS: readonly number[] = [0.1, 0.5, 1, 5, 10, 50, 100, 500, 1000, 10_000, 60_000];
export const COUNT_BOUNDS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096];

/** Counts how often a value was how large. Recording allocates nothing. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** One for each bound, and one for what is above the last. */
  readonly #counts: Float64Array;
  #count = 0;
  #sum = 0;

  /** @param bounds ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index++;
    this.#counts[index]!++;
    this.#count++;
    this.#sum += value;
  }

  value<Label extends string>(labels: Readonly<Record<Label, string>>): HistogramValue<Label> {
    let below = 0;
    const buckets = this.#bounds.map((upTo, index) => {
      below += this.#counts[index]!;
      return { upTo, count: below };
    });
    return { labels, buckets, count: this.#count, sum: this.#sum };
  }
}
