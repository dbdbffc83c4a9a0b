import { isPayloadType } from '../converter/index.js';
import type { MessageListenerOptions } from '../decorators/message-listener.decorator.js';
import { ListenerOptionError, UnknownOptionError } from '../errors/index.js';
import { consumerGroupRule, storeNameRule, topicRule } from '../rocket.names.js';
import { aBoolean, checkOptions, integer, nonBlankText, oneOf, type OptionRules } from '../rocket.option-rules.js';
import type { ResolvedListenerOptions } from './listener-definition.js';

const RULES: OptionRules<MessageListenerOptions> = {
  id: nonBlankText,
  store: storeNameRule,
  topic: topicRule,
  consumerGroup: consumerGroupRule,
  selectorType: oneOf('TAG', 'SQL92'),
  selectorExpression: nonBlankText,
  consumeMode: oneOf('CONCURRENTLY', 'ORDERLY'),
  messageModel: oneOf('CLUSTERING', 'BROADCASTING'),
  // Every handler that runs holds its message in memory, so there is a limit.
  concurrency: integer(1, 10_000),
  maxReconsumeTimes: integer(-1),
  delayLevelWhenNextConsume: integer(-1, 18),
  // RocketMQ moves other values to these limits without a word.
  suspendCurrentQueueTimeMs: integer(10, 30_000),
  consumeTimeoutMs: integer(1),
  batchSize: integer(1, 1024),
  consumeFromWhere: oneOf('CONSUME_FROM_LAST_OFFSET', 'CONSUME_FROM_FIRST_OFFSET', 'CONSUME_FROM_TIMESTAMP'),
  consumeTimestampMs: integer(0),
  pullThresholdForQueue: integer(1, 65_535),
  pullThresholdSizeForQueueBytes: integer(1),
  payloadType: {
    expected: 'a class, or an array with one class in it',
    accepts: isPayloadType,
  },
  replies: aBoolean,
  onUnreadablePayload: oneOf('DEAD_LETTER', 'RETRY', 'DISCARD'),
  onInvalidPayload: oneOf('DEAD_LETTER', 'RETRY', 'DISCARD'),
  onForbidden: oneOf('DEAD_LETTER', 'RETRY', 'DISCARD'),
};

/**
 * @param listener how errors name it
 * @throws ListenerOptionError, UnknownOptionError
 */
export function resolveListenerOptions(listener: string, options: MessageListenerOptions): ResolvedListenerOptions {
  const invalid = (option: string, value: unknown, expected: string): Error =>
    new ListenerOptionError({ listener, option, value, expected });
  const unknown = (option: string, nearest: string | undefined, known: readonly string[]): Error =>
    new UnknownOptionError({ owner: `@MessageListener of ${listener}`, option, nearest, known });
  checkOptions(options, RULES, { invalid, unknown }, ['topic', 'consumerGroup']);

  const consumeFromWhere = options.consumeFromWhere ?? 'CONSUME_FROM_LAST_OFFSET';
  if (options.consumeTimestampMs !== undefined && consumeFromWhere !== 'CONSUME_FROM_TIMESTAMP') {
    throw invalid(
      'consumeTimestampMs',
      options.consumeTimestampMs,
      `left out unless consumeFromWhere is 'CONSUME_FROM_TIMESTAMP'`,
    );
  }
  for (const option of ['onUnreadablePayload', 'onInvalidPayload', 'onForbidden'] as const) {
    // Who asked would wait for an answer until the request times out.
    if (options.replies !== true || options[option] !== 'DISCARD') continue;
    throw invalid(option, 'DISCARD', `'DEAD_LETTER' or 'RETRY' when replies is true`);
  }
  const messageModel = options.messageModel ?? 'CLUSTERING';
  const consumeMode = options.consumeMode ?? 'CONCURRENTLY';
  // RocketMQ refuses it too: a broadcast message has no place where its order could be kept through retries.
  if (messageModel === 'BROADCASTING' && consumeMode === 'ORDERLY') {
    throw invalid('consumeMode', consumeMode, `'CONCURRENTLY' when messageModel is 'BROADCASTING'`);
  }
  if (options.replies === true && options.batchSize !== undefined) {
    throw invalid('replies', true, 'left out with batchSize: requests are answered one by one');
  }
  return {
    // Neither name may hold an "@", and RocketMQ joins them so, too.
    id: options.id ?? `${options.topic}@${options.consumerGroup}`,
    topic: options.topic,
    consumerGroup: options.consumerGroup,
    selector: { type: options.selectorType ?? 'TAG', expression: options.selectorExpression ?? '*' },
    consumeMode,
    messageModel,
    concurrency: options.concurrency ?? 20,
    maxReconsumeTimes: options.maxReconsumeTimes ?? -1,
    delayLevelWhenNextConsume: options.delayLevelWhenNextConsume ?? 0,
    consumeFromWhere,
    consumeTimestampMs: options.consumeTimestampMs,
    suspendCurrentQueueTimeMs: options.suspendCurrentQueueTimeMs ?? 1000,
    consumeTimeoutMs: options.consumeTimeoutMs ?? 15 * 60 * 1000,
    batchSize: options.batchSize ?? 1,
    isBatch: options.batchSize !== undefined,
    pullThresholdForQueue: options.pullThresholdForQueue ?? 1000,
    pullThresholdSizeForQueueBytes: options.pullThresholdSizeForQueueBytes ?? 100 * 1024 * 1024,
    payloadType: options.payloadType,
    replies: options.replies ?? false,
    onUnreadablePayload: options.onUnreadablePayload ?? 'RETRY',
    onInvalidPayload: options.onInvalidPayload ?? 'DEAD_LETTER',
    onForbidden: options.onForbidden ?? 'DEAD_LETTER',
  };
}
