// The words in which every kind of consumer says what it wants.

/** CLUSTERING: each message to one member of the group. BROADCASTING: each message to every member. */
export type MessageModel = 'CLUSTERING' | 'BROADCASTING';
/** CONCURRENTLY: several messages at once. ORDERLY: one at a time per queue, in order, also through retries. */
export type ConsumeMode = 'CONCURRENTLY' | 'ORDERLY';
/** Where a group without a stored offset begins. */
export type ConsumeFromWhere = 'CONSUME_FROM_LAST_OFFSET' | 'CONSUME_FROM_FIRST_OFFSET' | 'CONSUME_FROM_TIMESTAMP';

export interface MessageSelector {
  readonly type: 'TAG' | 'SQL92';
  /** TAG: `*`, or tags joined by `||`. */
  readonly expression: string;
}
