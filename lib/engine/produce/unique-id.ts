import { HEX_OF_BYTE } from '../store/index.js';
import type { Clock, Random } from '../types/index.js';

/**
 * Makes the ids that senders give their messages, as RocketMQ's clients do (`MessageClientIDSetter`): 32 hex digits for address, process, a
 * number that tells makers of one process apart, milliseconds since the start of the month, and a counter.
 */
export class UniqueIds {
  readonly #clock: Clock;
  readonly #prefix: string;
  #monthStartMs = 0;
  #nextMonthMs = 0;
  #lastMs = -1;
  /** Everything before the counter's low byte. Kept, because most ids differ in that byte alone. */
  #start = '';
  #counter = 0;

  /** @param address 4 bytes of IPv4 */
  constructor(clock: Clock, random: Random, address: Uint8Array, processId: number) {
    this.#clock = clock;
    const maker = hex(random.nextInt(0x10000), 4) + hex(random.nextInt(0x10000), 4);
    this.#prefix = [...address].map((byte) => hex(byte, 2)).join('') + hex(processId & 0xffff, 4) + maker;
  }

  /** @param nowMs what the clock says, if the caller has just asked it */
  next(nowMs = this.#clock.now()): string {
    this.#counter = (this.#counter + 1) & 0xffff;
    const low = this.#counter & 0xff;
    if (nowMs !== this.#lastMs || low === 0) this.#setStart(nowMs);
    return this.#start + HEX_OF_BYTE[low]!;
  }

  #setStart(nowMs: number): void {
    if (nowMs >= this.#nextMonthMs || nowMs < this.#monthStartMs) {
      const [start, next] = monthAround(nowMs);
      this.#monthStartMs = start;
      this.#nextMonthMs = next;
    }
    this.#lastMs = nowMs;
    this.#start = this.#prefix + hex((nowMs - this.#monthStartMs) >>> 0, 8) + HEX_OF_BYTE[this.#counter >>> 8]!;
  }
}

/** Start of the month (UTC) that holds the time, and of the next one. A pure function of its argument: the clock is asked elsewhere. */
function monthAround(epochMs: number): readonly [startMs: number, nextMs: number] {
  const date = new Date(epochMs);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  return [Date.UTC(year, month), Date.UTC(year, month + 1)];
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
