import {
  DEAD_LETTER_TOPIC_PREFIX,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  RETRY_TOPIC_PREFIX,
  SCHEDULE_TOPIC,
  SYSTEM_GROUP_PREFIX,
  TRANS_CHECK_MAX_TIME_TOPIC,
} from '../types/index.js';

const SYSTEM_TOPIC_PREFIX = 'rmq_sys_';
/** RocketMQ's own (`TopicValidator.SYSTEM_TOPIC_SET`). */
const SYSTEM_TOPICS: ReadonlySet<string> = new Set([
  SCHEDULE_TOPIC,
  HALF_TOPIC,
  OP_HALF_TOPIC,
  TRANS_CHECK_MAX_TIME_TOPIC,
  'TBW102',
  'BenchmarkTest',
  'RMQ_SYS_TRACE_TOPIC',
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
  'CHECKPOINT_TOPIC',
]);

/** A topic that the broker's own services work with. */
export function isSystemTopic(topic: string): boolean {
  return SYSTEM_TOPICS.has(topic) || topic.startsWith(SYSTEM_TOPIC_PREFIX);
}

/** A retry or dead-letter topic, which the broker makes for a group. */
export function isGroupTopic(topic: string): boolean {
  return topic.startsWith(RETRY_TOPIC_PREFIX) || topic.startsWith(DEAD_LETTER_TOPIC_PREFIX);
}

/** A group that is none of the application's: its offsets are the broker's notes. */
export function isSystemGroup(group: string): boolean {
  return group.startsWith(SYSTEM_GROUP_PREFIX);
}
