export { BodyCompressor } from './body-compressor.js';
export type { Timers } from './delivery-delay.js';
export { FailurePacer } from './failure-pacer.js';
export { MessageProducer, type ProducerParts } from './message-producer.js';
export { RequestTable } from './request-table.js';
export { TopicRoute, type TopicRouteOptions } from './topic-route.js';
export { UniqueIds } from './unique-id.js';
export { batchSizeOf } from './message-size.js';
