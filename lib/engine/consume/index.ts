export { allocateAveragely } from './allocation.js';
export type { SelectorCompiler, SelectorFunctions } from './consume-room.js';
export { ConsumeService, type ConsumeDependencies } from './consume-service.js';
export type { GroupStatus, MemberStatus } from './consumer-group.js';
export { GroupConsumer } from './group-consumer.js';
export { OffsetStore, type GroupOffsets } from './offset-store.js';
export type { QueueStatus } from './process-queue.js';
export type { ConsumerOptions } from './resolved-spec.js';
export { startPosition } from './start-position.js';
