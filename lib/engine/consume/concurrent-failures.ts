import type { StoredRecord } from '../types/index.js';
import type { ConsumeRoom } from './consume-room.js';
import { isNonRetryable, logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy, HeldMessage } from './failure-policy.js';
import type { Lane } from './lane.js';
import { SendBack } from './send-back.js';
import type { Tally } from './tally.js';

/** Retries when the subscription does not say (`DefaultMQPushConsumerImpl.getMaxReconsumeTimes`). */
const DEFAULT_MAX_RECONSUME_TIMES = 16;
const DEAD_LETTER = -1;
/** What a message waits whose handler was given up (`ProcessQueue.cleanExpiredMsg`). */
const TIMED_OUT_LEVEL = 3;

/**
 * CLUSTERING and CONCURRENTLY: the message is stored again for a later delivery, and only when that is on disk the failed one is done. If it cannot be
 * stored, the message is kept and handled again after a while (`ConsumeMessageConcurrentlyService.processConsumeResult`).
 */
export class ConcurrentFailures implements FailurePolicy {
  readonly #room: ConsumeRoom;
  readonly #group: string;
  readonly #delayLevel: number;
  readonly #maxReconsumeTimes: number;
  readonly #tally: Tally;
  readonly #sendBack: SendBack;

  /**
   * @param delayLevel as `SubscriptionSpec.delayLevelWhenNextConsume`
   * @param maxReconsumeTimes as in `SubscriptionSpec`
   */
  constructor(room: ConsumeRoom, group: string, delayLevel: number, maxReconsumeTimes: number, tally: Tally) {
    this.#room = room;
    this.#group = group;
    this.#delayLevel = delayLevel;
    this.#maxReconsumeTimes = maxReconsumeTimes < 0 ? DEFAULT_MAX_RECONSUME_TIMES : maxReconsumeTimes;
    this.#tally = tally;
    this.#sendBack = new SendBack(room, group, tally);
  }

  failed(delivery: FailedDelivery): Promise<void> {
    const { lane, messages, reason } = delivery;
    this.#tally.fail(messages, reason);
    const level = this.#levelAfter(delivery);
    logFailure(this.#room.logger, this.#group, delivery, this.#consequence(messages, level));
    if (messages.length === 1) return this.#store(lane, messages[0]!, level, reason);
    return Promise.all(messages.map((message) => this.#store(lane, message, level, reason))).then(() => undefined);
  }

  #levelAfter({ reason, timedOut = false }: FailedDelivery): number {
    if (isNonRetryable(reason)) return DEAD_LETTER;
    return timedOut ? TIMED_OUT_LEVEL : this.#delayLevel;
  }

  #consequence(messages: readonly HeldMessage[], level: number): string {
    const last = messages.filter(({ record }) => this.#isLast(record, level)).length;
    if (last === 0) return 'It is tried again later.';
    return last === messages.length ? 'It is not tried again.' : `Of these, ${last} are not tried again.`;
  }

  #isLast(record: StoredRecord, level: number): boolean {
    return level < 0 || record.reconsumeTimes >= this.#maxReconsumeTimes;
  }

  async #store(lane: Lane, { number, record }: HeldMessage, level: number, reason: unknown): Promise<void> {
    if (await this.#sendBack.store(record, level, this.#maxReconsumeTimes, reason)) {
      lane.queue.finish(number);
    } else {
      this.#tally.retry(record);
      lane.queue.park(lane, number);
    }
  }
}
