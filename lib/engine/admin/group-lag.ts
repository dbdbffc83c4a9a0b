import { RETRY_TOPIC_PREFIX, type ServiceContext } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { chosenTopics, liveGroup, queueIdsOf, topicsOf } from './known-groups.js';

/** How far a group is in one queue. */
export interface QueueLag {
  readonly topic: string;
  readonly queueId: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  /** Everything before it is done; in BROADCASTING, by all members. Undefined: the group has never consumed this queue. */
  readonly committedOffset: number | undefined;
  /** Messages that are in the queue and not done. */
  readonly lag: number;
  /** Store time of the last message that is done, epoch ms; undefined when there is none, or retention has removed it. */
  readonly consumedTimestampMs: number | undefined;
  /** Client id of the member that has the queue, in BROADCASTING of the one that is furthest behind; undefined when nobody has. */
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
  const queues: QueueLag[] = [];
  for (const name of topic === undefined ? topicsOf(parts, group) : chosenTopics(parts, group, topic)) {
    for (const queueId of queueIdsOf(parts, group, name)) {
      queues.push(await queueLag(parts, name, queueId, placeIn(parts, group, name, queueId)));
    }
  }
  const retries = queues.filter((queue) => queue.topic.startsWith(RETRY_TOPIC_PREFIX));
  return { group, totalLag: sumOfLags(queues), retryLag: sumOfLags(retries), queues };
}

type Place = Pick<QueueLag, 'committedOffset' | 'owner'>;

/** How far a group is in a queue. A broadcasting one is where that of its members is that is furthest behind. */
function placeIn(parts: AdminParts, group: string, topic: string, queueId: number): Place {
  const live = liveGroup(parts, group);
  const ofMembers = (live?.queues ?? []).filter((queue) => queue.topic === topic && queue.queueId === queueId);
  if (live?.messageModel === 'BROADCASTING' && ofMembers.length > 0) {
    return ofMembers.reduce((one, other) => (other.committedOffset < one.committedOffset ? other : one));
  }
  return { committedOffset: parts.groups.offsets.get(topic, group, queueId), owner: ofMembers[0]?.owner };
}

async function queueLag(
  { context }: AdminParts,
  topic: string,
  queueId: number,
  { committedOffset, owner }: Place,
): Promise<QueueLag> {
  const { minOffset, maxOffset } = context.store.queueRange(topic, queueId);
  // What retention has removed can't be behind any more.
  const lag = Math.max(0, maxOffset - Math.max(committedOffset ?? minOffset, minOffset));
  const consumedTimestampMs =
    committedOffset === undefined ? undefined : await storeTimestampOf(context, topic, queueId, committedOffset - 1);
  return { topic, queueId, minOffset, maxOffset, committedOffset, lag, consumedTimestampMs, owner };
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
