import type { MessageQueue } from '../types/index.js';
import type { OffsetBook } from './offset-book.js';
import type { PullRoom, StartRule } from './pull-room.js';

/** Where a consumer begins in each queue: at the committed offset, or where the rule says. */
export async function startOffsets(
  room: PullRoom,
  offsets: OffsetBook,
  rule: StartRule,
  queues: readonly MessageQueue[],
): Promise<readonly number[]> {
  const { store, startPosition } = room;
  const starts: number[] = [];
  for (const { topic, queueId } of queues) {
    starts.push(offsets.get(topic, queueId) ?? (await startPosition(store, topic, queueId, rule)));
  }
  return starts;
}

/**
 * Writes down where a new group begins. Else whoever gets a queue next, or finds it after a crash, would apply the rule to a longer queue, and pass over what
 * came meanwhile.
 *
 * @returns the positions that count: another member may have begun meanwhile
 */
export async function fixStartOffsets(
  room: PullRoom,
  offsets: OffsetBook,
  rule: StartRule,
  queues: readonly MessageQueue[],
): Promise<readonly number[]> {
  const starts = await startOffsets(room, offsets, rule, queues);
  const fixed = queues.map(({ topic, queueId }, index) => {
    const present = offsets.get(topic, queueId);
    if (present !== undefined) return present;
    // The topic has been deleted meanwhile: in a new one of that name the offset would mean something else.
    if (starts[index]! > room.store.queueRange(topic, queueId).maxOffset) return 0;
    offsets.start(topic, queueId, starts[index]!);
    return starts[index]!;
  });
  // Be it that another member has fixed them.
  if (queues.some(({ topic, queueId }) => offsets.isUnwrittenStart(topic, queueId))) await offsets.flush();
  return fixed;
}
