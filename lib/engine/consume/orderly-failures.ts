import type { ConsumeRoom } from './consume-room.js';
import { isNonRetryable, logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy } from './failure-policy.js';
import { withReconsumeTimes } from './redelivered-record.js';
import { SendBack } from './send-back.js';

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
  readonly #sendBack: SendBack;

  /**
   * @param suspendMs pause before the next attempt; −1: 1 s
   * @param maxReconsumeTimes −1: attempts without end
   */
  constructor(room: ConsumeRoom, group: string, suspendMs: number, maxReconsumeTimes: number) {
    this.#room = room;
    this.#group = group;
    const askedMs = suspendMs === -1 ? DEFAULT_SUSPEND_MS : suspendMs;
    this.#suspendMs = Math.min(Math.max(askedMs, MIN_SUSPEND_MS), MAX_SUSPEND_MS);
    this.#maxReconsumeTimes = maxReconsumeTimes < 0 ? Infinity : maxReconsumeTimes;
    this.#sendBack = new SendBack(room, group);
  }

  failed(delivery: FailedDelivery): Promise<void> | undefined {
    const isLast = isNonRetryable(delivery.reason) || delivery.record.reconsumeTimes >= this.#maxReconsumeTimes;
    const consequence = isLast ? 'It is not tried again.' : `Its queue waits ${this.#suspendMs} ms for the next one.`;
    logFailure(this.#room.logger, this.#group, delivery, consequence);
    if (isLast) return this.#makeDeadLetter(delivery);
    this.#suspend(delivery);
    return undefined;
  }

  async #makeDeadLetter(delivery: FailedDelivery): Promise<void> {
    const { lane, number, record } = delivery;
    if (await this.#sendBack.store(record, DEAD_LETTER, record.reconsumeTimes)) {
      lane.queue.finish(number);
      lane.unblock();
    } else {
      this.#suspend(delivery);
    }
  }

  #suspend({ lane, number, record }: FailedDelivery): void {
    lane.queue.replace(number, withReconsumeTimes(record, record.reconsumeTimes + 1));
    lane.putBack(number);
    lane.suspend(this.#room.clock, this.#suspendMs);
  }
}
