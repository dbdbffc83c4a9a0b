import {
  InvalidOptionError,
  NoPermissionError,
  PullQueueUnknownError,
  PullTopicUnknownError,
} from '../../errors/index.js';
import { PERM_READ } from '../store/index.js';
import type { MessageQueue, TopicConfig } from '../types/index.js';
import type { PullRoom } from './pull-room.js';

/** @throws PullTopicUnknownError, NoPermissionError, and what a bad name throws */
export function queuesOf(room: PullRoom, topic: string): readonly MessageQueue[] {
  const { readQueueNums } = knownTopic(room, topic);
  return Array.from({ length: readQueueNums }, (_, queueId) => ({ topic, brokerName: room.brokerName, queueId }));
}

/**
 * The same; none for a topic that does not exist yet.
 *
 * @throws NoPermissionError, and what a bad name throws
 */
export function presentQueuesOf(room: PullRoom, topic: string): readonly MessageQueue[] {
  room.checkTopicName(topic);
  return room.topics.get(topic) === undefined ? [] : queuesOf(room, topic);
}

/**
 * The queue itself, without what else the caller's object holds.
 *
 * @throws PullQueueUnknownError, PullTopicUnknownError, NoPermissionError, InvalidOptionError, and what a bad name throws
 */
export function knownQueue(room: PullRoom, queue: MessageQueue): MessageQueue {
  checkIsQueue(queue);
  const { topic, brokerName, queueId } = queue;
  const { readQueueNums } = knownTopic(room, topic);
  const refuse = (reason: string): never => {
    throw new PullQueueUnknownError({ topic, brokerName, queueId, reason });
  };
  if (brokerName !== room.brokerName) return refuse(`this broker is "${room.brokerName}"`);
  if (!Number.isInteger(queueId) || queueId < 0 || queueId >= readQueueNums) {
    return refuse(`the topic has the read queues 0 to ${readQueueNums - 1}`);
  }
  return { topic, brokerName, queueId };
}

/** Queues come from plain JavaScript, too, where no compiler has looked. */
export function checkIsQueue(queue: unknown): asserts queue is MessageQueue {
  if (typeof queue === 'object' && queue !== null) return;
  throw new InvalidOptionError({
    option: 'queue',
    value: queue,
    expected: 'a queue of a topic: { topic, brokerName, queueId }',
  });
}

/** @throws InvalidOptionError */
export function checkIsQueueList(queues: unknown): asserts queues is readonly MessageQueue[] {
  if (Array.isArray(queues)) return;
  throw new InvalidOptionError({ option: 'queues', value: queues, expected: 'a list of queues' });
}

function knownTopic(room: PullRoom, topic: string): TopicConfig {
  room.checkTopicName(topic);
  const config = room.topics.get(topic);
  if (config === undefined) throw new PullTopicUnknownError({ topic });
  if ((config.perm & PERM_READ) === 0) throw new NoPermissionError({ topic, operation: 'consume' });
  return config;
}
