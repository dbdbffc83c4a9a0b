import { MessageTypeMismatchError } from '../../errors/index.js';
import type { TopicConfig } from '../types/index.js';

/** What a message is by the way it is sent (`TopicMessageType`). FIFO: with a sharding key. DELAY: by level or by time. */
export type MessageKind = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION';

/** What a topic is declared for. MIXED: for any kind, and says so. UNSPECIFIED: says nothing, and takes any kind. */
export type TopicMessageType = MessageKind | 'MIXED' | 'UNSPECIFIED';

/** The topic attribute that declares it (`TopicAttributes`). It is stored without the `+` that RocketMQ's requests put before it. */
export const MESSAGE_TYPE_ATTRIBUTE = 'message.type';

export const MESSAGE_KINDS: readonly MessageKind[] = ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION'];

/** A type that is not known here is as good as none. */
export function declaredMessageType({ attributes }: TopicConfig): TopicMessageType {
  const declared = attributes[MESSAGE_TYPE_ATTRIBUTE];
  // Most topics declare nothing, and every send asks.
  if (declared === undefined) return 'UNSPECIFIED';
  if (declared === 'MIXED') return 'MIXED';
  return MESSAGE_KINDS.find((kind) => kind === declared) ?? 'UNSPECIFIED';
}

/**
 * Checks a message against what its topic is declared for. RocketMQ does so for its newer clients only, and takes a topic without a declaration for NORMAL
 * then; here such a topic takes everything.
 *
 * @throws MessageTypeMismatchError
 */
export function checkMessageType(topic: TopicConfig, actual: MessageKind): void {
  const declared = declaredMessageType(topic);
  if (declared === 'UNSPECIFIED' || declared === 'MIXED' || declared === actual) return;
  throw new MessageTypeMismatchError({ topic: topic.topicName, declared, actual });
}
