import type { EngineLogger, MessageStore } from '../types/index.js';
import type { OffsetStore } from './offset-store.js';

/**
 * Takes back offsets that lie beyond the end of their queue, on the disk, too. Under ASYNC_FLUSH a power cut can take messages whose handling is on disk already; those
 * that get their numbers afterwards must not be passed over. To be called before anything is stored: later, the lost messages can not be told from new ones.
 */
export async function takeBackToEnds(offsets: OffsetStore, store: MessageStore, logger: EngineLogger): Promise<void> {
  let isChanged = false;
  for (const { topic, group, offsets: byQueue } of offsets.list()) {
    for (const [queueId, offset] of byQueue) {
      const { maxOffset } = store.queueRange(topic, queueId);
      if (offset <= maxOffset) continue;
      logger.warn(
        `Consumer group "${group}" is at ${offset} of queue ${queueId} of topic "${topic}", which ends at ${maxOffset}: it goes on from there.`,
      );
      offsets.set(topic, group, queueId, maxOffset);
      isChanged = true;
    }
  }
  if (isChanged) await offsets.flush();
}
