import type { MessageSelector, PullConsumerOptions } from './engine/index.js';
import { aBoolean, integer, nonBlankText, oneOf, type OptionRules } from './rocket.option-rules.js';
import { consumerGroupRule, topicRule } from './rocket.names.js';

/** What `RocketTemplate.receive` reads. Names and defaults are RocketMQ's (`rocketmq.pull-consumer.*`). */
export interface TemplatePullOptions extends PullConsumerOptions {
  /** The topic to read. It need not exist yet. */
  readonly topic: string;
  /** What `selectorExpression` is. Default `TAG`. */
  readonly selectorType?: MessageSelector['type'] | undefined;
  /** TAG: `*` (default), or tags joined by `||`. SQL92: a condition on the properties. Not for BROADCASTING. */
  readonly selectorExpression?: string | undefined;
}

/** Their values are checked by the engine as well, which does not know the names that do not exist. */
export const PULL_RULES: OptionRules<PullConsumerOptions> = {
  group: consumerGroupRule,
  messageModel: oneOf('CLUSTERING', 'BROADCASTING'),
  consumeFromWhere: oneOf('CONSUME_FROM_LAST_OFFSET', 'CONSUME_FROM_FIRST_OFFSET', 'CONSUME_FROM_TIMESTAMP'),
  consumeTimestampMs: integer(0),
  autoCommit: aBoolean,
  autoCommitIntervalMs: integer(1),
  pullBatchSize: integer(1, 1024),
};

export const TEMPLATE_PULL_RULES: OptionRules<TemplatePullOptions> = {
  ...PULL_RULES,
  topic: topicRule,
  selectorType: oneOf('TAG', 'SQL92'),
  selectorExpression: nonBlankText,
};
