import { describe } from './describe.js';
import { defineError } from './rocket-error.js';

export class TestDurationError extends defineError<{ duration: unknown }>({
  code: 'TEST_DURATION',
  meaning: 'A test wants to let a time pass that is no time.',
  remedy: 'Give whole milliseconds, or text such as "500ms", "10s", "5m", "2h" or "3d".',
  message: ({ duration }) => `${describe(duration)} is no duration.`,
}) {}

export class TestClockError extends defineError<{ operation: string }>({
  code: 'TEST_CLOCK',
  meaning: 'A test wants to move the time of a broker that runs on the real clock.',
  remedy: "Use clock: 'manual', or wait for what is to happen with waitFor.",
  message: ({ operation }) => `Can't ${operation}: the real clock goes by itself.`,
}) {}

export class TestTargetError extends defineError<{ target: unknown }>({
  code: 'TEST_TARGET',
  meaning: 'A test asks about something that is neither a listener nor a topic nor a message.',
  remedy: 'Give a class with @MessageListener, the name of a topic, or { msgId }, such as a SendResult.',
  message: ({ target }) => `Nothing is known of ${describe(target)}.`,
}) {}

export class NotConsumedError extends defineError<{
  target: string;
  wanted: number;
  consumed: number;
  failed: number;
  clock: 'manual' | 'real';
}>({
  code: 'NOT_CONSUMED',
  meaning: 'What a test waits for has not been consumed, and will not be as things are.',
  remedy: 'Look at attempts() for failures, and let time pass with advance() if a delay or a retry is to come.',
  message: ({ target, wanted, consumed, failed, clock }) =>
    `${target}: ${consumed} of ${wanted} wanted messages consumed, ${failed} failed attempts, and ` +
    (clock === 'manual' ? 'nothing more is under way.' : 'the time to wait is over.'),
}) {}
