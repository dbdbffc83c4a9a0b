import { RecallHandleIllegalError } from '../../../errors/index.js';
import { findProperty } from '../../store/index.js';
import { Property, RETRY_TOPIC_PREFIX, TIMER_TOPIC, type RecordDraft } from '../../types/index.js';
import { TimerProperty } from './timer-message.js';

const VERSION = 'v1';
const SEPARATOR = ' ';
const BASE64_URL = /^[A-Za-z0-9_-]+={0,2}$/;

/** What a recall handle says. */
export interface RecallHandle {
  readonly topic: string;
  readonly brokerName: string;
  /** A time in the second in which the message is due. Handles of ours hold the exact time, those of a real broker TIMER_OUT_MS + 1. */
  readonly timestampMs: number;
  readonly uniqKey: string;
}

/** RocketMQ's handle: base64url of `v1 topic brokerName timestamp uniqKey` (`RecallMessageHandle.HandleV1`). */
export function formatRecallHandle({ topic, brokerName, timestampMs, uniqKey }: RecallHandle): string {
  const text = Buffer.from([VERSION, topic, brokerName, timestampMs, uniqKey].join(SEPARATOR)).toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** @throws RecallHandleIllegalError */
export function parseRecallHandle(handle: unknown): RecallHandle {
  if (typeof handle !== 'string' || !BASE64_URL.test(handle)) {
    throw new RecallHandleIllegalError({ handle, reason: 'it is not base64url text' });
  }
  const words = Buffer.from(handle, 'base64url').toString('utf8').split(SEPARATOR);
  const [version, topic] = words;
  const [timestamp = '', uniqKey] = words.slice(-2);
  // The name of a broker is free text; RocketMQ could not read a handle with one that holds a space.
  const brokerName = words.slice(2, -2).join(SEPARATOR);
  if (version !== VERSION || !topic || !brokerName || !uniqKey || !/^\d{1,15}$/.test(timestamp)) {
    throw new RecallHandleIllegalError({ handle, reason: 'it does not read "v1 topic brokerName timestamp uniqKey"' });
  }
  return { topic, brokerName, timestampMs: Number(timestamp), uniqKey };
}

/**
 * The handle that takes back the message of a draft that {@link toTimer} made.
 *
 * @returns undefined for a draft that can't be recalled: one that does not wait in the timer topic, or goes to a retry topic
 */
export function recallHandleOf(draft: RecordDraft, brokerName: string): string | undefined {
  if (draft.topic !== TIMER_TOPIC || draft.uniqKey === undefined) return undefined;
  const topic = findProperty(draft.properties, Property.REAL_TOPIC);
  const timestampMs = Number(findProperty(draft.properties, TimerProperty.DELIVER_MS));
  if (topic === undefined || topic.startsWith(RETRY_TOPIC_PREFIX)) return undefined;
  return formatRecallHandle({ topic, brokerName, timestampMs, uniqKey: draft.uniqKey });
}
