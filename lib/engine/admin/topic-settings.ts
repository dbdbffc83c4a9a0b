import {
  declaredMessageType,
  MESSAGE_KINDS,
  MESSAGE_TYPE_ATTRIBUTE,
  PERM_READ,
  PERM_WRITE,
  type TopicMessageType,
} from '../store/index.js';
import type { TopicConfig } from '../types/index.js';
import { checkInteger, checkKnown, checkName } from './argument-checks.js';
import { isGroupTopic, isSystemTopic } from './system-topics.js';

/** Who may use a topic: senders (WRITE), consumers (READ), both, or nobody for the time being. */
export type TopicPermission = 'READ_WRITE' | 'READ' | 'WRITE' | 'NONE';

export interface TopicSettings {
  /** Both numbers of queues. Default: the broker's `defaultTopicQueueNums`. */
  readonly queueNums?: number | undefined;
  /** Queues that consumers read, from 0 on. */
  readonly readQueueNums?: number | undefined;
  /** Queues that senders write to, from 0 on. */
  readonly writeQueueNums?: number | undefined;
  /** Default READ_WRITE. */
  readonly permission?: TopicPermission | undefined;
  /** The kind of messages that the topic takes; others are refused. Default UNSPECIFIED: all, as with MIXED. */
  readonly messageType?: TopicMessageType | undefined;
}

export interface TopicInfo {
  readonly topic: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly permission: TopicPermission;
  readonly messageType: TopicMessageType;
  /** As in `config/topics.json`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** APPLICATION: made for messages of its own. GROUP: the retry or dead-letter topic of a group. SYSTEM: the broker's own. */
  readonly kind: 'APPLICATION' | 'GROUP' | 'SYSTEM';
}

const MAX_QUEUE_NUMS = 1024;
const PERMISSIONS: Readonly<Record<TopicPermission, number>> = {
  READ_WRITE: PERM_READ | PERM_WRITE,
  READ: PERM_READ,
  WRITE: PERM_WRITE,
  NONE: 0,
};
const SETTINGS = ['queueNums', 'readQueueNums', 'writeQueueNums', 'permission', 'messageType'];

/**
 * A topic with changed settings; what is left out stays.
 *
 * @throws InvalidOptionError, UnknownOptionError
 */
export function withSettings(config: TopicConfig, settings: TopicSettings): TopicConfig {
  checkKnown('A topic', settings, SETTINGS);
  const queueNums = (name: 'readQueueNums' | 'writeQueueNums'): number => {
    const option = settings[name] === undefined ? 'queueNums' : name;
    return checkInteger(option, settings[option] ?? config[name], 1, MAX_QUEUE_NUMS);
  };
  const { permission, messageType } = settings;
  return {
    ...config,
    readQueueNums: queueNums('readQueueNums'),
    writeQueueNums: queueNums('writeQueueNums'),
    perm: permission === undefined ? config.perm : PERMISSIONS[checkName('permission', permission, permissionNames)],
    attributes: messageType === undefined ? config.attributes : withMessageType(config, messageType),
  };
}

export function topicInfo(config: TopicConfig): TopicInfo {
  const { topicName: topic, readQueueNums, writeQueueNums, perm, attributes } = config;
  const rights = perm & (PERM_READ | PERM_WRITE);
  return {
    topic,
    readQueueNums,
    writeQueueNums,
    permission: permissionNames.find((name) => PERMISSIONS[name] === rights)!,
    messageType: declaredMessageType(config),
    attributes,
    kind: isSystemTopic(topic) ? 'SYSTEM' : isGroupTopic(topic) ? 'GROUP' : 'APPLICATION',
  };
}

const permissionNames = Object.keys(PERMISSIONS) as TopicPermission[];

function withMessageType({ attributes }: TopicConfig, messageType: TopicMessageType): Record<string, string> {
  const { [MESSAGE_TYPE_ATTRIBUTE]: _, ...others } = attributes;
  const checked = checkName('messageType', messageType, [...MESSAGE_KINDS, 'MIXED', 'UNSPECIFIED']);
  return checked === 'UNSPECIFIED' ? others : { ...others, [MESSAGE_TYPE_ATTRIBUTE]: checked };
}
