export { BodyCompressor } from './body-compressor.js';
export { MessageProducer, type ProducerParts } from './message-producer.js';
export { checkGroupName, checkTopicName } from './names.js';
export { RequestTable } from './request-table.js';
export { TopicRoute, type TopicRouteOptions } from './topic-route.js';
export { UniqueIds } from './unique-id.js';
