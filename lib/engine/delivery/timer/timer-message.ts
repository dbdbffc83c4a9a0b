import {
  canBeTopic,
  findProperty,
  formatProperties,
  MAX_PROPERTIES_BYTES,
  parseProperties,
  parseQueueId,
  redraft,
} from '../../store/index.js';
import {
  HALF_TOPIC,
  Property,
  SCHEDULE_TOPIC,
  TIMER_TOPIC,
  type RecordDraft,
  type StoredRecord,
} from '../../types/index.js';
import { deleteKeyOf } from './timer-key.js';
import { SLOT_MS, slotOf, slotStartMs } from './timer-time.js';

/** Properties of timer messages (RocketMQ: `MessageConst`). Times are epoch milliseconds. */
export const TimerProperty = {
  /** When the message is to be delivered, to the millisecond. */
  DELIVER_MS: Property.TIMER_DELIVER_MS,
  /** The slot of the wheel: RocketMQ empties it one second after this time. */
  OUT_MS: 'TIMER_OUT_MS',
  ENQUEUE_MS: 'TIMER_ENQUEUE_MS',
  DEQUEUE_MS: 'TIMER_DEQUEUE_MS',
  ROLL_TIMES: 'TIMER_ROLL_TIMES',
  /** Of a message that recalls another: which one. */
  DELETE_UNIQUE_KEY: 'TIMER_DEL_UNIQKEY',
} as const;

/** RocketMQ's text form of properties: name 0x01 value 0x02, repeated. */
const NAME_VALUE_SEPARATOR = '\u0001';
const PROPERTY_SEPARATOR = '\u0002';

/** RocketMQ: `RecallMessageProcessor.RECALL_MESSAGE_TAG`. */
const RECALL_TAG = '_RECALL_TAG_';

/** What the record of a timer says. */
export interface TimerFacts {
  /** When it is due, to the millisecond. */
  readonly dueMs: number;
  readonly realTopic: string;
  /** The key by which it is recalled; undefined for a message without UNIQ_KEY, which can't be. */
  readonly key: string | undefined;
  /** The key of the message that this one recalls; undefined for a message that is to be delivered. */
  readonly deleteKey: string | undefined;
  /** Times that it was put back into the timer topic. */
  readonly rollTimes: number;
}

/**
 * The draft as it waits in the timer topic; its destination moves into properties (`HookUtils.transformTimerMessage`). TIMER_OUT_MS is cut to seconds as
 * RocketMQ does it at its default precision, so that a real broker delivers the message in the second in which it is due;
 * TIMER_DELIVER_MS keeps the millisecond.
 */
export function toTimer(draft: RecordDraft, deliverAtMs: number): RecordDraft {
  const properties = parseProperties(draft.properties);
  properties[Property.REAL_TOPIC] = draft.topic;
  properties[Property.REAL_QUEUE_ID] = String(draft.queueId);
  properties[TimerProperty.DELIVER_MS] = String(deliverAtMs);
  properties[TimerProperty.OUT_MS] = String(slotStartMs(slotOf(deliverAtMs)));
  return { ...draft, topic: TIMER_TOPIC, queueId: 0, properties: formatProperties(properties) };
}

/**
 * The message that takes another one back: an ordinary timer message, so that it is as durable as the one that it recalls
 * (`RecallMessageProcessor.buildMessage`).
 */
export function toRecall(realTopic: string, uniqKey: string, dueMs: number, nowMs: number): RecordDraft {
  const draft: RecordDraft = {
    topic: realTopic,
    queueId: 0,
    body: Buffer.from('0'),
    properties: formatProperties({
      [Property.TAGS]: RECALL_TAG,
      [Property.UNIQ_KEY]: uniqKey,
      [TimerProperty.DELETE_UNIQUE_KEY]: deleteKeyOf(realTopic, uniqKey),
    }),
    tags: RECALL_TAG,
    keys: undefined,
    uniqKey,
    delayLevel: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestampMs: nowMs,
    bornHost: undefined,
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
  };
  return toTimer(draft, dueMs);
}

/** @returns undefined for a record that is no timer: no service of ours or of RocketMQ's writes one to the timer topic */
export function timerFacts(record: StoredRecord): TimerFacts | undefined {
  const { outMs, deliverMs, rollTimes, realTopic, uniqKey, deleteKey } = readFacts(record.propertiesText);
  if (outMs === undefined || realTopic === undefined) return undefined;
  return {
    // A broker computed TIMER_OUT_MS from a delay, or at another precision: its second counts, and its end is not too early.
    dueMs: deliverMs !== undefined && slotStartMs(slotOf(deliverMs)) === outMs ? deliverMs : outMs + SLOT_MS,
    realTopic,
    key: uniqKey === undefined ? undefined : deleteKeyOf(realTopic, uniqKey),
    deleteKey,
    rollTimes: rollTimes ?? 0,
  };
}

/** How a record takes a timer's place: it recalls the message, or it is the same message, put back into the timer topic later. */
export type Replacement = 'recall' | 'later copy';

/** @returns how `record` takes the place of the timer whose record lies at `physicalOffset`; undefined when it does not */
export function replacementBy(
  record: StoredRecord | undefined,
  timer: TimerFacts,
  physicalOffset: number,
): Replacement | undefined {
  const facts = record && timerFacts(record);
  if (facts === undefined || timer.key === undefined) return undefined;
  if (facts.deleteKey !== undefined) return facts.deleteKey === timer.key ? 'recall' : undefined;
  const isCopy = facts.key === timer.key && facts.dueMs === timer.dueMs && facts.rollTimes > 0;
  return isCopy && record!.commitLogOffset > physicalOffset ? 'later copy' : undefined;
}

/** In one pass over the text, because every timer goes through here. As in `parseProperties`, the last value of a name counts, and empty ones do not. */
function readFacts(text: string) {
  let outMs: number | undefined;
  let deliverMs: number | undefined;
  let rollTimes: number | undefined;
  let realTopic: string | undefined;
  let uniqKey: string | undefined;
  let deleteKey: string | undefined;
  for (let start = 0; start < text.length;) {
    const found = text.indexOf(PROPERTY_SEPARATOR, start);
    const end = found < 0 ? text.length : found;
    const separator = text.indexOf(NAME_VALUE_SEPARATOR, start);
    if (separator > start && separator < end - 1) {
      const value = text.slice(separator + 1, end);
      switch (text.slice(start, separator)) {
        case TimerProperty.OUT_MS:
          outMs = timeOf(value);
          break;
        case TimerProperty.DELIVER_MS:
          deliverMs = timeOf(value);
          break;
        case TimerProperty.ROLL_TIMES:
          rollTimes = timeOf(value);
          break;
        case Property.REAL_TOPIC:
          realTopic = value;
          break;
        case Property.UNIQ_KEY:
          uniqKey = value;
          break;
        case TimerProperty.DELETE_UNIQUE_KEY:
          deleteKey = value;
          break;
      }
    }
    start = end + 1;
  }
  return { outMs, deliverMs, rollTimes, realTopic, uniqKey, deleteKey };
}

/**
 * The record that is delivered when the time has come (`TimerMessageStore.convert`). Its property text is that of the waiting record with the times at
 * which it entered and left the timer; REAL_* stay in it, as in RocketMQ. Unlike RocketMQ's, the append waits for the disk.
 *
 * @returns undefined for a record without a destination that it may go to
 */
export function fromTimer(record: StoredRecord, nowMs: number): RecordDraft | undefined {
  const topic = findProperty(record.propertiesText, Property.REAL_TOPIC);
  const queueId = parseQueueId(findProperty(record.propertiesText, Property.REAL_QUEUE_ID) ?? '');
  if (topic === undefined || !canBeTopic(topic) || queueId === undefined) return undefined;
  if (topic === TIMER_TOPIC || topic === SCHEDULE_TOPIC || topic === HALF_TOPIC) return undefined;
  const times = {
    [TimerProperty.ENQUEUE_MS]: String(record.storeTimestamp),
    [TimerProperty.DEQUEUE_MS]: String(nowMs),
  };
  return withProperties(record, topic, queueId, times);
}

/** The record that goes back into the timer topic, because it is due later than one roll window after it was stored. */
export function toRolled(record: StoredRecord, rollTimes: number): RecordDraft {
  return withProperties(record, TIMER_TOPIC, 0, { [TimerProperty.ROLL_TIMES]: String(rollTimes + 1) });
}

function withProperties(
  record: StoredRecord,
  topic: string,
  queueId: number,
  added: Readonly<Record<string, string>>,
): RecordDraft {
  const text = formatProperties({ ...parseProperties(record.propertiesText), ...added });
  const draft = redraft(record, topic, queueId);
  return {
    ...draft,
    // Copies: the record is a view of a large piece of the log, which would stay in memory until this draft is on the disk.
    body: Buffer.from(draft.body),
    bornHost: draft.bornHost && Uint8Array.from(draft.bornHost),
    // A text at its limit has no room for notes; the message itself comes first.
    properties: Buffer.byteLength(text) > MAX_PROPERTIES_BYTES ? record.propertiesText : text,
  };
}

function timeOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
