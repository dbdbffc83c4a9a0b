export { TimerService } from './timer-service.js';
export type { TimerFiles } from './timer-index.js';
export type { PendingTimer } from './timer-listing.js';
export type { PendingTimers } from './pending-counts.js';
export type { TimerStatistics } from './timer-statistics.js';
export {
  checkDeliverTime,
  checkTimerOptions,
  DEFAULT_TIMER_OPTIONS,
  MAX_TIMER_DELAY_MS,
  type TimerOptions,
} from './timer-options.js';
export { fromTimer, timerFacts, TimerProperty, toTimer, type TimerFacts } from './timer-message.js';
export { formatRecallHandle, parseRecallHandle, recallHandleOf, type RecallHandle } from './recall-handle.js';
