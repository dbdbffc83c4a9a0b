import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { FailingHandler } from './failing-handler.js';
import { FLAKY_TOPIC, Flaky, PATIENT_TAG } from './flaky.types.js';

const GROUP = 'patient';

/** Retries as RocketMQ does by default: after 10 s, 30 s, 1 min, … 2 h, sixteen times; then the message is a dead letter. */
@MessageListener({
  topic: FLAKY_TOPIC,
  consumerGroup: GROUP,
  selectorExpression: PATIENT_TAG,
  payloadType: Flaky,
})
export class PatientListener implements RocketListener<Flaky> {
  constructor(private readonly handler: FailingHandler) {}

  onMessage(flaky: Flaky, message: MessageExt): void {
    this.handler.handle(GROUP, flaky, message);
  }
}
