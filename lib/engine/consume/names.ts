import { NameIllegalError } from '../../errors/index.js';
import { DEAD_LETTER_TOPIC_PREFIX, RETRY_TOPIC_PREFIX, retryTopicOf } from '../types/index.js';

/** `Validators.CHARACTER_MAX_LENGTH` less the room that the prefix of a retry topic takes. */
const MAX_GROUP_LENGTH = 120;
const MAX_TOPIC_LENGTH = 127;
/** Retry and dead-letter topics carry a group's name and a prefix (`TopicValidator.RETRY_OR_DLQ_TOPIC_MAX_LENGTH`). */
const MAX_DERIVED_TOPIC_LENGTH = 255;
/** `MixAll.DEFAULT_CONSUMER_GROUP`: what a RocketMQ client has that was given no group. */
const DEFAULT_CONSUMER_GROUP = 'DEFAULT_CONSUMER';
const DERIVED_TOPIC = new RegExp(`^(${RETRY_TOPIC_PREFIX}|${DEAD_LETTER_TOPIC_PREFIX})`);
const ILLEGAL_CHARACTER = /[^%|a-zA-Z0-9_-]/;

/** @throws NameIllegalError */
export function checkGroupName(group: string): void {
  check('consumer group', group, MAX_GROUP_LENGTH);
  if (group === DEFAULT_CONSUMER_GROUP) {
    throw new NameIllegalError({ kind: 'consumer group', name: group, reason: 'it is the name of groups without one' });
  }
}

/** @throws NameIllegalError */
export function checkSubscribedTopic(topic: unknown, group: string): void {
  const isDerived = typeof topic === 'string' && DERIVED_TOPIC.test(topic);
  check('topic', topic, isDerived ? MAX_DERIVED_TOPIC_LENGTH : MAX_TOPIC_LENGTH);
  if (topic === retryTopicOf(group)) {
    throw new NameIllegalError({ kind: 'topic', name: topic, reason: 'a group consumes its retries by itself' });
  }
}

function check(kind: string, name: unknown, maxLength: number): void {
  const reason = reasonAgainst(name, maxLength);
  if (reason !== undefined) throw new NameIllegalError({ kind, name, reason });
}

/** Names come from options, too, where no compiler has looked. */
function reasonAgainst(name: unknown, maxLength: number): string | undefined {
  if (typeof name !== 'string' || name === '') return 'it must be a text that is not empty';
  if (name.length > maxLength) return `it has ${name.length} characters, at most ${maxLength} are possible`;
  const illegal = ILLEGAL_CHARACTER.exec(name);
  return illegal === null ? undefined : `it contains ${JSON.stringify(illegal[0])}`;
}
