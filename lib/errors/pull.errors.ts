import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class PullGroupMissingError extends defineError<{ group: unknown }>({
  code: 'PULL_GROUP_MISSING',
  meaning: 'A pull consumer, or a receive, has no consumer group. Without one there is no place to go on from.',
  remedy: "Give it a group of its own: receive has that of the module's option pullConsumer.",
  message: ({ group }) => `A pull consumer needs a consumer group, but its group is ${describe(group)}.`,
}) {}

export class PullModeConflictError extends defineError<{
  group: string;
  asked: 'subscribe' | 'assign';
  present: 'subscribe' | 'assign';
}>({
  code: 'PULL_MODE_CONFLICT',
  meaning:
    'A pull consumer either shares the queues of topics with its group (subscribe) or reads chosen ones (assign).',
  remedy: 'Use two pull consumers.',
  message: ({ group, asked, present }) =>
    `The pull consumer of group "${group}" can not ${asked}: it has used ${present} already.`,
}) {}

export class PullSelectorRefusedError extends defineError<{ group: string; topic: string; expression: string }>({
  code: 'PULL_SELECTOR_REFUSED',
  meaning: 'A broadcasting pull consumer gets every message, so it can not have a selector.',
  remedy: 'Leave the selector out and look at the messages yourself, or use CLUSTERING.',
  message: ({ group, topic, expression }) =>
    `The broadcasting pull consumer of group "${group}" can not select ${describe(expression)} from topic "${topic}".`,
}) {}

export class PullNotSubscribedError extends defineError<{ group: string }>({
  code: 'PULL_NOT_SUBSCRIBED',
  meaning: 'A pull consumer was polled that has neither a topic nor queues.',
  remedy: 'Call subscribe or assign first.',
  message: ({ group }) => `The pull consumer of group "${group}" has nothing to poll.`,
}) {}

export class PullTopicUnknownError extends defineError<{ topic: string }>({
  code: 'PULL_TOPIC_UNKNOWN',
  meaning: 'The queues of a topic were asked for that does not exist.',
  remedy:
    'Correct its name, or create it. It is also enough to send a message to it, unless autoCreateTopics is false.',
  message: ({ topic }) => `Topic "${topic}" does not exist.`,
}) {}

export class PullQueueUnknownError extends defineError<{
  topic: string;
  brokerName: unknown;
  queueId: unknown;
  reason: string;
}>({
  code: 'PULL_QUEUE_UNKNOWN',
  meaning: 'There is no such queue to read from.',
  remedy: 'Take the queues from queues(topic).',
  message: ({ topic, brokerName, queueId, reason }) =>
    `Queue ${describe(queueId)} of topic "${topic}" on broker ${describe(brokerName)} can not be read: ${reason}.`,
}) {}

export class PullQueueNotAssignedError extends defineError<{ group: string; topic: unknown; queueId: unknown }>({
  code: 'PULL_QUEUE_NOT_ASSIGNED',
  meaning:
    'A pull consumer can move, pause and look at only those queues that it reads. A member that joins or leaves may have taken one away.',
  remedy: 'Take the queues from assignment().',
  message: ({ group, topic, queueId }) =>
    `Queue ${describe(queueId)} of topic ${describe(topic)} is not read by this pull consumer of group "${group}".`,
}) {}

export class PullPollPendingError extends defineError<{ group: string }>({
  code: 'PULL_POLL_PENDING',
  meaning:
    'A pull consumer was polled before its last poll had ended. A poll says that what the one before returned is done.',
  remedy: 'Wait for the first poll, or use a pull consumer for each loop.',
  message: ({ group }) => `The pull consumer of group "${group}" is being polled already.`,
}) {}

export class PullConsumerClosedError extends defineError<{ group: string; operation: string }>({
  code: 'PULL_CONSUMER_CLOSED',
  meaning: 'A pull consumer was used after it was closed, or after its broker was.',
  remedy: 'Create another one.',
  message: ({ group, operation }) => `Can't ${operation}: the pull consumer of group "${group}" is closed.`,
}) {}
