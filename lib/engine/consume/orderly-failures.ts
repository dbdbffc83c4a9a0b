import type { StoredRecord } from '../types/index.js';
import type { ConsumeRoom } from './consume-room.js';
import { isNonRetryable, logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy, HeldMessage } from './failure-policy.js';
import type { Lane } from './lane.js';
import { withReconsumeTimes } from './redelivered-record.js';
import { SendBack } from './send-back.js';
import type { Tally } from './tally.js';

const DEFAULT_SUSPEND_MS = 1000;
/** `ConsumeMessageOrderlyService.submitConsumeRequestLater`. */
const MIN_SUSPEND_MS = 10;
const MAX_SUSPEND_MS = 30_000;
const DEAD_LETTER = -1;

/**
 * ORDERLY: the same message is tried again after a pause, in which its queue stands still and the others go on. After the last attempt, if there is one, it
 * becomes a dead letter, and the queue goes on. Attempts are counted in memory, so a restart begins again (as in RocketMQ).
 */
export class OrderlyFailures implements FailurePolicy {
  readonly #room: ConsumeRoom;
  readonly #group: string;
  readonly #suspendMs: number;
  readonly #maxReconsumeTimes: number;
  readonly #tally: Tally;
  readonly #sendBack: SendBack;

  /**
   * @param suspendMs pause before the next attempt; −1: 1 s
   * @param maxReconsumeTimes −1: attempts without end
   */
  constructor(room: ConsumeRoom, group: string, suspendMs: number, maxReconsumeTimes: number, tally: Tally) {
    this.#room = room;
    this.#group = group;
    const askedMs = suspendMs === -1 ? DEFAULT_SUSPEND_MS : suspendMs;
    this.#suspendMs = Math.min(Math.max(askedMs, MIN_SUSPEND_MS), MAX_SUSPEND_MS);
    this.#maxReconsumeTimes = maxReconsumeTimes < 0 ? Infinity : maxReconsumeTimes;
    this.#tally = tally;
    this.#sendBack = new SendBack(room, group, tally);
  }

  failed(delivery: FailedDelivery): Promise<void> | undefined {
    const { lane, messages, reason, behind = [] } = delivery;
    this.#tally.fail(messages, reason);
    const isFatal = isNonRetryable(reason);
    const last = messages.filter(({ record }) => isFatal || this.#isLast(record));
    logFailure(this.#room.logger, this.#group, delivery, this.#consequence(messages.length, last.length));
    if (last.length > 0) return this.#makeDeadLetters(delivery, last);
    this.#comeAgain(lane, messages, behind);
    return undefined;
  }

  #isLast(record: StoredRecord): boolean {
    return record.reconsumeTimes >= this.#maxReconsumeTimes;
  }

  #consequence(failed: number, last: number): string {
    const pause = `Its queue waits ${this.#suspendMs} ms for the next one.`;
    if (last === 0) return pause;
    return last === failed ? 'It is not tried again.' : `Of these, ${last} are not tried again. ${pause}`;
  }

  async #makeDeadLetters(
    { lane, messages, reason, behind = [] }: FailedDelivery,
    last: readonly HeldMessage[],
  ): Promise<void> {
    const stored = await Promise.all(
      last.map(({ record }) => this.#sendBack.store(record, DEAD_LETTER, record.reconsumeTimes, reason)),
    );
    const gone = new Set(last.filter((_, index) => stored[index] === true));
    for (const { number } of gone) lane.queue.finish(number);
    const kept = messages.filter((message) => !gone.has(message));
    this.#comeAgain(lane, kept, behind);
  }

  /** Messages go back to where they were, in their order. Without one that failed there is nothing to pause for. */
  #comeAgain(lane: Lane, failed: readonly HeldMessage[], behind: readonly HeldMessage[]): void {
    for (const { number, record } of failed) {
      this.#tally.retry(record);
      lane.queue.replace(number, withReconsumeTimes(record, record.reconsumeTimes + 1));
    }
    for (const { number } of [...failed, ...behind].toReversed()) lane.putBack(number);
    if (failed.length > 0) lane.suspend(this.#room.clock, this.#suspendMs);
    else lane.unblock();
  }
}
