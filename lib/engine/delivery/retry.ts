import { formatProperties, parseProperties } from '../store/index.js';
import {
  DEAD_LETTER_QUEUES,
  deadLetterTopicOf,
  Property,
  retryTopicOf,
  type RecordDraft,
  type Redelivery,
  type SendBackOptions,
  type ServiceContext,
  type StoredRecord,
} from '../types/index.js';
import { withReasons } from './dead-letter-reasons.js';
import { fittedProperties } from './dead-letter-room.js';
import { toScheduled, type DelayLevelTable } from './delay-level.js';
import { redraft } from '../store/index.js';

/** The first retry of a message waits for this level, each further one for the next level (10 s, 30 s, 1 m, … 2 h). */
const FIRST_RETRY_LEVEL = 3;

/**
 * Gives failed messages a later delivery or makes them dead letters (RocketMQ: `AbstractSendMessageProcessor.consumerSendMsgBack`).
 * The message keeps its body, keys and ids, and where it came from: RETRY_TOPIC names its topic, ORIGIN_MESSAGE_ID its first record.
 */
export class RetryService implements Redelivery {
  readonly #context: ServiceContext;
  readonly #levels: DelayLevelTable;

  constructor(context: ServiceContext, levels: DelayLevelTable) {
    this.#context = context;
    this.#levels = levels;
  }

  async sendBack(message: StoredRecord, options: SendBackOptions): Promise<'RETRY' | 'DEAD_LETTER'> {
    if (message.reconsumeTimes >= options.maxReconsumeTimes || options.delayLevel < 0) {
      await this.#append(await this.#deadLetter(message, options));
      return 'DEAD_LETTER';
    }
    const asked = options.delayLevel === 0 ? FIRST_RETRY_LEVEL + message.reconsumeTimes : options.delayLevel;
    const level = this.#levels.cap(asked);
    await this.#append(toScheduled(await this.#retry(message, options.group), level));
    return 'RETRY';
  }

  async #retry(message: StoredRecord, group: string): Promise<RecordDraft> {
    const { retryQueueNums } = await this.#context.groups.ensure(group);
    // RocketMQ drops the messages of a group without retry queues and says nothing; here none is lost.
    const queueNums = Math.max(retryQueueNums, 1);
    const topic = retryTopicOf(group);
    await this.#context.topics.ensure(topic, queueNums);
    return this.#again(message, group, topic, this.#context.random.nextInt(queueNums), {});
  }

  async #deadLetter(
    message: StoredRecord,
    { group, deadLetterProperties = {} }: SendBackOptions,
  ): Promise<RecordDraft> {
    const topic = deadLetterTopicOf(group);
    await this.#context.topics.ensure(topic, DEAD_LETTER_QUEUES);
    const draft = this.#again(message, group, topic, 0, { [Property.DELAY]: '0' });
    const { text, leftOut } = fittedProperties(draft.properties);
    if (leftOut.length > 0) {
      this.#context.logger.warn(
        `The dead letter of message ${message.msgId} in topic "${topic}" has no room for all properties, it is without: ${leftOut.join(', ')}.`,
      );
    }
    return {
      ...draft,
      tags: leftOut.includes(Property.TAGS) ? undefined : draft.tags,
      keys: leftOut.includes(Property.KEYS) ? undefined : draft.keys,
      properties: withReasons(text, deadLetterProperties),
    };
  }

  #again(
    message: StoredRecord,
    group: string,
    topic: string,
    queueId: number,
    changes: Record<string, string>,
  ): RecordDraft {
    const properties = parseProperties(message.propertiesText);
    if (message.storedTopic !== retryTopicOf(group)) noteTopic(properties, message.storedTopic);
    properties[Property.ORIGIN_MESSAGE_ID] ??= message.offsetMsgId;
    properties[Property.WAIT] = 'false';
    Object.assign(properties, changes);
    return {
      ...redraft(message, topic, queueId),
      properties: formatProperties(properties),
      reconsumeTimes: message.reconsumeTimes + 1,
    };
  }

  async #append(draft: RecordDraft): Promise<void> {
    await this.#context.store.append(draft);
  }
}

/**
 * Notes the topic in which the group has found the message: its retries go to who listens there. A dead letter of another group keeps where that one had it from, too. (RocketMQ
 * keeps the oldest topic alone, which its consumers do not look at.)
 */
function noteTopic(properties: Record<string, string>, foundIn: string): void {
  const before = properties[Property.RETRY_TOPIC];
  if (before !== undefined) properties[Property.DLQ_ORIGIN_TOPIC] = before;
  properties[Property.RETRY_TOPIC] = foundIn;
}
