import { Injectable } from '@nestjs/common';
import type { MessageExt } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import type { Flaky } from './flaky.types.js';

/** Fails as often as the message says. The message itself knows how often it was delivered, so nothing is counted here. */
@Injectable()
export class FailingHandler {
  constructor(private readonly events: EventLog) {}

  handle(consumerGroup: string, flaky: Flaky, message: MessageExt): void {
    requireValidMessage(flaky);
    const attempt = message.reconsumeTimes + 1;
    const fails = attempt <= flaky.failTimes;
    this.events.record(consumerGroup, message, fails ? 'threw' : 'done');
    if (fails) throw new Error(`Attempt ${attempt} at ${flaky.id} fails, as asked`);
  }
}
