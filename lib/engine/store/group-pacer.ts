/** Weight of the newest measurement. */
const SHARE_OF_NEWEST = 0.2;
/** Below this a group is not worth a sync of its own. */
const LEAST_GROUP = 16;

/**
 * Says when a group of records is to go to the disk before the burst of sends that fills it has ended.
 *
 * Mostly the answer is never: whoever comes within one turn of the event loop shares one sync. But where the app needs longer to make its sends than the disk to sync
 * them, the disk waits for the app and then the app for the disk. Then the sends under way are better off in two groups that take turns: while one is on its way to the
 * disk the app works for the other. Measured, because disks differ a thousandfold.
 */
export class GroupPacer {
  #flushMs = 0;
  #workMsPerRecord = 0;
  #cutAt = Infinity;
  /** Of the group whose senders are at work; 0 when that is over. */
  #answered = 0;
  #answeredAtMs = 0;

  /** A group of this many records does not wait for the end of the burst. */
  get cutAt(): number {
    return this.#cutAt;
  }

  /**
   * A group has got to the disk, and its senders are about to be answered.
   *
   * @param records in the group
   * @param gathered records that have come meanwhile
   */
  groupEnded(records: number, gathered: number, flushMs: number, nowMs: number): void {
    this.#flushMs = mix(this.#flushMs, flushMs);
    this.#answered = records;
    this.#answeredAtMs = nowMs;
    const underWay = records + gathered;
    const overlaps = underWay * this.#workMsPerRecord > this.#flushMs;
    this.#cutAt = overlaps ? Math.max(LEAST_GROUP, Math.ceil(underWay / 2)) : Infinity;
  }

  /** The app has had its turn: what the senders of the last group had to do is done. */
  burstEnded(nowMs: number): void {
    if (this.#answered === 0) return;
    this.#workMsPerRecord = mix(this.#workMsPerRecord, (nowMs - this.#answeredAtMs) / this.#answered);
    this.#answered = 0;
  }
}

function mix(before: number, newest: number): number {
  return before === 0 ? newest : before + (newest - before) * SHARE_OF_NEWEST;
}
