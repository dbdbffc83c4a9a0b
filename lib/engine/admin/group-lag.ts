import { RETRY_TOPIC_PREFIX, type ServiceContext } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { chosenTopics, liveGroup, queueIdsOf, topicsOf } from './known-groups.js';

/** How far a group is in one queue. */
export interface QueueLag {
  readonly topic: string;
  readonly queueId: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  /** Everything before it is done. Undefined: the group has never consumed this queue. */
  readonly committedOffset: number | undefined;
  /** Messages that are in the queue and not done. */
  readonly lag: number;
  /** Store time of the last message that is done, epoch ms; undefined when there is none, or retention has removed it. */
  readonly consumedTimestampMs: number | undefined;
  /** Client id of the member that has the queue; undefined when nobody has. */
  readonly owner: string | undefined;
}

export interface GroupLag {
  readonly group: string;
  /** Messages that are not done, of all queues. */
  readonly totalLag: number;
  /** Of these: messages that wait for another attempt, in the group's retry topic. */
  readonly retryLag: number;
  readonly queues: readonly QueueLag[];
}

export async function groupLag(parts: AdminParts, group: string, topic: string | undefined): Promise<GroupLag> {
  const owners = liveGroup(parts, group)?.queues ?? [];
  const queues: QueueLag[] = [];
  for (const name of topic === undefined ? topicsOf(parts, group) : chosenTopics(parts, group, topic)) {
    for (const queueId of queueIdsOf(parts, group, name)) {
      const owner = owners.find((queue) => queue.topic === name && queue.queueId === queueId)?.owner;
      queues.push({ ...(await queueLag(parts, group, name, queueId)), owner });
    }
  }
  const retries = queues.filter((queue) => queue.topic.startsWith(RETRY_TOPIC_PREFIX));
  return { group, totalLag: sumOfLags(queues), retryLag: sumOfLags(retries), queues };
}

async function queueLag(
  { context, groups }: AdminParts,
  group: string,
  topic: string,
  queueId: number,
): Promise<Omit<QueueLag, 'owner'>> {
  const { minOffset, maxOffset } = context.store.queueRange(topic, queueId);
  const committedOffset = groups.offsets.get(topic, group, queueId);
  // What retention has removed can't be behind any more.
  const lag = Math.max(0, maxOffset - Math.max(committedOffset ?? minOffset, minOffset));
  const consumedTimestampMs =
    committedOffset === undefined ? undefined : await storeTimestampOf(context, topic, queueId, committedOffset - 1);
  return { topic, queueId, minOffset, maxOffset, committedOffset, lag, consumedTimestampMs };
}

async function storeTimestampOf(
  { store }: ServiceContext,
  topic: string,
  queueId: number,
  offset: number,
): Promise<number | undefined> {
  if (offset < 0) return undefined;
  const [entry] = await store.entries(topic, queueId, offset, 1);
  return entry && (await store.readRecord(entry.physicalOffset))?.storeTimestamp;
}

function sumOfLags(queues: readonly QueueLag[]): number {
  return queues.reduce((sum, { lag }) => sum + lag, 0);
}
