import { InvalidOptionError, MessageNotFoundError } from '../../errors/index.js';
import type { MessageExt } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { checkInteger, checkKnown, checkText, checkTimeRange, requireTopic, type Moment } from './argument-checks.js';
import { consumptionStates, type GroupConsumption } from './consumption-state.js';
import { recordsByKey, recordsByUniqueId } from './key-lookup.js';
import { recordOf, recordOfOffsetId } from './record-lookup.js';
import { recordsByTime } from './time-lookup.js';

/** When messages were stored, both ends included; what is left out is open. */
export interface TimeRange {
  readonly begin?: Moment | undefined;
  readonly end?: Moment | undefined;
}

export interface MessageSearch extends TimeRange {
  /** Most messages in the answer, 1 to 1024. Default 64, as in RocketMQ. */
  readonly maxCount?: number | undefined;
}

const DEFAULT_MAX_COUNT = 64;
const MAX_MAX_COUNT = 1024;
const SEARCH_OPTIONS = ['begin', 'end', 'maxCount'];

/**
 * Finds messages. A message that waits for a delay, and a half message, are not in the topic that they were sent to yet, and are found there when they are
 * delivered.
 */
export class MessageAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /**
   * The message that a `SendResult`'s `offsetMsgId` speaks of; undefined when the store does not have it (any more), or its topic has been deleted.
   *
   * @throws InvalidOptionError for what is no offset id
   */
  async byOffsetId(offsetMsgId: string): Promise<MessageExt | undefined> {
    const { context, store } = this.#parts;
    const record = await recordOfOffsetId(context.store, offsetMsgId);
    if (record === undefined || store.isOfDeletedTopic(record.storedTopic, record.commitLogOffset)) return undefined;
    return record;
  }

  /**
   * The message of a topic that has a unique id, the `msgId` of its `SendResult`; of several the youngest. Undefined when the store does not have it (any more).
   *
   * @throws TopicNotExistError, NameIllegalError, InvalidOptionError, UnsupportedByEngineError when the key index is switched off
   */
  async byUniqueId(topic: string, msgId: string): Promise<MessageExt | undefined> {
    requireTopic(this.#parts.context, topic);
    const [record] = await recordsByUniqueId(this.#parts, topic, checkText('msgId', msgId));
    return record;
  }

  /**
   * The youngest messages of a topic that have a key, in the order of their storing.
   *
   * @throws TopicNotExistError, NameIllegalError, InvalidOptionError, UnsupportedByEngineError when the key index is switched off
   */
  async byKey(topic: string, key: string, search: MessageSearch = {}): Promise<readonly MessageExt[]> {
    requireTopic(this.#parts.context, topic);
    if (checkText('key', key).includes(' ')) {
      throw new InvalidOptionError({ option: 'key', value: key, expected: 'one key, without blanks' });
    }
    const found = await recordsByKey(this.#parts, { topic, key, ...checkSearch(search) });
    return found.toReversed();
  }

  /**
   * The oldest messages of a topic that were stored in a range of time, in the order of their storing.
   *
   * @throws TopicNotExistError, NameIllegalError, InvalidOptionError
   */
  async byTime(topic: string, search: MessageSearch = {}): Promise<readonly MessageExt[]> {
    const config = requireTopic(this.#parts.context, topic);
    return recordsByTime(this.#parts.context.store, config, checkSearch(search));
  }

  /**
   * The message with a number in a queue; undefined when the store does not have it (any more, or yet).
   *
   * @throws TopicNotExistError, NameIllegalError, InvalidOptionError
   */
  async at(topic: string, queueId: number, queueOffset: number): Promise<MessageExt | undefined> {
    const { readQueueNums, writeQueueNums } = requireTopic(this.#parts.context, topic);
    checkInteger('queueId', queueId, 0, Math.max(readQueueNums, writeQueueNums) - 1);
    checkInteger('queueOffset', queueOffset, 0);
    const { store } = this.#parts.context;
    const [entry] = await store.entries(topic, queueId, queueOffset, 1);
    return recordOf(store, entry);
  }

  /**
   * What each group that consumes the topic has done with a message.
   *
   * @throws MessageNotFoundError, and as {@link byUniqueId}
   */
  async consumption(topic: string, msgId: string): Promise<readonly GroupConsumption[]> {
    requireTopic(this.#parts.context, topic);
    const [record] = await recordsByUniqueId(this.#parts, topic, checkText('msgId', msgId));
    if (record === undefined) throw new MessageNotFoundError({ what: `message ${msgId} in topic "${topic}"` });
    return consumptionStates(this.#parts, record);
  }
}

function checkSearch(search: MessageSearch): { beginMs: number; endMs: number; maxCount: number } {
  checkKnown('A search for messages', search, SEARCH_OPTIONS);
  const maxCount = checkInteger('maxCount', search.maxCount ?? DEFAULT_MAX_COUNT, 1, MAX_MAX_COUNT);
  return { ...checkTimeRange(search), maxCount };
}
