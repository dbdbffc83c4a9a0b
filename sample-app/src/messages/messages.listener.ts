import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { MESSAGES_TOPIC } from './messages.types.js';

@MessageListener({ topic: MESSAGES_TOPIC, consumerGroup: 'messages' })
export class MessagesListener implements RocketListener {
  constructor(private readonly events: EventLog) {}

  onMessage(_payload: unknown, message: MessageExt): void {
    this.events.record('messages', message, 'done');
  }
}
