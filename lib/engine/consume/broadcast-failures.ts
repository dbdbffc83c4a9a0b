import type { ConsumeRoom } from './consume-room.js';
import { logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy } from './failure-policy.js';
import type { Tally } from './tally.js';

/** BROADCASTING: a message that failed is logged and let go; other members have had it, and nobody stores it again for one of them alone. */
export class BroadcastFailures implements FailurePolicy {
  readonly #room: ConsumeRoom;
  readonly #group: string;
  readonly #tally: Tally;

  constructor(room: ConsumeRoom, group: string, tally: Tally) {
    this.#room = room;
    this.#group = group;
    this.#tally = tally;
  }

  failed(delivery: FailedDelivery): undefined {
    const { lane, messages, behind = [] } = delivery;
    this.#tally.fail(messages, delivery.reason);
    logFailure(this.#room.logger, this.#group, delivery, 'A broadcast message is not tried again.');
    for (const { number } of messages) lane.queue.finish(number);
    for (const { number } of behind.toReversed()) lane.putBack(number);
    lane.unblock();
  }
}
