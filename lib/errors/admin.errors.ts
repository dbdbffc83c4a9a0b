import { defineError } from './rocket-error.js';

export class GroupNotExistError extends defineError<{ group: string }>({
  code: 'GROUP_NOT_EXIST',
  meaning: 'No consumer group of this name has ever had a member or an offset.',
  remedy: 'Correct the name, or subscribe with the group first.',
  message: ({ group }) => `Consumer group "${group}" does not exist.`,
}) {}

export class TopicExistsError extends defineError<{ topic: string }>({
  code: 'TOPIC_EXISTS',
  meaning: 'A topic that is to be created is there already. It is left as it is.',
  remedy: 'Update the topic, or choose another name.',
  message: ({ topic }) => `Topic "${topic}" exists already.`,
}) {}

export class TopicInUseError extends defineError<{ topic: string; groups: readonly string[] }>({
  code: 'TOPIC_IN_USE',
  meaning: 'A topic that consumers are subscribed to can not be deleted.',
  remedy: 'Close the consumers of these groups first.',
  message: ({ topic, groups }) => `Topic "${topic}" is consumed by ${groups.map((group) => `"${group}"`).join(', ')}.`,
}) {}

export class TopicBusyError extends defineError<{ topic: string }>({
  code: 'TOPIC_BUSY',
  meaning: 'A topic is being deleted: until that has ended, nothing can be stored in it, and it can not be made anew.',
  remedy: 'Try it again. A deletion that the disk has refused is tried again by itself until it succeeds.',
  message: ({ topic }) => `Topic "${topic}" is being deleted.`,
}) {}

export class TopicDeletionFailedError extends defineError<{ topic: string; reason: string }>({
  code: 'TOPIC_DELETION_FAILED',
  meaning:
    'A topic could not be deleted, because the disk refused something. It is there as before; or the deletion is decided, the topic is not there for anybody, and what is left of it goes with the next attempt, which comes by itself.',
  remedy: 'Mend the disk. If the topic is there as before, delete it again.',
  message: ({ topic, reason }) => `Topic "${topic}" could not be deleted: ${reason}`,
}) {}

export class QueuesNotDrainedError extends defineError<{
  topic: string;
  queueIds: readonly number[];
  groups: readonly string[];
}>({
  code: 'QUEUES_NOT_DRAINED',
  meaning:
    'Read queues that hold messages which a group has not consumed can not be taken away: nobody would ever get them.',
  remedy: 'Lower writeQueueNums first, wait until the groups have consumed the queues, then lower readQueueNums.',
  message: ({ topic, queueIds, groups }) =>
    `Queues ${queueIds.join(', ')} of topic "${topic}" still hold messages for ${groups.map((group) => `"${group}"`).join(', ')}.`,
}) {}

export class MessageNotFoundError extends defineError<{ what: string }>({
  code: 'MESSAGE_NOT_FOUND',
  meaning: 'The message that an operation is about is not in the store: it never was, or retention has removed it.',
  remedy: 'Correct the id.',
  message: ({ what }) => `There is no ${what}.`,
}) {}

export class MessageTypeMismatchError extends defineError<{ topic: string; declared: string; actual: string }>({
  code: 'MESSAGE_TYPE_MISMATCH',
  meaning: 'A topic that is declared for one type of messages got one of another type. Nothing was stored.',
  remedy:
    "Send it to a topic of its type, or change the topic's message type. A message is TRANSACTION when it is sent as a half message, else DELAY with a delay, else FIFO with a sharding key (hashKey), else NORMAL.",
  message: ({ topic, declared, actual }) =>
    `Topic "${topic}" takes ${declared} messages, but this is a ${actual} message.`,
}) {}

export class DeadLetterOriginError extends defineError<{ group: string; msgId: string }>({
  code: 'DEAD_LETTER_ORIGIN',
  meaning: 'A dead letter does not say which topic it came from, so it can not be sent there again.',
  remedy: 'Read it from the dead-letter topic and send it by hand.',
  message: ({ group, msgId }) => `Dead letter ${msgId} of group "${group}" names no topic of origin.`,
}) {}
