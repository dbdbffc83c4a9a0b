import { Logger } from '@nestjs/common';
import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { LOVE_TOPIC } from './love.types.js';

@MessageListener({ topic: LOVE_TOPIC, consumerGroup: 'madoka', payloadType: String })
export class LoveListener implements RocketListener<string> {
  readonly #logger = new Logger(LoveListener.name);

  constructor(private readonly events: EventLog) {}

  onMessage(text: string, message: MessageExt): void {
    this.#logger.log(`madoka got ${JSON.stringify(text)}`);
    this.events.record('madoka', message, 'done', text);
  }
}
