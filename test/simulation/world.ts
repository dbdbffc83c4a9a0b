import type { BrokerOptions } from '../../lib/engine/broker-options.js';
import { FaultyFileSystem, ManualClock, SeededRandom } from '../../lib/engine/io/index.js';
import type { MessageExt, Random } from '../../lib/engine/types/index.js';
import { Model } from './model.js';
import { chooseRetention, withLongRetention, withRetention, type RetentionPlan } from './retention-plan.js';

/** Something that must not be. Its text names what and where. */
export class Violation extends Error {}

/** What was done and seen in one simulation. */
export interface Counts {
  steps: number;
  sends: number;
  acknowledged: number;
  deliveries: number;
  crashes: number;
  restarts: number;
  /** Files of the log that retention has taken. */
  expiredFiles: number;
  /** Openings of a store that were checked as a whole. */
  checks: number;
}

/** What may go wrong in a simulation; with less, more can be asked of the broker. */
export const PROFILES = {
  /** Nothing: then no message comes twice. */
  calm: { crashes: false, errors: false, restarts: false },
  crashes: { crashes: true, errors: false, restarts: true },
  errors: { crashes: false, errors: true, restarts: true },
  all: { crashes: true, errors: true, restarts: true },
} as const;

/** What outlives a process: time, disk, chance, and what the users of the broker know. */
export class World {
  readonly seed: number;
  readonly clock = new ManualClock();
  readonly disk: FaultyFileSystem;
  readonly model = new Model();
  /** Chooses what the users do. */
  readonly choices: Random;
  /** Decides about the disks of checks; on its own, so that a check more or less changes nothing else. */
  readonly checkRandom: Random;
  readonly profile: (typeof PROFILES)[keyof typeof PROFILES];
  readonly isAsync: boolean;
  /** Groups are moved to other offsets now and then. */
  readonly movesGroups: boolean;
  /** Undefined: nothing expires. */
  readonly retention: RetentionPlan | undefined;
  /** A machine stopped under ASYNC_FLUSH. */
  hadLossyPowerCut = false;
  /** Place in the log of the last record that a handler has seen: what lies before it is not taken back any more. */
  visibleUpTo = -1;
  readonly counts: Counts = {
    steps: 0,
    sends: 0,
    acknowledged: 0,
    deliveries: 0,
    crashes: 0,
    restarts: 0,
    expiredFiles: 0,
    checks: 0,
  };
  /** True towards the end: handlers succeed and checkers know the outcome. */
  isHealing = false;
  readonly #brokerOptions: BrokerOptions;
  readonly #log: (line: string) => void;
  readonly #violations: string[] = [];

  constructor(seed: number, log: (line: string) => void) {
    this.seed = seed;
    this.#log = log;
    this.choices = new SeededRandom(seed);
    // A seed's fraction counts, so these are streams of their own.
    this.checkRandom = new SeededRandom(seed + 0.25);
    this.disk = new FaultyFileSystem({ random: new SeededRandom(seed + 0.5), clock: this.clock });
    this.profile = PROFILES[this.oneOf(['calm', 'crashes', 'errors', 'all', 'all', 'all'] as const)];
    this.isAsync = this.chance(25);
    this.movesGroups = this.chance(40);
    this.retention = chooseRetention(seed);
    const options = this.#chooseOptions();
    this.#brokerOptions = this.retention === undefined ? options : withRetention(options, this.retention);
  }

  /** Those of the next broker. */
  get brokerOptions(): BrokerOptions {
    return this.keepsAll ? withLongRetention(this.#brokerOptions) : this.#brokerOptions;
  }

  /** Towards the end nothing expires any more, so that "it was too old" excuses nothing: a broker that is started then has other options. */
  get keepsAll(): boolean {
    return this.retention !== undefined && this.isHealing && this.profile.restarts;
  }

  log(line: string): void {
    this.#log(line);
  }

  /** A handler has been given a message. */
  sawVisible({ commitLogOffset }: MessageExt): void {
    this.visibleUpTo = Math.max(this.visibleUpTo, commitLogOffset);
  }

  /** Notes what must not be; the simulation ends at its next step. */
  violated(...faults: readonly string[]): void {
    for (const fault of faults) this.log(`!! ${fault}`);
    this.#violations.push(...faults);
  }

  assertNoViolation(): void {
    if (this.#violations.length > 0) throw new Violation(this.#violations.slice(0, 5).join('\n'));
  }

  /** True `percent` times out of a hundred. */
  chance(percent: number): boolean {
    return this.choices.nextInt(100) < percent;
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.choices.nextInt(values.length)]!;
  }

  /** Lets what is under way go on for some turns of the event loop. */
  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Small files, so that a few messages fill many. */
  #chooseOptions(): BrokerOptions {
    return {
      store: {
        path: '/data/store',
        flushDiskType: this.isAsync ? 'ASYNC_FLUSH' : 'SYNC_FLUSH',
        mappedFileSizeCommitLogBytes: this.oneOf([8 * 1024, 16 * 1024, 64 * 1024]),
        consumeQueueFileEntries: this.oneOf([16, 64]),
        checkpointIntervalMs: this.oneOf([500, 5000]),
        maxOpenFiles: this.oneOf([4, 32]),
        maxHashSlotNum: this.oneOf([7, 61]),
        maxIndexNum: this.oneOf([16, 100]),
        mappedFileSizeTimerLogBytes: this.oneOf([1024, 8192]),
      },
      defaultTopicQueueNums: this.oneOf([1, 2, 4]),
      timerRollWindowMs: this.oneOf([2000, 10_000, 60_000]),
      messageDelayLevel: '1s 5s 10s 30s',
      transaction: { transactionTimeoutMs: 3000, checkIntervalMs: 5000, checkMax: 100 },
    };
  }
}
