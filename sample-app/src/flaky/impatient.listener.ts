import { MessageListener, type MessageExt, type RocketListener } from 'nestjs-rocket';
import { FailingHandler } from './failing-handler.js';
import { FLAKY_TOPIC, Flaky, IMPATIENT_TAG } from './flaky.types.js';

export const IMPATIENT_GROUP = 'impatient';

/** Two retries, each after one second (delay level 1); then the message is a dead letter. */
@MessageListener({
  topic: FLAKY_TOPIC,
  consumerGroup: IMPATIENT_GROUP,
  selectorExpression: IMPATIENT_TAG,
  maxReconsumeTimes: 2,
  delayLevelWhenNextConsume: 1,
  payloadType: Flaky,
})
export class ImpatientListener implements RocketListener<Flaky> {
  constructor(private readonly handler: FailingHandler) {}

  onMessage(flaky: Flaky, message: MessageExt): void {
    this.handler.handle(IMPATIENT_GROUP, flaky, message);
  }
}
