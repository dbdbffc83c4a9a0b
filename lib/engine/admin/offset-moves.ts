import { InvalidOptionError, UnsupportedByEngineError } from '../../errors/index.js';
import type { MaybePromise } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { liveGroup, queueIdsOf } from './known-groups.js';
import { isGroupTopic } from './system-topics.js';

/** What became of a group's offset in one queue. */
export interface OffsetMove {
  readonly topic: string;
  readonly queueId: number;
  /** Undefined: the group had never consumed this queue. */
  readonly from: number | undefined;
  readonly to: number;
}

/**
 * Sets a group's offsets in the queues of some topics; resolves when they are on disk. Running members go on from there. All targets are known before the first offset
 * is moved, so that a failure moves none.
 */
export async function moveOffsets(
  parts: AdminParts,
  group: string,
  topics: readonly string[],
  target: (topic: string, queueId: number) => MaybePromise<number>,
  isMeant: (queueId: number) => boolean = () => true,
): Promise<readonly OffsetMove[]> {
  checkClustering(parts, group);
  const targets: { topic: string; queueId: number; to: number }[] = [];
  for (const topic of topics) {
    for (const queueId of queueIdsOf(parts, group, topic).filter(isMeant)) {
      targets.push({ topic, queueId, to: await target(topic, queueId) });
    }
  }
  // What is gone meanwhile must get no offset again: a new topic of that name would be passed over.
  const moves = targets.filter((move) => holds(parts, move)).map((move) => moveOne(parts, group, move));
  await parts.groups.offsets.flush();
  return moves;
}

/** Gives one group the offsets of another; resolves when they are on disk. */
export async function copyOffsets(
  parts: AdminParts,
  from: string,
  to: string,
  topics: readonly string[],
): Promise<readonly OffsetMove[]> {
  checkClustering(parts, to);
  const { offsets } = parts.groups;
  const moves = offsets
    .list()
    .filter(({ topic, group }) => group === from && topics.includes(topic) && !isGroupTopic(topic))
    .flatMap(({ topic, offsets: committed }) =>
      [...committed].map(([queueId, offset]) => moveOne(parts, to, { topic, queueId, to: offset })),
    );
  await offsets.flush();
  return moves;
}

/**
 * Checks an offset against what a queue holds: from its first message to one past its last.
 *
 * @throws InvalidOptionError
 */
export function checkOffsetInQueue({ context }: AdminParts, topic: string, queueId: number, offset: number): void {
  const { minOffset, maxOffset } = context.store.queueRange(topic, queueId);
  if (offset >= minOffset && offset <= maxOffset) return;
  const expected = `from ${minOffset} to ${maxOffset}, which queue ${queueId} of topic "${topic}" holds`;
  throw new InvalidOptionError({ option: 'offset', value: offset, expected });
}

function holds(
  { context }: AdminParts,
  move: { readonly topic: string; readonly queueId: number; readonly to: number },
): boolean {
  const { topic, queueId, to } = move;
  return context.topics.get(topic) !== undefined && to <= context.store.queueRange(topic, queueId).maxOffset;
}

function moveOne(
  { groups }: AdminParts,
  group: string,
  { topic, queueId, to }: { readonly topic: string; readonly queueId: number; readonly to: number },
): OffsetMove {
  const from = groups.offsets.get(topic, group, queueId);
  groups.offsets.set(topic, group, queueId, to);
  groups.move(group, topic, queueId, to);
  return { topic, queueId, from, to };
}

/** Each member of a broadcasting group has offsets of its own, which go with it. */
function checkClustering(parts: AdminParts, group: string): void {
  if (liveGroup(parts, group)?.messageModel !== 'BROADCASTING') return;
  throw new UnsupportedByEngineError({ feature: `moving the offsets of a broadcasting group ("${group}")` });
}
