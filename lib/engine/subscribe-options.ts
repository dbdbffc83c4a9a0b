import { InvalidOptionError } from '../errors/index.js';
import type { ConsumerSpec, SubscribeOptions, SubscriptionSpec, TopicSubscription } from './types/index.js';

const MIB = 1024 * 1024;
const DEFAULT_CONSUME_TIMEOUT_MS = 15 * 60 * 1000;
/** RocketMQ's own is 1, also for a listener of lists; whoever takes lists wants more, and this is what a RocketMQ consumer fetches at once. */
const DEFAULT_BATCH_SIZE = 32;

/** Fills in RocketMQ's defaults of a subscription. What was given is checked by the consume room. */
export function withSubscribeDefaults(options: SubscribeOptions): ConsumerSpec {
  if (!isObject(options)) {
    const expected = 'an object with a group and subscriptions';
    throw new InvalidOptionError({ option: 'options of subscribe', value: options, expected });
  }
  const { subscriptions } = options;
  if (!Array.isArray(subscriptions) || !subscriptions.every(isObject)) {
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
    batchHandler: subscription.batchHandler,
    batchSize: subscription.batchSize ?? (subscription.batchHandler === undefined ? 1 : DEFAULT_BATCH_SIZE),
    selector: subscription.selector ?? { type: 'TAG', expression: '*' },
    consumeMode: subscription.consumeMode ?? 'CONCURRENTLY',
    concurrency: subscription.concurrency ?? 20,
    maxReconsumeTimes: subscription.maxReconsumeTimes ?? -1,
    delayLevelWhenNextConsume: subscription.delayLevelWhenNextConsume ?? 0,
    suspendCurrentQueueTimeMs: subscription.suspendCurrentQueueTimeMs ?? 1000,
    consumeTimeoutMs: subscription.consumeTimeoutMs ?? DEFAULT_CONSUME_TIMEOUT_MS,
    pullThresholdForQueue: subscription.pullThresholdForQueue ?? 1000,
    pullThresholdSizeForQueueBytes: subscription.pullThresholdSizeForQueueBytes ?? 100 * MIB,
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
