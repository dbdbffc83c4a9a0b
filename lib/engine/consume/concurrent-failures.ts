import type { ConsumeRoom } from './consume-room.js';
import { isNonRetryable, logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy } from './failure-policy.js';
import { SendBack } from './send-back.js';

/** Retries when the subscription does not say (`DefaultMQPushConsumerImpl.getMaxReconsumeTimes`). */
const DEFAULT_MAX_RECONSUME_TIMES = 16;
const DEAD_LETTER = -1;

/**
 * CLUSTERING and CONCURRENTLY: the message is stored again for a later delivery, and only when that is on disk the failed one is done. If it cannot be
 * stored, the message is kept and handled again after a while (`ConsumeMessageConcurrentlyService.processConsumeResult`).
 */
export class ConcurrentFailures implements FailurePolicy {
  readonly #room: ConsumeRoom;
  readonly #group: string;
  readonly #delayLevel: number;
  readonly #maxReconsumeTimes: number;
  readonly #sendBack: SendBack;

  /**
   * @param delayLevel as `SubscriptionSpec.delayLevelWhenNextConsume`
   * @param maxReconsumeTimes as in `SubscriptionSpec`
   */
  constructor(room: ConsumeRoom, group: string, delayLevel: number, maxReconsumeTimes: number) {
    this.#room = room;
    this.#group = group;
    this.#delayLevel = delayLevel;
    this.#maxReconsumeTimes = maxReconsumeTimes < 0 ? DEFAULT_MAX_RECONSUME_TIMES : maxReconsumeTimes;
    this.#sendBack = new SendBack(room, group);
  }

  failed(delivery: FailedDelivery): Promise<void> {
    const isLast = isNonRetryable(delivery.reason);
    logFailure(
      this.#room.logger,
      this.#group,
      delivery,
      isLast ? 'It is not tried again.' : 'It is tried again later.',
    );
    return this.#store(delivery, isLast ? DEAD_LETTER : this.#delayLevel);
  }

  async #store({ lane, number, record }: FailedDelivery, delayLevel: number): Promise<void> {
    if (await this.#sendBack.store(record, delayLevel, this.#maxReconsumeTimes)) lane.queue.finish(number);
    else lane.queue.park(lane, number);
  }
}
