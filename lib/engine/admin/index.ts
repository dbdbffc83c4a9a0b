export type { PendingTimer, TimerCounts } from './admin-parts.js';
export type { Moment } from './argument-checks.js';
export { BrokerAdmin } from './broker-admin.js';
export type { LiveMember } from './consumer-groups.js';
export type { ConsumptionState, GroupConsumption } from './consumption-state.js';
export type {
  DeadLetter,
  DeadLetterAdmin,
  DeadLetterPage,
  ResendAllResult,
  ResentDeadLetter,
} from './dead-letter-admin.js';
export type { DelayAdmin, DelayLevelInfo } from './delay-admin.js';
export type { GroupAdmin, GroupInfo, GroupMember, QueueOffset, TopicChoice } from './group-admin.js';
export type { GroupLag, QueueLag } from './group-lag.js';
export type { MessageAdmin, MessageSearch, TimeRange } from './message-admin.js';
export type { OffsetMove } from './offset-moves.js';
export type { TopicAdmin, TopicQueueStats, TopicStats } from './topic-admin.js';
export type { TopicInfo, TopicPermission, TopicSettings } from './topic-settings.js';
export type { PendingTransactionInfo, TransactionAdmin } from './transaction-admin.js';
export type { MessageKind, TopicMessageType } from '../store/index.js';
