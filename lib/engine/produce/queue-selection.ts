import { MessageIllegalError } from '../../errors/index.js';
import type { Message, MessageQueue, MessageQueueSelector, TopicConfig } from '../types/index.js';

/** The queues of a topic that messages can be sent to, in ascending order. */
export function writeQueuesOf(config: TopicConfig, brokerName: string): readonly MessageQueue[] {
  const { topicName: topic, writeQueueNums } = config;
  return Array.from({ length: writeQueueNums }, (_, queueId) => ({ topic, brokerName, queueId }));
}

/**
 * Asks a selector for a queue. Its answer is looked up among the queues: a selector that makes up a queue, or answers by a promise, has mistaken something.
 *
 * @throws MessageIllegalError, and what the selector throws
 */
export function selectedQueueId(
  select: MessageQueueSelector,
  topic: TopicConfig,
  brokerName: string,
  message: Message,
): number {
  const queues = writeQueuesOf(topic, brokerName);
  const answer: Partial<MessageQueue> | null | undefined = select(queues, message, message.shardingKey);
  const isChosen = (queue: MessageQueue): boolean =>
    queue.queueId === answer?.queueId && queue.topic === answer.topic && queue.brokerName === answer.brokerName;
  const chosen = queues.find(isChosen);
  if (chosen !== undefined) return chosen.queueId;
  // Refused here, so nobody else would see it fail, and the process would end.
  if ((answer as unknown) instanceof Promise) void Promise.resolve(answer).catch(() => undefined);
  throw new MessageIllegalError({
    field: 'the answer of the queue selector',
    value: answer,
    reason: `it must be one of the ${queues.length} queues that it was given`,
  });
}
