import { formatProperties, parseProperties, redraft } from '../store/index.js';
import { DEAD_LETTER_TOPIC_PREFIX, Property, SysFlag, type RecordDraft, type StoredRecord } from '../types/index.js';

/** What its former way through the broker has left on a message. The next way begins without it. */
const BOOKKEEPING = [
  Property.WAIT,
  Property.DELAY,
  Property.RETRY_TOPIC,
  Property.REAL_TOPIC,
  Property.REAL_QUEUE_ID,
  Property.ORIGIN_MESSAGE_ID,
  Property.RECONSUME_TIME,
  Property.MAX_RECONSUME_TIMES,
  Property.DLQ_ORIGIN_TOPIC,
  Property.DLQ_ORIGIN_MESSAGE_ID,
  // Why a listener did not take it.
  'DLQ_REASON',
  'DLQ_DETAIL',
  Property.TRANSACTION_PREPARED,
  Property.PRODUCER_GROUP,
  Property.TRANSACTION_ID,
  Property.TRANSACTION_CHECK_TIMES,
  Property.TRAN_PREPARED_QUEUE_OFFSET,
  Property.CHECK_IMMUNITY_TIME_IN_SECONDS,
  'TIMER_DELAY_SEC',
  'TIMER_DELAY_MS',
  'TIMER_DELIVER_MS',
  'TIMER_OUT_MS',
  'TIMER_ENQUEUE_MS',
  'TIMER_DEQUEUE_MS',
  'TIMER_ROLL_TIMES',
  'CONSUME_START_TIME',
  'MIN_OFFSET',
  'MAX_OFFSET',
  'POP_CK',
  '1ST_POP_TIME',
];

/** The topic that a dead letter was sent to; undefined when it does not say. */
export function topicOfOrigin({ properties }: StoredRecord): string | undefined {
  return properties[Property.RETRY_TOPIC] ?? properties[Property.DLQ_ORIGIN_TOPIC];
}

/**
 * A dead letter as a message for its topic of origin: body, keys, tags and the application's properties as they were sent, and the attempts forgotten. It keeps its unique
 * id, by which those who have handled it know it again.
 */
export function toResent(record: StoredRecord, topic: string, queueId: number): RecordDraft {
  const properties = parseProperties(record.propertiesText);
  const before = properties[Property.DLQ_ORIGIN_TOPIC];
  const firstRecord = properties[Property.ORIGIN_MESSAGE_ID];
  for (const name of BOOKKEEPING) delete properties[name];
  // It is another group's dead letter again, and must say where that one had it from.
  if (topic.startsWith(DEAD_LETTER_TOPIC_PREFIX) && before !== undefined) {
    properties[Property.RETRY_TOPIC] = before;
    if (firstRecord !== undefined) properties[Property.ORIGIN_MESSAGE_ID] = firstRecord;
  }
  return {
    ...redraft(record, topic, queueId),
    properties: formatProperties(properties),
    sysFlag: record.sysFlag & ~SysFlag.TRANSACTION_TYPE,
    reconsumeTimes: 0,
  };
}
