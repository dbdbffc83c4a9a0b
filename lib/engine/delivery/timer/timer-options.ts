import { InvalidOptionError, MessageIllegalError, TimerDelayTooLongError } from '../../../errors/index.js';

const DAY_MS = 86_400_000;

/** Longest delay that {@link TimerOptions.timerMaxDelayMs} may allow. */
export const MAX_TIMER_DELAY_MS = 40 * DAY_MS;

/** Options of arbitrary timers, all in milliseconds or bytes. */
export interface TimerOptions {
  /** Longest delay that a send may ask for. Default 3 days (RocketMQ: `timerMaxDelaySec`), at most 40 days. */
  readonly timerMaxDelayMs: number;
  /**
   * A message that is due later than this is put back into the timer topic in between, so that its record is never older than this when it is due, and
   * retention can remove the log behind it. A multiple of 2000, at most 6 days. Default 2 days (RocketMQ: `timerRollWindowSlot`).
   */
  readonly timerRollWindowMs: number;
  /** Longest time that progress is only in memory: a crash repeats deliveries of this time at most. Default 1000 (RocketMQ: `timerFlushIntervalMs`). */
  readonly timerFlushIntervalMs: number;
  /** Size of a timer log file. Default 100 MiB (RocketMQ: `mappedFileSizeTimerLog`). */
  readonly mappedFileSizeTimerLogBytes: number;
  /** Timers of one second that are in memory at the same time, at most; the others are read when these are delivered. Default 65,536, 16 bytes each. */
  readonly maxLoadedTimersPerSecond: number;
}

export const DEFAULT_TIMER_OPTIONS: TimerOptions = Object.freeze({
  timerMaxDelayMs: 3 * DAY_MS,
  timerRollWindowMs: 2 * DAY_MS,
  timerFlushIntervalMs: 1000,
  mappedFileSizeTimerLogBytes: 100 * 1024 * 1024,
  maxLoadedTimersPerSecond: 64 * 1024,
});

/** The wheel turns once in 14 days; two windows and a half of downtime must fit. */
const MAX_ROLL_WINDOW_MS = 6 * DAY_MS;
/** Half of the window must be whole seconds, so that the slots in between can be told from the slot in which the message is due. */
const ROLL_WINDOW_STEP_MS = 2000;
/** Offsets in a file are 32-bit in RocketMQ. */
const MAX_LOG_FILE_BYTES = 2 ** 31 - 1;
const MIN_LOG_FILE_BYTES = 1024;
const MAX_LOADED_TIMERS = 2 ** 24;

/** @throws InvalidOptionError */
export function checkTimerOptions(options: TimerOptions): void {
  const step = ROLL_WINDOW_STEP_MS;
  checkRange('timerMaxDelayMs', options.timerMaxDelayMs, 1, MAX_TIMER_DELAY_MS);
  checkRange('timerRollWindowMs', options.timerRollWindowMs, step, MAX_ROLL_WINDOW_MS, step);
  checkRange('timerFlushIntervalMs', options.timerFlushIntervalMs, 1, DAY_MS);
  const { mappedFileSizeTimerLogBytes, maxLoadedTimersPerSecond } = options;
  checkRange('store.mappedFileSizeTimerLogBytes', mappedFileSizeTimerLogBytes, MIN_LOG_FILE_BYTES, MAX_LOG_FILE_BYTES);
  checkRange('maxLoadedTimersPerSecond', maxLoadedTimersPerSecond, 1, MAX_LOADED_TIMERS);
}

/**
 * Checks the time at which a message is to be delivered. A time that has passed is none too early: it means now.
 *
 * @param deliverAtMs epoch milliseconds
 * @throws MessageIllegalError it is no time
 * @throws TimerDelayTooLongError
 */
export function checkDeliverTime(deliverAtMs: number, nowMs: number, timerMaxDelayMs: number): void {
  if (!Number.isInteger(deliverAtMs) || deliverAtMs < 0) {
    throw new MessageIllegalError({
      field: 'deliverAtMs',
      value: deliverAtMs,
      reason: 'it must be a whole number of milliseconds since 1970',
    });
  }
  const delayMs = deliverAtMs - nowMs;
  if (delayMs > timerMaxDelayMs) throw new TimerDelayTooLongError({ delayMs, maxDelayMs: timerMaxDelayMs });
}

function checkRange(option: string, value: number, min: number, max: number, step = 1): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max && value % step === 0) return;
  const unit = step === 1 ? 'an integer' : `a multiple of ${step}`;
  throw new InvalidOptionError({ option, value, expected: `${unit} from ${min} to ${max}` });
}
