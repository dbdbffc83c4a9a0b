import { GroupConflictError, InvalidOptionError } from '../../errors/index.js';
import type { ConsumerSpec, SubscriptionSpec } from '../types/index.js';
import { checkConsumerGroup, checkSubscribedTopic } from './names.js';

/** A group that begins at a time, and does not say which, begins half an hour before (`DefaultMQPushConsumer.consumeTimestamp`). */
const DEFAULT_TIMESTAMP_AGE_MS = 30 * 60 * 1000;
const DEFAULT_PULL_THRESHOLD_FOR_CONSUMER = 20_000;
const DEFAULT_PULL_THRESHOLD_SIZE_FOR_CONSUMER_BYTES = 128 * 1024 * 1024;
const MAX_DELAY_LEVEL = 18;
/** `DefaultMQPushConsumerImpl.checkConfig`, for `consumeMessageBatchMaxSize`. */
const MAX_BATCH_SIZE = 1024;

/** What a member may say in addition about itself. */
export interface ConsumerOptions extends ConsumerSpec {
  /**
   * Names the member: letters, digits, `@`, `#`, `.`, `:`, `_` and `-`. Members share queues in the order of their names. A broadcasting member with a name goes
   * on after a restart where it was; one without begins anew by `consumeFromWhere`. Default: a name that is made up.
   */
  readonly clientId?: string | undefined;
  /** Most messages that are fetched ahead over all queues of the member, not counting one a queue. Default 20,000. */
  readonly pullThresholdForConsumer?: number | undefined;
  /** Most bytes that are fetched ahead over all queues of the member, not counting one message a queue. Default 128 MiB. */
  readonly pullThresholdSizeForConsumerBytes?: number | undefined;
}

/** A spec that has been checked, with nothing left open. */
export interface ResolvedConsumerSpec extends ConsumerOptions {
  readonly clientId: string;
  /** True when the caller has given the name, so that it means the same member after a restart. */
  readonly hasStableClientId: boolean;
  readonly consumeTimestampMs: number;
  readonly pullThresholdForConsumer: number;
  readonly pullThresholdSizeForConsumerBytes: number;
}

/**
 * Checks a spec and fills in its defaults.
 *
 * @throws NameIllegalError, InvalidOptionError, GroupConflictError
 */
export function resolveSpec(spec: ConsumerOptions, nowMs: number, makeClientId: () => string): ResolvedConsumerSpec {
  checkConsumerGroup(spec.group);
  checkSubscriptions(spec.group, spec.subscriptions);
  oneOf('messageModel', spec.messageModel, ['CLUSTERING', 'BROADCASTING']);
  oneOf('consumeFromWhere', spec.consumeFromWhere, [
    'CONSUME_FROM_LAST_OFFSET',
    'CONSUME_FROM_FIRST_OFFSET',
    'CONSUME_FROM_TIMESTAMP',
  ]);
  const resolved: ResolvedConsumerSpec = {
    ...spec,
    clientId: spec.clientId ?? makeClientId(),
    hasStableClientId: spec.clientId !== undefined,
    consumeTimestampMs: spec.consumeTimestampMs ?? Math.max(nowMs - DEFAULT_TIMESTAMP_AGE_MS, 0),
    pullThresholdForConsumer: spec.pullThresholdForConsumer ?? DEFAULT_PULL_THRESHOLD_FOR_CONSUMER,
    pullThresholdSizeForConsumerBytes:
      spec.pullThresholdSizeForConsumerBytes ?? DEFAULT_PULL_THRESHOLD_SIZE_FOR_CONSUMER_BYTES,
  };
  if (!/^[\w@#.:-]{1,255}$/.test(resolved.clientId)) {
    const expected = '1 to 255 letters, digits, "@", "#", ".", ":", "_" or "-"';
    throw new InvalidOptionError({ option: 'clientId', value: resolved.clientId, expected });
  }
  integer('consumeTimestampMs', resolved.consumeTimestampMs, 0);
  integer('pullThresholdForConsumer', resolved.pullThresholdForConsumer, 1);
  integer('pullThresholdSizeForConsumerBytes', resolved.pullThresholdSizeForConsumerBytes, 1);
  return resolved;
}

function checkSubscriptions(group: string, subscriptions: readonly SubscriptionSpec[]): void {
  if (subscriptions.length === 0) {
    throw new InvalidOptionError({ option: 'subscriptions', value: subscriptions, expected: 'at least one topic' });
  }
  const topics = new Set<string>();
  for (const subscription of subscriptions) {
    checkSubscription(group, subscription);
    if (topics.has(subscription.topic)) {
      throw new GroupConflictError({
        group,
        topic: subscription.topic,
        difference: 'one member subscribes to it twice',
      });
    }
    topics.add(subscription.topic);
  }
}

function checkSubscription(group: string, subscription: SubscriptionSpec): void {
  checkSubscribedTopic(subscription.topic, group);
  oneOf('consumeMode', subscription.consumeMode, ['CONCURRENTLY', 'ORDERLY']);
  integer('concurrency', subscription.concurrency, 1);
  integer('maxReconsumeTimes', subscription.maxReconsumeTimes, -1);
  integer('delayLevelWhenNextConsume', subscription.delayLevelWhenNextConsume, -1, MAX_DELAY_LEVEL);
  integer('pullThresholdForQueue', subscription.pullThresholdForQueue, 1);
  integer('pullThresholdSizeForQueueBytes', subscription.pullThresholdSizeForQueueBytes, 1);
  integer('suspendCurrentQueueTimeMs', subscription.suspendCurrentQueueTimeMs, -1);
  integer('consumeTimeoutMs', subscription.consumeTimeoutMs, 1);
  checkHandler(subscription);
}

function checkHandler({ handler, batchHandler, batchSize }: SubscriptionSpec): void {
  if (handler !== undefined && batchHandler !== undefined) {
    const expected = 'left out beside handler: either messages come one by one or in batches';
    throw new InvalidOptionError({ option: 'batchHandler', value: batchHandler, expected });
  }
  const [option, value] = batchHandler === undefined ? ['handler', handler] : ['batchHandler', batchHandler];
  if (typeof value !== 'function') throw new InvalidOptionError({ option, value, expected: 'a function' });
  integer('batchSize', batchSize, 1, batchHandler === undefined ? 1 : MAX_BATCH_SIZE);
}

function oneOf(option: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new InvalidOptionError({ option, value, expected: choices.map((choice) => `"${choice}"`).join(' or ') });
}

function integer(option: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new InvalidOptionError({ option, value, expected: `an integer ${range}` });
}
