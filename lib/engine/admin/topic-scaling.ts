import { InvalidOptionError, QueuesNotDrainedError } from '../../errors/index.js';
import type { TopicConfig } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { isSystemGroup } from './system-topics.js';

/** @throws InvalidOptionError senders would write to queues that nobody reads */
export function checkSendersAreRead({ readQueueNums, writeQueueNums }: TopicConfig): void {
  if (readQueueNums >= writeQueueNums) return;
  const expected = `at least writeQueueNums, which is ${writeQueueNums}: lower that first`;
  throw new InvalidOptionError({ option: 'readQueueNums', value: readQueueNums, expected });
}

/**
 * Sees to it that no queue is taken from consumers that holds messages for them. The order that loses nothing is: lower writeQueueNums, let the groups
 * consume the rest, lower readQueueNums.
 *
 * @param before senders write to the queues that stay already
 * @throws QueuesNotDrainedError a group has not consumed such a queue
 */
export async function checkReadQueuesCanGo(before: TopicConfig, after: TopicConfig, parts: AdminParts): Promise<void> {
  const { readQueueNums } = after;
  const topic = before.topicName;
  // What was sent before writeQueueNums was lowered may still be on its way to the disk, and counts.
  await parts.store.whenQueuesAreQuiet(topic, readQueueNums);
  const queueIds = new Set<number>();
  const groups = new Set<string>();
  for (const { group, offsets } of groupsOf(topic, parts)) {
    for (let queueId = readQueueNums; queueId < before.readQueueNums; queueId++) {
      const { minOffset, maxOffset } = parts.context.store.queueRange(topic, queueId);
      if (Math.max(offsets.get(queueId) ?? 0, minOffset) >= maxOffset) continue;
      queueIds.add(queueId);
      groups.add(group);
    }
  }
  if (queueIds.size > 0) throw new QueuesNotDrainedError({ topic, queueIds: [...queueIds], groups: [...groups] });
}

function groupsOf(topic: string, { groups }: AdminParts): ReturnType<typeof groups.offsets.list> {
  return groups.offsets.list().filter((entry) => entry.topic === topic && !isSystemGroup(entry.group));
}
