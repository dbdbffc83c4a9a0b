import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { EventLog } from '../events/event-log.js';
import { requireValidMessage } from '../validation/require-valid-message.js';
import { OrderStep, STEPS_TOPIC } from './steps.types.js';

const GROUP = 'order-steps';

/** Takes the steps of one queue one at a time. When one fails, those behind it wait until it has succeeded; the other queues go on. */
@MessageListener({
  topic: STEPS_TOPIC,
  consumerGroup: GROUP,
  consumeMode: 'ORDERLY',
  suspendCurrentQueueTimeMs: 500,
  payloadType: OrderStep,
})
export class StepsListener implements RocketListener<OrderStep> {
  constructor(private readonly events: EventLog) {}

  onMessage(payload: OrderStep, message: MessageExt): void {
    requireValidMessage(payload);
    const { orderNo, step, failTimes } = payload;
    const fails = message.reconsumeTimes < failTimes;
    this.events.record(GROUP, message, fails ? `${step} threw` : step);
    if (fails) throw new Error(`Step ${step} of order ${orderNo} fails, as asked`);
  }
}
