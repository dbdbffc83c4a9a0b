// Names that RocketMQ gives a meaning (TopicValidator, MixAll, TransactionalMessageUtil).

/** Messages that wait for a delay level; queue n holds level n + 1. */
export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX';
/** Half messages of transactions. */
export const HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC';
/** Which half messages are decided. */
export const OP_HALF_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';
/** Half messages that were asked about too often. */
export const TRANS_CHECK_MAX_TIME_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC';
/** Messages that wait for a time of their own. */
export const TIMER_TOPIC = 'rmq_sys_wheel_timer';
/** The group whose offsets say how far half and op topics are worked off. */
export const TRANSACTION_GROUP = 'CID_RMQ_SYS_TRANS';

/** Groups of such names are the broker's: their offsets are its notes (`MixAll.CID_SYS_RMQ_TRANS`, `CID_RMQ_SYS_PREFIX`). */
export const SYSTEM_GROUP_PREFIX = 'CID_RMQ_SYS_';

export const RETRY_TOPIC_PREFIX = '%RETRY%';
export const DEAD_LETTER_TOPIC_PREFIX = '%DLQ%';
/** Queues of a topic of dead letters, however it comes to be made (`DLQ_NUMS_PER_GROUP`): they are looked for in one. */
export const DEAD_LETTER_QUEUES = 1;

export const retryTopicOf = (group: string): string => RETRY_TOPIC_PREFIX + group;
export const deadLetterTopicOf = (group: string): string => DEAD_LETTER_TOPIC_PREFIX + group;
