import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { IMPATIENT_GROUP } from './impatient.listener.js';

const GROUP = 'undertaker';

/** Dead letters lie in a topic like any other: they can be listened to. */
@MessageListener({ topic: `%DLQ%${IMPATIENT_GROUP}`, consumerGroup: GROUP })
export class DeadLetterListener implements RocketListener {
  constructor(private readonly events: EventLog) {}

  onMessage(_payload: unknown, message: MessageExt): void {
    this.events.record(GROUP, message, 'is a dead letter');
  }
}
