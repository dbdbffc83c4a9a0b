import { GroupConflictError, InvalidOptionError } from '../errors/index.js';
import { checkInteger, checkName } from './option-checks.js';
import { checkGroupName, checkTopicName } from './produce/index.js';
import type { ConsumerSpec, SubscribeOptions, SubscriptionSpec, TopicSubscription } from './types/index.js';

const MIB = 1024 * 1024;

/**
 * Checks what a subscription asks for, and fills in RocketMQ's defaults.
 *
 * @throws NameIllegalError, InvalidOptionError, GroupConflictError
 */
export function resolveSubscription(options: SubscribeOptions, maxDelayLevel: number): ConsumerSpec {
  checkGroupName(options.group);
  const { subscriptions } = options;
  if (!Array.isArray(subscriptions) || subscriptions.length === 0) {
    throw new InvalidOptionError({
      option: 'subscriptions',
      value: subscriptions,
      expected: 'a list of at least one subscription',
    });
  }
  const consumeTimestampMs = options.consumeTimestampMs;
  return {
    group: options.group,
    messageModel: checkName('messageModel', options.messageModel, ['CLUSTERING', 'BROADCASTING']),
    consumeFromWhere: checkName('consumeFromWhere', options.consumeFromWhere, [
      'CONSUME_FROM_LAST_OFFSET',
      'CONSUME_FROM_FIRST_OFFSET',
      'CONSUME_FROM_TIMESTAMP',
    ]),
    ...(consumeTimestampMs !== undefined && {
      consumeTimestampMs: checkInteger('consumeTimestampMs', consumeTimestampMs, 0, 0),
    }),
    subscriptions: checkTopics(
      options.group,
      options.subscriptions.map((each) => resolveTopic(each, maxDelayLevel)),
    ),
  };
}

function resolveTopic(subscription: TopicSubscription, maxDelayLevel: number): SubscriptionSpec {
  const { topic, handler } = subscription;
  checkTopicName(topic);
  const option = (name: string): string => `${name} of the subscription to "${topic}"`;
  if (typeof handler !== 'function') {
    throw new InvalidOptionError({ option: option('handler'), value: handler, expected: 'a function' });
  }
  return {
    topic,
    handler,
    selector: subscription.selector ?? { type: 'TAG', expression: '*' },
    consumeMode: checkName(option('consumeMode'), subscription.consumeMode, ['CONCURRENTLY', 'ORDERLY']),
    concurrency: checkInteger(option('concurrency'), subscription.concurrency, 20, 1, 10_000),
    maxReconsumeTimes: checkInteger(option('maxReconsumeTimes'), subscription.maxReconsumeTimes, -1, -1),
    delayLevelWhenNextConsume: checkInteger(
      option('delayLevelWhenNextConsume'),
      subscription.delayLevelWhenNextConsume,
      0,
      -1,
      maxDelayLevel,
    ),
    suspendCurrentQueueTimeMs: checkInteger(
      option('suspendCurrentQueueTimeMs'),
      subscription.suspendCurrentQueueTimeMs,
      1000,
      10,
      30_000,
    ),
    pullThresholdForQueue: checkInteger(
      option('pullThresholdForQueue'),
      subscription.pullThresholdForQueue,
      1000,
      1,
      65_535,
    ),
    pullThresholdSizeForQueueBytes: checkInteger(
      option('pullThresholdSizeForQueueBytes'),
      subscription.pullThresholdSizeForQueueBytes,
      100 * MIB,
      1,
    ),
  };
}

function checkTopics(group: string, subscriptions: readonly SubscriptionSpec[]): readonly SubscriptionSpec[] {
  const seen = new Set<string>();
  for (const { topic } of subscriptions) {
    if (seen.has(topic)) throw new GroupConflictError({ group, topic, difference: 'the topic stands in it twice' });
    seen.add(topic);
  }
  return subscriptions;
}
