import type { ConsumerSpec, SubscriptionSpec } from '../engine/index.js';
import { ListenerConflictError } from '../errors/index.js';
import type { ListenerDefinition, ResolvedListenerOptions } from './listener-definition.js';

/**
 * Makes one member of each consumer group out of the listeners that name it.
 *
 * RocketMQ asks that all members of a group have the same subscriptions, and leaves those who don't with lost messages. Within an app this
 * can be seen, so it keeps the app from starting. Two listeners with the very same subscription are refused as well: each message would
 * go to one of them, and which one would be chance.
 *
 * @throws ListenerConflictError
 */
export function planConsumers(
  listeners: readonly ListenerDefinition[],
  handlersOf: (listener: ListenerDefinition) => SubscriptionHandlers,
): readonly ConsumerSpec[] {
  const byGroup = new Map<string, ListenerDefinition[]>();
  for (const listener of listeners) {
    const members = byGroup.get(listener.options.consumerGroup) ?? [];
    for (const member of members) refuseConflict(member, listener);
    byGroup.set(listener.options.consumerGroup, [...members, listener]);
  }
  return [...byGroup].flatMap(([group, members]) => {
    const [first] = members;
    if (first === undefined) return [];
    const { messageModel, consumeFromWhere, consumeTimestampMs } = first.options;
    const subscriptions = members.map((member) => subscriptionOf(member.options, handlersOf(member)));
    return [{ group, messageModel, consumeFromWhere, consumeTimestampMs, subscriptions }];
  });
}

/** What is called for the messages of a listener: one of the two. */
export type SubscriptionHandlers = Pick<SubscriptionSpec, 'handler' | 'batchHandler'>;

function subscriptionOf(options: ResolvedListenerOptions, handlers: SubscriptionHandlers): SubscriptionSpec {
  return {
    topic: options.topic,
    selector: options.selector,
    consumeMode: options.consumeMode,
    concurrency: options.concurrency,
    maxReconsumeTimes: options.maxReconsumeTimes,
    delayLevelWhenNextConsume: options.delayLevelWhenNextConsume,
    suspendCurrentQueueTimeMs: options.suspendCurrentQueueTimeMs,
    consumeTimeoutMs: options.consumeTimeoutMs,
    pullThresholdForQueue: options.pullThresholdForQueue,
    pullThresholdSizeForQueueBytes: options.pullThresholdSizeForQueueBytes,
    batchSize: options.batchSize,
    ...handlers,
  };
}

function refuseConflict(first: ListenerDefinition, second: ListenerDefinition): void {
  const difference =
    first.options.topic === second.options.topic
      ? (differenceIn(first, second, [...SAME_IN_TOPIC, ...SAME_IN_GROUP]) ??
        'each message would go to one of them by chance')
      : differenceIn(first, second, SAME_IN_GROUP);
  if (difference === undefined) return;
  throw new ListenerConflictError({
    group: first.options.consumerGroup,
    topics: [...new Set([first.options.topic, second.options.topic])],
    first: first.name,
    second: second.name,
    difference,
  });
}

type Aspect = readonly [option: string, valueOf: (options: ResolvedListenerOptions) => string | number | undefined];

/** One for all subscriptions of a member. */
const SAME_IN_GROUP: readonly Aspect[] = [
  ['messageModel', (options) => options.messageModel],
  ['consumeFromWhere', (options) => options.consumeFromWhere],
  ['consumeTimestampMs', (options) => options.consumeTimestampMs],
];

const SAME_IN_TOPIC: readonly Aspect[] = [
  ['selectorType', (options) => options.selector.type],
  ['selectorExpression', (options) => options.selector.expression],
  ['consumeMode', (options) => options.consumeMode],
];

function differenceIn(
  first: ListenerDefinition,
  second: ListenerDefinition,
  aspects: readonly Aspect[],
): string | undefined {
  for (const [option, valueOf] of aspects) {
    const a = valueOf(first.options);
    const b = valueOf(second.options);
    if (a !== b) return `${option} is ${String(a)} in the first and ${String(b)} in the second`;
  }
  return undefined;
}
