import { MessageIllegalError } from '../../errors/index.js';
import type { Message, RecordDraft } from '../types/index.js';

/** Delivers messages at a time of their own. */
export interface Timers {
  /** @throws MessageIllegalError, TimerDelayTooLongError */
  checkTime(deliverAtMs: number): void;
  /** The draft to store instead of this one; the same draft if the time has come. */
  schedule(draft: RecordDraft, deliverAtMs: number): RecordDraft;
  /** What takes back the message of a draft that {@link schedule} gave; undefined if it does not wait. */
  recallHandle(draft: RecordDraft): string | undefined;
}

/** The fields of a message that delay it. 0 in one of them means no delay. */
const DELAY_FIELDS = ['delayLevel', 'delayMs', 'deliverAtMs'] as const;

/** True for a message with a delay that is no level. */
export function isTimed({ delayMs, deliverAtMs }: Message): boolean {
  return delayMs !== undefined || deliverAtMs !== undefined;
}

/**
 * When a message is to be delivered, epoch ms; undefined: as soon as its delay level says. RocketMQ lets one of several delays win; here that is refused,
 * because nobody can mean it.
 *
 * @throws MessageIllegalError, TimerDelayTooLongError
 */
export function deliverAtMsOf(message: Message, nowMs: number, timers: Timers): number | undefined {
  const { delayLevel = 0, delayMs, deliverAtMs } = message;
  if (delayMs === undefined && deliverAtMs === undefined) return undefined;
  if (delayLevel > 0) {
    refuse('delayLevel', delayLevel, 'it excludes delayMs and deliverAtMs: a message has one delay');
  }
  if (delayMs === undefined) {
    timers.checkTime(deliverAtMs!);
    return deliverAtMs;
  }
  if (deliverAtMs !== undefined) {
    refuse('deliverAtMs', deliverAtMs, 'delayMs is given as well: a message has one delay');
  }
  if (!Number.isInteger(delayMs) || delayMs < 0) {
    refuse('delayMs', delayMs, 'it must be a whole number of milliseconds, 0 or more');
  }
  timers.checkTime(nowMs + delayMs);
  return nowMs + delayMs;
}

/** @throws MessageIllegalError the message has a delay */
export function refuseDelay(message: Message, reason: string): void {
  for (const field of DELAY_FIELDS) {
    if ((message[field] ?? 0) !== 0) refuse(field, message[field], reason);
  }
}

function refuse(field: string, value: unknown, reason: string): never {
  throw new MessageIllegalError({ field, value, reason });
}
