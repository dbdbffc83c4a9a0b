import type { CommitLog } from './commit-log.js';
import type { ConsumeQueue } from './consume-queue.js';

/**
 * Resolves when no message is on its way to any of the queues. Whoever calls it has seen to it that no further ones set out.
 *
 * @throws StoreWriteFailedError, StoreClosedError when they never get there
 */
export async function whenNothingIsOnItsWay(log: CommitLog, queues: () => readonly ConsumeQueue[]): Promise<void> {
  while (!log.hasFailed && queues().some((queue) => queue.hasNumbersInFlight || log.owesRoomTo(queue))) {
    await log.whenGroupEnds();
  }
  log.assertWritable();
}
