import { GroupNotExistError } from '../../errors/index.js';
import { checkGroupName } from '../store/index.js';
import { deadLetterTopicOf, RETRY_TOPIC_PREFIX } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { requireTopic } from './argument-checks.js';
import type { LiveGroup } from './consumer-groups.js';
import { isSystemGroup } from './system-topics.js';

/** Groups that have members, had some, or have offsets; sorted. The broker's own are left out. */
export function groupNames({ context, groups }: AdminParts): readonly string[] {
  const names = new Set([
    ...context.groups.list().map(({ groupName }) => groupName),
    ...groups.offsets.list().map(({ group }) => group),
    ...groups.live().map(({ group }) => group),
  ]);
  return [...names].filter((name) => !isSystemGroup(name)).toSorted();
}

/** @throws NameIllegalError, GroupNotExistError */
export function requireGroup(parts: AdminParts, group: unknown): asserts group is string {
  checkGroupName(group);
  if (!groupNames(parts).includes(group)) throw new GroupNotExistError({ group });
}

export function liveGroup({ groups }: AdminParts, group: string): LiveGroup | undefined {
  return groups.live().find((live) => live.group === group);
}

/** Topics that a group consumes or has consumed, its retry topic among them; sorted. */
export function topicsOf(parts: AdminParts, group: string): readonly string[] {
  const topics = new Set([
    ...parts.groups.offsets
      .list()
      .filter((entry) => entry.group === group)
      .map(({ topic }) => topic),
    ...(liveGroup(parts, group)?.queues ?? []).map(({ topic }) => topic),
  ]);
  topics.delete(deadLetterTopicOf(group));
  return [...topics].filter((topic) => parts.context.topics.get(topic) !== undefined).toSorted();
}

/**
 * The topics that something is about: the one that is named, or all of the group's but its retry topic, whose messages are on their way already.
 *
 * @throws NameIllegalError, TopicNotExistError
 */
export function chosenTopics(parts: AdminParts, group: string, topic: string | undefined): readonly string[] {
  if (topic === undefined) return topicsOf(parts, group).filter((name) => !name.startsWith(RETRY_TOPIC_PREFIX));
  return [requireTopic(parts.context, topic).topicName];
}

/** Queues of a topic that consumers read, and those beyond that the group has an offset in. */
export function queueIdsOf({ context, groups }: AdminParts, group: string, topic: string): readonly number[] {
  const readQueueNums = context.topics.get(topic)?.readQueueNums ?? 0;
  const entry = groups.offsets.list().find((each) => each.topic === topic && each.group === group);
  const ids = new Set([
    ...Array.from({ length: readQueueNums }, (_, queueId) => queueId),
    ...(entry?.offsets.keys() ?? []),
  ]);
  return [...ids].toSorted((a, b) => a - b);
}
