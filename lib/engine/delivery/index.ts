export { DelayLevelService } from './delay-level-service.js';
export { DEFAULT_MESSAGE_DELAY_LEVEL, DelayLevelTable, fromScheduled, toScheduled } from './delay-level.js';
export { RetryService } from './retry.js';
export {
  checkTimerOptions,
  DEFAULT_TIMER_OPTIONS,
  TimerService,
  type PendingTimer,
  type PendingTimers,
  type TimerOptions,
  type TimerStatistics,
} from './timer/index.js';
