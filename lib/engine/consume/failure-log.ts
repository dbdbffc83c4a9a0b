import { messageOf, stackOf } from '../../errors/thrown.js';
import { RECONSUME_LATER, type EngineLogger, type StoredRecord } from '../types/index.js';
import type { FailedDelivery } from './failure-policy.js';

/** Thrown by a handler to say that trying again is of no use. Told by its code: the class may come from another copy of the package. */
export function isNonRetryable(reason: unknown): boolean {
  return typeof reason === 'object' && reason !== null && 'code' in reason && reason.code === 'NON_RETRYABLE';
}

/** One entry for each failed attempt; none when the handler asked for a retry, because then it knows. */
export function logFailure(logger: EngineLogger, group: string, delivery: FailedDelivery, consequence: string): void {
  const { record, reason } = delivery;
  if (reason === RECONSUME_LATER) return;
  logger.error(`${nameOf(record, group)} failed: ${messageOf(reason)}. ${consequence}`, stackOf(reason));
}

/** Says which delivery of which message an entry is about. */
export function nameOf(record: StoredRecord, group: string): string {
  const attempt = record.reconsumeTimes + 1;
  return `Attempt ${attempt} of consumer group "${group}" at message ${record.msgId} of topic "${record.topic}"`;
}
