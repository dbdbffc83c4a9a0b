import { ROCKET_HEADER_PREFIX, RocketHeaders } from './rocket-headers.js';
import type { MessageHeaders } from './rocket-message.js';
import { SYSTEM_PROPERTIES } from './system-properties.js';

/** What is known of a message that headers are made of; the rest is known only once it has been stored and read back. */
export interface ReceivedMessage {
  readonly topic: string;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  readonly flag: number;
  readonly msgId: string;
  readonly transactionId: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly bornTimestamp?: number | undefined;
  readonly bornHost?: string | undefined;
  readonly queueId?: number | undefined;
  readonly sysFlag?: number | undefined;
}

/**
 * Headers of a message for its reader: RocketMQ's fields under `rocketmq_*`, the application's properties under their own names, and how often a half message was asked
 * about (`TRANSACTION_CHECK_TIMES`). A property can not pose as one of RocketMQ's fields.
 */
export function receivedHeaders(message: ReceivedMessage): MessageHeaders {
  const own = Object.entries(message.properties).filter(
    ([name]) => !SYSTEM_PROPERTIES.has(name) && !fieldHeaders.has(name),
  );
  const fields: [string, unknown][] = [
    [RocketHeaders.RECEIVED_TOPIC, message.topic],
    [RocketHeaders.RECEIVED_TAGS, message.tags],
    [RocketHeaders.RECEIVED_KEYS, message.keys],
    [RocketHeaders.RECEIVED_FLAG, message.flag],
    [RocketHeaders.MESSAGE_ID, message.msgId],
    [RocketHeaders.TRANSACTION_ID, message.transactionId],
    [RocketHeaders.BORN_TIMESTAMP, message.bornTimestamp],
    [RocketHeaders.BORN_HOST, message.bornHost],
    [RocketHeaders.QUEUE_ID, message.queueId],
    [RocketHeaders.SYS_FLAG, message.sysFlag],
  ];
  // Not by assignments, which would lose a header called `__proto__` without a word.
  return Object.fromEntries([...own, ...fields.filter(([, value]) => value !== undefined)]);
}

/** Written by this module alone. */
const fieldHeaders: ReadonlySet<string> = new Set(
  Object.values(RocketHeaders).filter((name) => name.startsWith(ROCKET_HEADER_PREFIX)),
);
