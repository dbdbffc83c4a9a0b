import { TopicBusyError } from '../../errors/index.js';
import type { CheckpointService } from './checkpoint-service.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { TopicConfigTable } from './topic-config-table.js';

/** How often it is waited for messages on their way, when senders go on sending. */
const MAX_WAITS = 100;

export interface TopicRemovalParts {
  readonly topics: TopicConfigTable;
  readonly queues: ConsumeQueueSet;
  readonly log: CommitLog;
  readonly checkpoints: CheckpointService;
}

/**
 * Takes a topic and its queues out of the store (RocketMQ: `DefaultMessageStore.deleteTopics`). Its records stay in the log until retention removes them.
 *
 * @throws TopicBusyError messages to it keep coming in
 */
export async function removeTopic(topic: string, parts: TopicRemovalParts): Promise<void> {
  const { topics, queues, log, checkpoints } = parts;
  // The checkpoint that follows sees to it that recovery does not read the records again and make the queues anew.
  await checkpoints.withCheckpoint(async () => {
    // A message on its way holds a number of the old queue, which means nothing in a new one.
    for (let waits = 0; queues.ofTopic(topic).some((queue) => queue.hasNumbersInFlight); waits++) {
      if (waits === MAX_WAITS) throw new TopicBusyError({ topic });
      await log.sync();
    }
    // Both in this turn: a topic without its queues, or queues without their topic, must be seen by nobody.
    await Promise.all([queues.remove(topic), topics.delete(topic)]);
  });
}
