import type { BrokerOptions, StoreLocationOptions } from '../../lib/engine/broker-options.js';
import { SeededRandom } from '../../lib/engine/io/index.js';
import type { Random } from '../../lib/engine/types/index.js';

const HOUR_MS = 3_600_000;
const ROLL_WINDOW_STEP_MS = 2000;

/** What a simulation keeps of its messages, and for how long. */
export interface RetentionPlan {
  readonly reservedMs: number;
  /** What has not expired may go, too, while more of the disk is used than `forcibleRatio` percent. */
  readonly isForcible: boolean;
  readonly forcibleRatio: number;
  readonly storeOptions: Omit<StoreLocationOptions, 'path'>;
  /** Timers that wait are stored again at least so often. */
  readonly longestRollWindowMs: number;
}

/** @returns undefined: nothing expires while this simulation runs */
export function chooseRetention(seed: number): RetentionPlan | undefined {
  // A stream of its own: so the seeds without retention tell the stories that they told before there was any.
  const random = new SeededRandom(seed + 0.375);
  if (random.nextInt(100) >= 40) return undefined;
  const reservedMs = oneOf(random, [10_000, 30_000, 60_000]);
  const isForcible = random.nextInt(2) === 0;
  const forcibleRatio = 85;
  return {
    reservedMs,
    isForcible,
    forcibleRatio,
    longestRollWindowMs: Math.floor((reservedMs * 2) / 3 / ROLL_WINDOW_STEP_MS) * ROLL_WINDOW_STEP_MS,
    storeOptions: {
      // Small, so that there is always a file that may go.
      mappedFileSizeCommitLogBytes: oneOf(random, [6 * 1024, 8 * 1024]),
      consumeQueueFileEntries: 16,
      maxIndexNum: oneOf(random, [8, 16]),
      fileReservedTimeHours: reservedMs / HOUR_MS,
      cleanResourceIntervalMs: oneOf(random, [1000, 4000]),
      deleteFileBatchMax: oneOf(random, [1, 10]),
      cleanFileForciblyEnable: isForcible,
      diskSpaceCleanForciblyRatio: forcibleRatio,
    },
  };
}

export function withRetention(options: BrokerOptions, plan: RetentionPlan): BrokerOptions {
  return {
    ...options,
    store: { ...options.store, ...plan.storeOptions },
    timerRollWindowMs: Math.min(options.timerRollWindowMs!, plan.longestRollWindowMs),
  };
}

/** The same files, and time enough for everything to come to its end. */
export function withLongRetention(options: BrokerOptions): BrokerOptions {
  return { ...options, store: { ...options.store, fileReservedTimeHours: 72, cleanFileForciblyEnable: false } };
}

function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[random.nextInt(values.length)]!;
}
