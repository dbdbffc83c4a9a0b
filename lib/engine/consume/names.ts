import { NameIllegalError } from '../../errors/index.js';
import { checkGroupName, checkTopicName } from '../store/index.js';
import { deadLetterTopicOf, retryTopicOf } from '../types/index.js';

/** `MixAll.DEFAULT_CONSUMER_GROUP`: what a RocketMQ client has that was given no group. */
const DEFAULT_CONSUMER_GROUP = 'DEFAULT_CONSUMER';

/** @throws NameIllegalError */
export function checkConsumerGroup(group: unknown): void {
  checkGroupName(group);
  if (group === DEFAULT_CONSUMER_GROUP) {
    throw new NameIllegalError({ kind: 'group', name: group, reason: 'it is the name of groups without one' });
  }
}

/** @throws NameIllegalError */
export function checkSubscribedTopic(topic: unknown, group: string): void {
  checkTopicName(topic);
  if (topic === retryTopicOf(group)) {
    throw new NameIllegalError({ kind: 'topic', name: topic, reason: 'a group consumes its retries by itself' });
  }
  if (topic === deadLetterTopicOf(group)) {
    const reason = 'what the group fails to do there would come back there, without end: use another group';
    throw new NameIllegalError({ kind: 'topic', name: topic, reason });
  }
}
