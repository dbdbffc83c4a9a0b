import type { MessageKind } from '../store/index.js';
import type { Message } from '../types/index.js';

/**
 * What a message is by the way it is sent (RocketMQ: `TopicMessageType.parseFromMessageProperty`): a half message TRANSACTION, whatever else it is; one with a delay
 * DELAY, also when the delay is over; one with a sharding key FIFO.
 */
export function messageKind(message: Message, isHalf = false): MessageKind {
  if (isHalf) return 'TRANSACTION';
  const { delayLevel = 0, delayMs, deliverAtMs, shardingKey } = message;
  if (delayLevel > 0 || delayMs !== undefined || deliverAtMs !== undefined) return 'DELAY';
  return shardingKey === undefined ? 'NORMAL' : 'FIFO';
}
