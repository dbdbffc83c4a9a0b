import type { Attributes } from '@opentelemetry/api';
import { Property, type Message, type MessageExt, type MessageModel } from '../../engine/index.js';

// Names are OpenTelemetry's semantic conventions for messaging, and for RocketMQ in particular.

const SYSTEM = { 'messaging.system': 'rocketmq' };

/** What a span says of the operation that it is about. */
export interface Operation {
  /** What it is called here. */
  readonly name: string;
  readonly type: 'send' | 'receive' | 'process';
}

export function operationAttributes({ name, type }: Operation, topic: string): Attributes {
  return {
    ...SYSTEM,
    'messaging.operation.name': name,
    'messaging.operation.type': type,
    'messaging.destination.name': topic,
  };
}

/** Of a message that is sent. */
export function sentAttributes(message: Message, isHalf: boolean): Attributes {
  const { tags, keys, shardingKey, delayLevel = 0, delayMs, deliverAtMs } = message;
  const isDelayed = delayLevel > 0 || delayMs !== undefined || deliverAtMs !== undefined;
  return {
    ...sizeOf(message.body),
    ...(tags !== undefined && { 'messaging.rocketmq.message.tag': tags }),
    ...(keys !== undefined && { 'messaging.rocketmq.message.keys': keys.split(' ') }),
    ...(shardingKey !== undefined && { 'messaging.rocketmq.message.group': shardingKey }),
    ...(delayLevel > 0 && { 'messaging.rocketmq.message.delay_time_level': delayLevel }),
    ...(deliverAtMs !== undefined && { 'messaging.rocketmq.message.delivery_timestamp': deliverAtMs }),
    'messaging.rocketmq.message.type': typeOf(isHalf, isDelayed, shardingKey),
  };
}

/** Of a message that is handled. */
export function receivedAttributes(message: MessageExt): Attributes {
  const { tags, keys, msgId, queueId } = message;
  const shardingKey = message.properties[Property.SHARDING_KEY];
  return {
    ...sizeOf(message.body),
    'messaging.message.id': msgId,
    'messaging.destination.partition.id': String(queueId),
    ...(tags !== undefined && { 'messaging.rocketmq.message.tag': tags }),
    ...(keys !== undefined && { 'messaging.rocketmq.message.keys': keys.split(' ') }),
    ...(shardingKey !== undefined && { 'messaging.rocketmq.message.group': shardingKey }),
  };
}

export function groupAttributes(group: string, messageModel: MessageModel = 'CLUSTERING'): Attributes {
  return {
    'messaging.consumer.group.name': group,
    'messaging.rocketmq.consumption_model': messageModel.toLowerCase(),
  };
}

function sizeOf(body: Uint8Array): Attributes {
  return { 'messaging.message.body.size': body.byteLength };
}

function typeOf(isHalf: boolean, isDelayed: boolean, shardingKey: string | undefined): string {
  if (isHalf) return 'transaction';
  if (isDelayed) return 'delay';
  return shardingKey === undefined ? 'normal' : 'fifo';
}
