import type { OptionRule } from './rocket.option-rules.js';

// The rules are RocketMQ's (TopicValidator, and its client's Validators). They are checked here as well as by the engine so
// that the error can name the class whose decorator is wrong.

const ALLOWED = /^[%|a-zA-Z0-9_-]+$/;

function nameRule(kind: string, maxLength: number, reserved?: string): OptionRule {
  const exception = reserved === undefined ? '' : `, and not ${reserved}`;
  return {
    expected: `the name of a ${kind}: 1 to ${maxLength} letters, digits, "_", "-", "%" or "|"${exception}`,
    accepts: (value) =>
      typeof value === 'string' && value.length <= maxLength && ALLOWED.test(value) && value !== reserved,
  };
}

export const consumerGroupRule = nameRule('consumer group', 120, 'DEFAULT_CONSUMER');
export const producerGroupRule = nameRule('producer group', 120, 'DEFAULT_PRODUCER');

const plainTopicRule = nameRule('topic', 127);
/** Retry and dead-letter topics contain the name of a group, so they may be longer. */
const groupTopicRule = nameRule('topic', 255);

export const topicRule: OptionRule = {
  expected: plainTopicRule.expected,
  accepts: (value) =>
    typeof value === 'string' && (/^%(RETRY|DLQ)%/.test(value) ? groupTopicRule : plainTopicRule).accepts(value),
};

/** Names of stores and templates: they become parts of injection tokens. */
export const storeNameRule: OptionRule = {
  expected: '1 to 64 letters, digits, "_" or "-"',
  accepts: (value) => typeof value === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(value),
};
