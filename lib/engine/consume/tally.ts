import type { ConsumeCounters } from '../types/index.js';

/** Counts what becomes of the messages of one subscription of a member. */
export class Tally implements ConsumeCounters {
  consumed = 0;
  failed = 0;
  retried = 0;
  deadLettered = 0;
  timedOut = 0;
  filtered = 0;

  /** The counts as they are now; what is counted later does not change them. */
  snapshot(): ConsumeCounters {
    const { consumed, failed, retried, deadLettered, timedOut, filtered } = this;
    return { consumed, failed, retried, deadLettered, timedOut, filtered };
  }
}

/** Adds up several counts. */
export function sumOf(counters: readonly ConsumeCounters[]): ConsumeCounters {
  const sum = new Tally();
  for (const each of counters) {
    sum.consumed += each.consumed;
    sum.failed += each.failed;
    sum.retried += each.retried;
    sum.deadLettered += each.deadLettered;
    sum.timedOut += each.timedOut;
    sum.filtered += each.filtered;
  }
  return sum.snapshot();
}
