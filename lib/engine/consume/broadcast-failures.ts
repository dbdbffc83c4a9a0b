import type { ConsumeRoom } from './consume-room.js';
import { logFailure } from './failure-log.js';
import type { FailedDelivery, FailurePolicy } from './failure-policy.js';

/** BROADCASTING: a message that failed is logged and let go; other members have had it, and nobody stores it again for one of them alone. */
export class BroadcastFailures implements FailurePolicy {
  readonly #room: ConsumeRoom;
  readonly #group: string;

  constructor(room: ConsumeRoom, group: string) {
    this.#room = room;
    this.#group = group;
  }

  failed(delivery: FailedDelivery): undefined {
    logFailure(this.#room.logger, this.#group, delivery, 'A broadcast message is not tried again.');
    delivery.lane.queue.finish(delivery.number);
    delivery.lane.unblock();
  }
}
