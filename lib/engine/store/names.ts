import { NameIllegalError } from '../../errors/index.js';
import {
  DEAD_LETTER_TOPIC_PREFIX,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  RETRY_TOPIC_PREFIX,
  SCHEDULE_TOPIC,
  SYSTEM_GROUP_PREFIX,
  TIMER_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
} from '../types/index.js';

// Rules of RocketMQ's TopicValidator and Validators.
const ALLOWED_CHARACTERS = /^[%|a-zA-Z0-9_-]+$/;
const FORBIDDEN_CHARACTER = /[^%|a-zA-Z0-9_-]/u;
const MAX_TOPIC_CHARACTERS = 127;
const MAX_RETRY_TOPIC_CHARACTERS = 255;
const MAX_GROUP_CHARACTERS = 120;

/** Written by the broker's own services only (`TopicValidator.NOT_ALLOWED_SEND_TOPIC_SET`, and the timer's). */
const NOT_SENDABLE: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  TIMER_TOPIC,
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
]);

/** True for what a topic may be called, however long. */
export function isTopicName(name: string): boolean {
  return ALLOWED_CHARACTERS.test(name);
}

/** @throws NameIllegalError */
export function checkTopicName(topic: unknown): asserts topic is string {
  const isDerived =
    typeof topic === 'string' && (topic.startsWith(RETRY_TOPIC_PREFIX) || topic.startsWith(DEAD_LETTER_TOPIC_PREFIX));
  checkName('topic', topic, isDerived ? MAX_RETRY_TOPIC_CHARACTERS : MAX_TOPIC_CHARACTERS);
}

/** @throws NameIllegalError */
export function checkGroupName(group: unknown): asserts group is string {
  checkName('group', group, MAX_GROUP_CHARACTERS);
  // Whoever joined it would move what the broker has noted there, such as which transactions are pending.
  if (group.startsWith(SYSTEM_GROUP_PREFIX)) {
    throw new NameIllegalError({ kind: 'group', name: group, reason: "groups of such names are the broker's own" });
  }
}

/**
 * Checks a topic that an application sends to: the broker's own topics are refused.
 *
 * @throws NameIllegalError
 */
export function checkSendableTopic(topic: unknown): asserts topic is string {
  checkTopicName(topic);
  if (NOT_SENDABLE.has(topic))
    throw new NameIllegalError({ kind: 'topic', name: topic, reason: 'only the broker itself writes to it' });
}

function checkName(kind: 'topic' | 'group', name: unknown, maxCharacters: number): asserts name is string {
  if (typeof name !== 'string' || name.trim() === '') {
    throw new NameIllegalError({ kind, name, reason: 'it must be a text that is not empty' });
  }
  if (name.length > maxCharacters) {
    throw new NameIllegalError({
      kind,
      name,
      reason: `it has ${name.length} characters, the limit is ${maxCharacters}`,
    });
  }
  if (!ALLOWED_CHARACTERS.test(name)) {
    const found = FORBIDDEN_CHARACTER.exec(name)?.[0] ?? '';
    throw new NameIllegalError({ kind, name, reason: `the character ${JSON.stringify(found)} may not be in it` });
  }
}
