import { InvalidOptionError } from '../errors/index.js';
import type { ConsumerSpec, SubscribeOptions, SubscriptionSpec, TopicSubscription } from './types/index.js';

const MIB = 1024 * 1024;

/** Fills in RocketMQ's defaults of a subscription. What was given is checked by the consume room. */
export function withSubscribeDefaults(options: SubscribeOptions): ConsumerSpec {
  const { subscriptions } = options;
  if (!Array.isArray(subscriptions)) {
    throw new InvalidOptionError({
      option: 'subscriptions',
      value: subscriptions,
      expected: 'a list of subscriptions',
    });
  }
  return {
    ...options,
    messageModel: options.messageModel ?? 'CLUSTERING',
    consumeFromWhere: options.consumeFromWhere ?? 'CONSUME_FROM_LAST_OFFSET',
    subscriptions: options.subscriptions.map((subscription) => withDefaults(subscription)),
  };
}

function withDefaults(subscription: TopicSubscription): SubscriptionSpec {
  return {
    topic: subscription.topic,
    handler: subscription.handler,
    selector: subscription.selector ?? { type: 'TAG', expression: '*' },
    consumeMode: subscription.consumeMode ?? 'CONCURRENTLY',
    concurrency: subscription.concurrency ?? 20,
    maxReconsumeTimes: subscription.maxReconsumeTimes ?? -1,
    delayLevelWhenNextConsume: subscription.delayLevelWhenNextConsume ?? 0,
    suspendCurrentQueueTimeMs: subscription.suspendCurrentQueueTimeMs ?? 1000,
    pullThresholdForQueue: subscription.pullThresholdForQueue ?? 1000,
    pullThresholdSizeForQueueBytes: subscription.pullThresholdSizeForQueueBytes ?? 100 * MIB,
  };
}
