/** Prefix of the headers that tell about a message that was read. */
export const ROCKET_HEADER_PREFIX = 'rocketmq_';

/**
 * Header names with a meaning.
 *
 * Those with the prefix `rocketmq_` are read from messages that are handed to transaction listeners. Of them only
 * `rocketmq_KEYS` acts when it is sent; the others tell about the message they were read from, and a send leaves them out.
 */
export const RocketHeaders = {
  /** Sent: business keys, one string with spaces between the keys or an array of strings. */
  KEYS: 'KEYS',
  /** Sent: the tag, when the destination names none. */
  TAGS: 'TAGS',
  /** Sent: an integer of 32 bits that the application may use as it likes. */
  FLAG: 'FLAG',
  /** Sent: `false` for a send that does not wait for the disk. */
  WAIT_STORE_MSG_OK: 'WAIT_STORE_MSG_OK',
  /** Sent: the delay level, 1 to 18. */
  DELAY: 'DELAY',
  /** Sent and read: how the body is to be understood. An ordinary user property. */
  CONTENT_TYPE: 'contentType',

  RECEIVED_KEYS: 'rocketmq_KEYS',
  RECEIVED_TAGS: 'rocketmq_TAGS',
  RECEIVED_TOPIC: 'rocketmq_TOPIC',
  RECEIVED_FLAG: 'rocketmq_FLAG',
  MESSAGE_ID: 'rocketmq_MESSAGE_ID',
  TRANSACTION_ID: 'rocketmq_TRANSACTION_ID',
  BORN_TIMESTAMP: 'rocketmq_BORN_TIMESTAMP',
  BORN_HOST: 'rocketmq_BORN_HOST',
  QUEUE_ID: 'rocketmq_QUEUE_ID',
  SYS_FLAG: 'rocketmq_SYS_FLAG',
} as const;
