/** A message as a sender hands it to an engine. */
export interface Message {
  /** Letters, digits, `%`, `|`, `_` and `-`; at most 127 characters. */
  readonly topic: string;
  /** 1 byte to 4 MiB. */
  readonly body: Uint8Array;
  /** One tag. Listeners select by it. */
  readonly tags?: string | undefined;
  /** Business keys, separated by one space. Messages are found by them. */
  readonly keys?: string | undefined;
  /** The application's own properties. RocketMQ's property names are refused. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Opaque 32-bit integer of the application. Default 0. */
  readonly flag?: number | undefined;
  /** One of RocketMQ's delay levels, 1 (1 s) to 18 (2 h). Default 0: at once. */
  readonly delayLevel?: number | undefined;
  /** Deliver this many milliseconds after the send; a whole number. Excludes {@link delayLevel} and {@link deliverAtMs}. */
  readonly delayMs?: number | undefined;
  /** Deliver at this time, in epoch milliseconds; a time that has passed means at once. Excludes {@link delayLevel} and {@link delayMs}. */
  readonly deliverAtMs?: number | undefined;
  /** `false`: the send resolves before the message is on disk. Default true. */
  readonly waitStoreMsgOK?: boolean | undefined;
  /** The queue to put it in. Default: by {@link shardingKey}, else round robin over the topic's write queues. */
  readonly queueId?: number | undefined;
  /** Messages of one key go to one queue, as long as the topic has the same number of write queues, and so keep their order. */
  readonly shardingKey?: string | undefined;
}

/** One queue of a topic. */
export interface MessageQueue {
  readonly topic: string;
  readonly brokerName: string;
  readonly queueId: number;
}

/** All four mean that the message is stored; only SEND_OK means that it is stored as durably as was asked. */
export type SendStatus = 'SEND_OK' | 'FLUSH_DISK_TIMEOUT' | 'FLUSH_SLAVE_TIMEOUT' | 'SLAVE_NOT_AVAILABLE';

/** What a sender learns of a stored message. Field names are RocketMQ's. */
export interface SendResult {
  readonly sendStatus: SendStatus;
  /** The message's unique id, given by the sender's side (`UNIQ_KEY`): the same through retries and delays. */
  readonly msgId: string;
  /** Where the record lies: store host and commit log offset in hex. */
  readonly offsetMsgId: string;
  readonly messageQueue: MessageQueue;
  /** The message's number in its queue. Of a delayed message: its number in the waiting queue. */
  readonly queueOffset: number;
  /** Set for transaction messages. */
  readonly transactionId?: string;
  /** Takes the message back before its time. Set for a message with `delayMs` or `deliverAtMs` that waits. */
  readonly recallHandle?: string;
}

/** A stored message as a consumer sees it. Field names are RocketMQ's; times are epoch milliseconds. */
export interface MessageExt {
  /** The topic it was sent to, also when it comes by way of a retry topic. */
  readonly topic: string;
  readonly body: Buffer;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  /** All properties, RocketMQ's and the application's. */
  readonly properties: Readonly<Record<string, string>>;
  readonly flag: number;
  /** The unique id given at the send: the same for every delivery of one message. */
  readonly msgId: string;
  readonly offsetMsgId: string;
  readonly brokerName: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly commitLogOffset: number;
  readonly storeSize: number;
  readonly sysFlag: number;
  readonly bodyCRC: number;
  readonly bornTimestamp: number;
  /** `ip:port` of the sender. */
  readonly bornHost: string;
  readonly storeTimestamp: number;
  /** `ip:port` of the broker. */
  readonly storeHost: string;
  /** 0 at the first delivery, then one more at each retry. */
  readonly reconsumeTimes: number;
  readonly preparedTransactionOffset: number;
  readonly transactionId: string | undefined;
}
