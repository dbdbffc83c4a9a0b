export { openStore, type OpenStore, type StoreEnvironment, type StoreOptions } from './open-store.js';
export { asUnusable } from './unusable.js';
export type { FlushDiskType } from './commit-log.js';
export type { DiskWatch } from './disk-watch.js';
export { deletionHours } from './expiry.js';
export type { OldestNeeded, Retention, RetentionOptions } from './retention.js';
export { HEX_OF_BYTE } from './hex.js';
export { javaStringHash } from './java-hash.js';
export { findProperty, formatProperties, formatProperty, parseProperties } from './message-properties.js';
export { MAX_BODY_BYTES, MAX_PROPERTIES_BYTES } from './record-format.js';
export { offsetMessageId, offsetMessageIds } from './stored-message.js';
export { canBeTopic, parseQueueId } from './queue-place.js';
export { PERM_READ, PERM_WRITE, topicConfig } from './topic-config-table.js';
export {
  dataVersionOf,
  firstDataVersion,
  isObject,
  nextDataVersion,
  tableOf,
  type DataVersion,
} from './data-version.js';
export { redraft } from './redraft.js';
export { retryDelayMs } from './retry-delay.js';
export { checkGroupName, checkSendableTopic, checkTopicName } from './names.js';
export {
  checkMessageType,
  declaredMessageType,
  MESSAGE_KINDS,
  MESSAGE_TYPE_ATTRIBUTE,
  type MessageKind,
  type TopicMessageType,
} from './topic-message-type.js';
export { intoWriteQueue } from './write-queue.js';
