import { RETRY_TOPIC_PREFIX, type MaybePromise, type MessageStore } from '../types/index.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';

/** What decides where a member begins. */
export type StartRule = Pick<ResolvedConsumerSpec, 'consumeFromWhere' | 'consumeTimestampMs' | 'messageModel'>;

/**
 * Where a group without a stored offset begins in a queue that was there when it subscribed. Queues that come later are read from
 * their beginning whatever the rule says, because nothing in them is older than the subscription.
 *
 * - A retry topic: from its beginning, for all that is in it is meant for this group.
 * - CONSUME_FROM_FIRST_OFFSET: from the oldest message.
 * - CONSUME_FROM_TIMESTAMP: from the first message that was stored then or later.
 * - CONSUME_FROM_LAST_OFFSET: after the newest message; but from the beginning in a queue that nothing was ever deleted from. A young topic's first messages are
 *   mostly meant for a consumer that comes up a moment after the producer.
 *
 * The last exception is RocketMQ's (`ConsumerManageProcessor.queryConsumerOffset`). There it asks in addition whether message 0 is still in the page cache, by
 * a share of the machine's memory, and it overrules a timestamp, too. Here the rule depends on the log alone, so that the same
 * store gives the same answer on every machine; and who names a time gets that time. In BROADCASTING RocketMQ's client decides alone and knows no exception.
 */
export function startPosition(
  store: MessageStore,
  topic: string,
  queueId: number,
  rule: StartRule,
): MaybePromise<number> {
  const { minOffset, maxOffset } = store.queueRange(topic, queueId);
  if (topic.startsWith(RETRY_TOPIC_PREFIX)) return minOffset;
  if (rule.consumeFromWhere === 'CONSUME_FROM_FIRST_OFFSET') return minOffset;
  if (rule.consumeFromWhere === 'CONSUME_FROM_TIMESTAMP') {
    return store.offsetByTime(topic, queueId, rule.consumeTimestampMs);
  }
  return rule.messageModel === 'CLUSTERING' && minOffset === 0 ? 0 : maxOffset;
}
