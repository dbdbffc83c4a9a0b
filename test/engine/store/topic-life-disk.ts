import { FaultyFileSystem, ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import type { Random } from '../../../lib/engine/types/index.js';

const KIB = 1024;
const ROOM_BYTES = 64 * KIB * KIB;
/** No error of a disk explains these: what is on it can always be opened. */
const NEVER = /STORE_(CORRUPT|FORMAT|VERSION|LOCKED)/;
const NO_ROOM = /ENOSPC| is full/;

/** A disk that fails, and loses what it may lose. A tiny one is full again and again, so that old files of the log have to go. */
export class StoryDisk {
  readonly files: FaultyFileSystem;
  readonly #isTiny: boolean;
  readonly #random: Random;
  #hasRoom = true;

  constructor(seed: number, isTiny: boolean) {
    this.#isTiny = isTiny;
    // A seed's fraction counts, so these are streams of their own.
    this.#random = new SeededRandom(seed + 0.25);
    const random = new SeededRandom(seed + 0.5);
    this.files = new FaultyFileSystem({ random, clock: new ManualClock(), totalBytes: ROOM_BYTES });
    this.tighten();
  }

  /** Calls fail now and then. */
  fail(): void {
    this.files.setFaults({ errorsPerMille: 5 + this.#random.nextInt(60), codes: ['EIO', 'ENOSPC', 'EMFILE'] });
  }

  slowDown(): void {
    this.files.setFaults({ maxLatencyTurns: this.#random.nextInt(6) });
  }

  /** Nothing fails any more, unless it is for want of room. */
  work(): void {
    this.files.clearFaults();
  }

  /** Gives a tiny disk another size, which may be less than what is on it. */
  tighten(): void {
    if (!this.#isTiny) return;
    this.#hasRoom = false;
    this.files.resize((100 + this.#random.nextInt(400)) * KIB);
  }

  makeRoom(): void {
    this.#hasRoom = true;
    this.files.resize(ROOM_BYTES);
  }

  crash(kind: 'power' | 'process'): void {
    this.files.crash(kind);
  }

  /** Whether a call of the store may fail like this, as the disk is now. */
  explains(failure: string): boolean {
    if (NEVER.test(failure)) return false;
    return this.files.hasFaults || (!this.#hasRoom && NO_ROOM.test(failure));
  }
}
