export { DelayLevelService } from './delay-level-service.js';
export { DEFAULT_MESSAGE_DELAY_LEVEL, DelayLevelTable, fromScheduled, toScheduled } from './delay-level.js';
export { RetryService } from './retry.js';
