import { DiskFullError } from '../../errors/index.js';
import type { EngineLogger, FileSystem } from '../types/index.js';

/** How much of a disk may be used. Percentages are RocketMQ's, and are of what this process may use at all. */
export interface DiskLimits {
  /** Over it, expired files go at any hour. RocketMQ: `diskMaxUsedSpaceRatio`. */
  readonly diskMaxUsedSpaceRatio: number;
  /** Over it, the oldest files go though they have not expired, if that is allowed. RocketMQ: `diskSpaceCleanForciblyRatio`. */
  readonly diskSpaceCleanForciblyRatio: number;
  /** Over it, sends are refused. RocketMQ: `diskSpaceWarningLevelRatio`. */
  readonly diskSpaceWarningLevelRatio: number;
  /** With so much room left no percentage counts: a tenth of a large disk is a lot. */
  readonly diskFreeSpaceEnoughBytes: number;
}

/** Which of the limits are passed at present. */
export interface DiskPressure {
  readonly usedPercent: number;
  readonly isCrowded: boolean;
  readonly needsCleaning: boolean;
  readonly isFull: boolean;
}

const NO_PRESSURE: DiskPressure = { usedPercent: 0, isCrowded: false, needsCleaning: false, isFull: false };

/**
 * Looks at the disk of the store now and then, and says whether sends are to be refused. What keeps consumption going (retries, decisions of transactions,
 * delayed messages that are due) is still written: for that the last part of the disk is kept.
 */
export class DiskWatch {
  readonly #path: string;
  readonly #limits: DiskLimits;
  readonly #fileSystem: FileSystem;
  readonly #logger: EngineLogger;
  #pressure = NO_PRESSURE;
  #freeBytes = 0;
  #lookFailed = false;

  constructor(path: string, limits: DiskLimits, fileSystem: FileSystem, logger: EngineLogger) {
    this.#path = path;
    this.#limits = limits;
    this.#fileSystem = fileSystem;
    this.#logger = logger;
  }

  /** Why a send must not be stored at present; undefined: it may. */
  refusal(): DiskFullError | undefined {
    if (!this.#pressure.isFull) return undefined;
    const { diskSpaceWarningLevelRatio: limitPercent } = this.#limits;
    const { usedPercent } = this.#pressure;
    return new DiskFullError({ path: this.#path, usedPercent, limitPercent, freeBytes: this.#freeBytes });
  }

  /** Looks at the disk. Never rejects: as long as it can't be asked, what was seen last counts. */
  async look(): Promise<DiskPressure> {
    try {
      const { totalBytes, freeBytes } = await this.#fileSystem.diskUsage(this.#path);
      this.#lookFailed = false;
      this.#note(totalBytes, freeBytes);
    } catch (error) {
      if (!this.#lookFailed) this.#logger.warn(`The disk of "${this.#path}" can't be looked at: ${String(error)}`);
      this.#lookFailed = true;
    }
    return this.#pressure;
  }

  #note(totalBytes: number, freeBytes: number): void {
    const limits = this.#limits;
    // RocketMQ rounds up, too (`UtilAll.getDiskPartitionSpaceUsedPercent`).
    const usedPercent = totalBytes > 0 ? Math.ceil(((totalBytes - freeBytes) * 100) / totalBytes) : 0;
    const isOver = (limitPercent: number): boolean =>
      freeBytes < limits.diskFreeSpaceEnoughBytes && usedPercent > limitPercent;
    const isFull = isOver(limits.diskSpaceWarningLevelRatio);
    if (isFull && !this.#pressure.isFull) {
      this.#logger.error(
        `The disk of the store at "${this.#path}" is full (${usedPercent} % used, ${freeBytes} bytes free): sends are refused until there is room. Consumption goes on.`,
      );
    } else if (!isFull && this.#pressure.isFull) {
      this.#logger.log(
        `The disk of the store at "${this.#path}" has room again (${usedPercent} % used): sends are taken.`,
      );
    }
    this.#freeBytes = freeBytes;
    this.#pressure = {
      usedPercent,
      isCrowded: isOver(limits.diskMaxUsedSpaceRatio),
      needsCleaning: isOver(limits.diskSpaceCleanForciblyRatio),
      isFull,
    };
  }
}
