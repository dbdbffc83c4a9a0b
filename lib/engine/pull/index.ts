export { PullService } from './pull-service.js';
export type { OffsetTable, PullDependencies } from './pull-room.js';
