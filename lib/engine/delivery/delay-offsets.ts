import { dataVersionOf, firstDataVersion, nextDataVersion, tableOf, type DataVersion } from '../store/index.js';
import type { Clock, StateDirectory, StateFile } from '../types/index.js';

const FILE_NAME = 'delayOffset.json';
/** RocketMQ: `flushDelayOffsetInterval`. What was delivered since the last flush is delivered again after a crash. */
const FLUSH_INTERVAL_MS = 10_000;
/** RocketMQ: `delayOffsetUpdateVersionStep`. */
const VERSION_STEP = 200;

/**
 * How far each delay level is delivered, kept in `config/delayOffset.json` in RocketMQ's shape:
 * `{"dataVersion":{...},"offsetTable":{"1":0,"3":5}}`, keyed by level.
 */
export class DelayOffsets {
  readonly #clock: Clock;
  readonly #offsets = new Map<number, number>();
  #file: StateFile | undefined;
  #dataVersion: DataVersion;
  #updates = 0;

  private constructor(clock: Clock) {
    this.#clock = clock;
    this.#dataVersion = firstDataVersion(clock.now());
  }

  /** Reads what is there. What is not an offset of a level is left out: such a level starts at the beginning of its queue. */
  static async open(state: StateDirectory, clock: Clock): Promise<DelayOffsets> {
    const offsets = new DelayOffsets(clock);
    const file = await state.open(FILE_NAME, {
      snapshot: () => offsets.#snapshot(),
      flushIntervalMs: FLUSH_INTERVAL_MS,
    });
    offsets.#file = file;
    offsets.#read(file.initial);
    return offsets;
  }

  /** First offset of the level's queue that is not known to be delivered. */
  get(level: number): number | undefined {
    return this.#offsets.get(level);
  }

  set(level: number, offset: number): void {
    if (this.#offsets.get(level) === offset) return;
    this.#offsets.set(level, offset);
    this.#updates += 1;
    if (this.#updates % VERSION_STEP === 0) {
      this.#dataVersion = nextDataVersion(this.#dataVersion, this.#clock.now());
    }
    this.#file?.markDirty();
  }

  /** Resolves when the present offsets are on disk. */
  async flush(): Promise<void> {
    await this.#file?.flush();
  }

  #snapshot(): unknown {
    const levels = [...this.#offsets].toSorted(([a], [b]) => a - b);
    return { dataVersion: this.#dataVersion, offsetTable: Object.fromEntries(levels) };
  }

  #read(content: unknown): void {
    this.#dataVersion = dataVersionOf(content, this.#clock.now());
    for (const [key, offset] of Object.entries(tableOf(content, 'offsetTable'))) {
      if (/^[1-9]\d{0,8}$/.test(key) && isOffset(offset)) this.#offsets.set(Number(key), offset);
    }
  }
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
