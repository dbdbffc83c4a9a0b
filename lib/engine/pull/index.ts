export { PullService } from './pull-service.js';
export type { OffsetTable, PullDependencies } from './pull-room.js';
export type { PollOptions, PullConsumer, PullConsumerOptions } from './pull-types.js';
