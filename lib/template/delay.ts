import { MessageIllegalError } from '../errors/index.js';

/** The three ways to say when a message is to be delivered. Each excludes the others. */
export interface DelayOptions {
  /** One of RocketMQ's delay levels, 1 (1 s) to 18 (2 h). 0, the default: at once. */
  readonly delayLevel?: number | undefined;
  /** Deliver this many milliseconds after the send: a whole number, at most the broker's `timerMaxDelayMs` (3 days). 0: at once. */
  readonly delayMs?: number | undefined;
  /** Deliver at this time: a Date or epoch milliseconds. A time that has passed means at once. */
  readonly deliverAt?: Date | number | undefined;
}

/** The same for the engine. */
export interface MessageDelay {
  readonly delayLevel: number | undefined;
  readonly delayMs: number | undefined;
  readonly deliverAtMs: number | undefined;
}

/**
 * @param delayLevel by option or header
 * @throws MessageIllegalError when two ways are used at once
 */
export function readDelay(delayLevel: number | undefined, { delayMs, deliverAt }: DelayOptions): MessageDelay {
  refuseBoth('delay level', delayLevel, 'delayMs', delayMs);
  refuseBoth('delay level', delayLevel, 'deliverAt', deliverAt);
  refuseBoth('delayMs', delayMs, 'deliverAt', deliverAt);
  return { delayLevel, delayMs, deliverAtMs: deliverAt === undefined ? undefined : Number(deliverAt) };
}

function refuseBoth(first: string, firstValue: unknown, second: string, secondValue: unknown): void {
  if (firstValue === undefined || secondValue === undefined) return;
  const reason = `its ${first} is given as well, and only one can say when it is to be delivered`;
  throw new MessageIllegalError({ field: `its ${second}`, value: secondValue, reason });
}

/** Whether the message waits: 0 means no delay. */
export function isDelayed({ delayLevel = 0, delayMs = 0, deliverAtMs = 0 }: Partial<MessageDelay>): boolean {
  return delayLevel !== 0 || delayMs !== 0 || deliverAtMs !== 0;
}

/** @throws MessageIllegalError */
export function delayMsOfSeconds(delaySeconds: number): number {
  if (Number.isSafeInteger(delaySeconds) && delaySeconds >= 0) return delaySeconds * 1000;
  const reason = 'it must be a whole number of seconds, 0 or more';
  throw new MessageIllegalError({ field: 'the delay in seconds', value: delaySeconds, reason });
}
