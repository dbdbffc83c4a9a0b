import { InvalidOptionError } from '../../errors/index.js';
import { HALF_TOPIC, Property, SCHEDULE_TOPIC, type RecordDraft, type StoredRecord } from '../types/index.js';
import { canBeTopic, findProperty, formatProperties, parseProperties, parseQueueId, redraft } from '../store/index.js';

/** RocketMQ's `messageDelayLevel`: level 1 is the first of the list. */
export const DEFAULT_MESSAGE_DELAY_LEVEL = '1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A hundred years: longer is a slip of the keyboard, and times must stay safe integers. */
const MAX_DELAY_MS = 36_500 * 86_400_000;

/** The delays of the levels, in RocketMQ's numbering: 1 is the first. */
export class DelayLevelTable {
  /** Delay of level 1, 2, … in milliseconds. */
  readonly delaysMs: readonly number[];

  private constructor(delaysMs: readonly number[]) {
    this.delaysMs = delaysMs;
  }

  /**
   * @param text delays separated by blanks, each a whole number with a unit: `s`, `m`, `h` or `d`
   * @throws InvalidOptionError for anything else
   */
  static parse(text: string): DelayLevelTable {
    const words = text.split(' ').filter((word) => word !== '');
    const delaysMs = words.map((word) => parseDelay(word));
    if (delaysMs.length === 0 || delaysMs.includes(undefined)) {
      throw new InvalidOptionError({
        option: 'messageDelayLevel',
        value: text,
        expected: 'delays separated by blanks, each a whole number of s, m, h or d, such as "1s 5s 10m 2h"',
      });
    }
    return new DelayLevelTable(delaysMs as number[]);
  }

  get maxLevel(): number {
    return this.delaysMs.length;
  }

  /** The level itself, or the highest one when it is beyond it. */
  cap(level: number): number {
    return Math.min(level, this.maxLevel);
  }

  /** The delay of a level, in milliseconds; of one beyond the table, that of the highest level. */
  delayMs(level: number): number {
    return this.delaysMs[this.cap(level) - 1]!;
  }
}

function parseDelay(word: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(word);
  if (match === null) return undefined;
  const delayMs = Number(match[1]) * UNIT_MS[match[2]!]!;
  return delayMs > 0 && delayMs <= MAX_DELAY_MS ? delayMs : undefined;
}

export const scheduleQueueOf = (level: number): number => level - 1;
export const levelOfScheduleQueue = (queueId: number): number => queueId + 1;

/**
 * The draft as it waits in the schedule topic; its destination moves into properties (`HookUtils.transformDelayLevelMessage`).
 * A record that waited before carries those properties already: they are replaced. A draft that is in the schedule topic keeps its destination.
 *
 * @param level a level of the table, so already capped
 */
export function toScheduled(draft: RecordDraft, level: number): RecordDraft {
  const properties = parseProperties(draft.properties);
  if (draft.topic !== SCHEDULE_TOPIC) {
    properties[Property.REAL_TOPIC] = draft.topic;
    properties[Property.REAL_QUEUE_ID] = String(draft.queueId);
  }
  properties[Property.DELAY] = String(level);
  return {
    ...draft,
    topic: SCHEDULE_TOPIC,
    queueId: scheduleQueueOf(level),
    properties: formatProperties(properties),
    delayLevel: level,
  };
}

/**
 * The record that is delivered when the wait is over (`ScheduleMessageService.messageTimeUp`). Its property text is that of the waiting
 * record, DELAY and REAL_* included: RocketMQ clears them in memory only, after the text is built. Unlike RocketMQ's, the append
 * waits for the disk: the level's offset moves past the waiting record next, and must not do so for one that could still be lost.
 *
 * @returns undefined for a record without a destination that it may go to: no service of ours or of RocketMQ's writes one
 */
export function fromScheduled(record: StoredRecord): RecordDraft | undefined {
  const topic = findProperty(record.propertiesText, Property.REAL_TOPIC);
  const queueId = parseQueueId(findProperty(record.propertiesText, Property.REAL_QUEUE_ID) ?? '');
  if (topic === undefined || !canBeTopic(topic) || queueId === undefined) return undefined;
  if (topic === HALF_TOPIC || topic === SCHEDULE_TOPIC) return undefined;
  return redraft(record, topic, queueId);
}
