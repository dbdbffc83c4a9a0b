// The engine's public surface: what the Nest side, and a program without Nest, may use.
export { EmbeddedBroker, type BrokerEnvironment } from './broker.js';
export {
  resolveBrokerOptions,
  type BrokerOptions,
  type ResolvedBrokerOptions,
  type StoreLocationOptions,
} from './broker-options.js';
export {
  ConsoleLogger,
  ManualClock,
  MemoryFileSystem,
  NodeFileSystem,
  SeededRandom,
  SilentLogger,
  SystemClock,
  SystemRandom,
} from './io/index.js';
export type * from './admin/index.js';
export { batchSizeOf } from './produce/index.js';
export { RESERVED_PROPERTIES } from './types/index.js';
export { checkGroupName, checkTopicName, type FlushDiskType } from './store/index.js';
export * from './types/clock.js';
export * from './types/consumption.js';
export * from './types/engine.js';
export * from './types/events.js';
export * from './types/file-system.js';
export * from './types/logger.js';
export * from './types/message.js';
export * from './types/metrics.js';
export * from './types/pull.js';
export * from './types/random.js';
export { Property } from './types/property-names.js';
