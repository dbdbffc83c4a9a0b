import { fieldOf, messageOf, stackOf } from '../../errors/thrown.js';
import { RECONSUME_LATER, type EngineLogger, type StoredRecord } from '../types/index.js';
import type { FailedDelivery, HeldMessage } from './failure-policy.js';

/** A line in the log has room for so many ids. */
const MOST_IDS = 8;

/** Thrown by a handler to say that trying again is of no use. Told by its code: the class may come from another copy of the package. */
export function isNonRetryable(reason: unknown): boolean {
  return fieldOf(reason, 'code') === 'NON_RETRYABLE';
}

/** What such an error wants the reader of the dead letter to know. Whatever is no string is left out. */
export function deadLetterPropertiesOf(reason: unknown): Readonly<Record<string, string>> {
  if (!isNonRetryable(reason)) return {};
  const properties = fieldOf(reason, 'properties');
  if (typeof properties !== 'object' || properties === null) return {};
  try {
    return Object.fromEntries(Object.entries(properties).filter(([, value]) => typeof value === 'string'));
  } catch {
    // They are made up as they are read, and that fails. The dead letter matters more than what it says.
    return {};
  }
}

/** One entry for each failed attempt, of a batch one for all; none when the handler asked for a retry, because then it knows. */
export function logFailure(logger: EngineLogger, group: string, delivery: FailedDelivery, consequence: string): void {
  const { messages, reason } = delivery;
  if (reason === RECONSUME_LATER) return;
  const why = messageOf(reason).replace(/\.$/, '');
  logger.error(`${nameOfAll(messages, group)} failed: ${why}. ${consequence}`, stackOf(reason));
}

/** Says which delivery of which message an entry is about. */
export function nameOf(record: StoredRecord, group: string): string {
  const attempt = record.reconsumeTimes + 1;
  return `Attempt ${attempt} of consumer group "${group}" at message ${record.msgId} of topic "${record.topic}"`;
}

/** The same of a batch. */
export function nameOfAll(messages: readonly HeldMessage[], group: string): string {
  const [first] = messages;
  const { record } = first!;
  if (messages.length === 1) return nameOf(record, group);
  const ids = messages.slice(0, MOST_IDS).map((message) => message.record.msgId);
  const rest = messages.length - ids.length;
  const named = rest === 0 ? ids.join(', ') : `${ids.join(', ')} and ${rest} more`;
  const attempts = messages.map((message) => message.record.reconsumeTimes + 1);
  const least = Math.min(...attempts);
  const most = Math.max(...attempts);
  const attempt = least === most ? String(least) : `${least} to ${most}`;
  return `Attempt ${attempt} of consumer group "${group}" at ${messages.length} messages of topic "${record.topic}" (${named})`;
}
