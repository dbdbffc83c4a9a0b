import { DeadLetterOriginError, MessageNotFoundError, TopicNotExistError } from '../../errors/index.js';
import { deadLetterTopicOf, Property, type MessageExt, type StoredRecord } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { checkInteger, checkKnown, checkText } from './argument-checks.js';
import { toResent, topicOfOrigin } from './dead-letter.js';
import { requireGroup } from './known-groups.js';

export interface DeadLetter {
  readonly message: MessageExt;
  /** Its number among the group's dead letters. */
  readonly queueOffset: number;
  /** The topic that it was sent to; undefined when it does not say. */
  readonly originTopic: string | undefined;
  /** Offset id of its first record. */
  readonly originMessageId: string | undefined;
}

export interface DeadLetterPage {
  readonly deadLetters: readonly DeadLetter[];
  /** Where the next page begins. */
  readonly nextOffset: number;
  /** One past the last dead letter. */
  readonly maxOffset: number;
}

export interface ResentDeadLetter {
  readonly msgId: string;
  readonly topic: string;
  readonly queueId: number;
  readonly queueOffset: number;
}

export interface ResendAllResult {
  readonly resent: number;
  /** Those that could not be sent again; they are passed over. */
  readonly failed: readonly { readonly msgId: string; readonly queueOffset: number; readonly error: unknown }[];
}

/** A group has one queue of dead letters. */
const QUEUE_ID = 0;
const DEFAULT_PAGE = 32;
const MAX_PAGE = 1024;
const MAX_PULL_BYTES = 4 * 1024 * 1024;

/**
 * Dead letters of groups: messages that failed too often, or for good. Sending one again stores it in the topic that it came from, where all groups of that topic get
 * it; the dead letter itself stays until retention removes it.
 */
export class DeadLetterAdmin {
  readonly #parts: AdminParts;
  /** Groups whose dead letters are being sent again. */
  readonly #resending = new Map<string, Promise<ResendAllResult>>();

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /**
   * The dead letters of a group, oldest first.
   *
   * @param page.fromOffset where to begin. Default: the oldest
   * @param page.maxCount 1 to 1024. Default 32
   * @throws GroupNotExistError, NameIllegalError, InvalidOptionError
   */
  async list(
    group: string,
    page: { fromOffset?: number | undefined; maxCount?: number | undefined } = {},
  ): Promise<DeadLetterPage> {
    checkKnown('A page of dead letters', page, ['fromOffset', 'maxCount']);
    requireGroup(this.#parts, group);
    const fromOffset = checkInteger('fromOffset', page.fromOffset ?? 0, 0);
    const maxCount = checkInteger('maxCount', page.maxCount ?? DEFAULT_PAGE, 1, MAX_PAGE);
    const { maxOffset } = this.#range(group);
    const { messages, nextOffset } = await this.#read(group, fromOffset, maxCount);
    return { deadLetters: messages.map((record) => deadLetterOf(record)), nextOffset, maxOffset };
  }

  /**
   * Sends one dead letter again; resolves when that is on disk.
   *
   * @throws MessageNotFoundError, DeadLetterOriginError, TopicNotExistError, NoPermissionError, GroupNotExistError, NameIllegalError
   */
  async resend(group: string, msgId: string): Promise<ResentDeadLetter> {
    requireGroup(this.#parts, group);
    checkText('msgId', msgId);
    for (let offset = this.#range(group).minOffset; ;) {
      const { messages, nextOffset } = await this.#read(group, offset, MAX_PAGE);
      const found = messages.find((record) => record.msgId === msgId);
      if (found !== undefined) return this.#resendOne(group, found);
      if (nextOffset <= offset) throw new MessageNotFoundError({ what: `dead letter ${msgId} of group "${group}"` });
      offset = nextOffset;
    }
  }

  /**
   * Sends all dead letters of a group again that were not, in their order. How far it got is kept with the group's offsets, so that a second call, also after a restart, goes
   * on behind. A crash on the way may have some of them sent twice.
   *
   * @param options.fromOffset begins there instead, with what was sent again before
   * @throws GroupNotExistError, NameIllegalError, InvalidOptionError, and what the store throws
   */
  async resendAll(group: string, options: { readonly fromOffset?: number | undefined } = {}): Promise<ResendAllResult> {
    checkKnown('Sending dead letters again', options, ['fromOffset']);
    requireGroup(this.#parts, group);
    if (options.fromOffset !== undefined) checkInteger('fromOffset', options.fromOffset, 0);
    // One at a time, else both would send the same ones.
    const before = this.#resending.get(group);
    const run = (async () => {
      await before?.catch(() => undefined);
      return this.#resendAll(group, options.fromOffset);
    })();
    this.#resending.set(group, run);
    try {
      return await run;
    } finally {
      if (this.#resending.get(group) === run) this.#resending.delete(group);
    }
  }

  async #resendAll(group: string, fromOffset: number | undefined): Promise<ResendAllResult> {
    const { offsets } = this.#parts.groups;
    const topic = deadLetterTopicOf(group);
    const { minOffset, maxOffset } = this.#range(group);
    const failed: { msgId: string; queueOffset: number; error: unknown }[] = [];
    let resent = 0;
    let offset = Math.max(fromOffset ?? offsets.get(topic, group, QUEUE_ID) ?? minOffset, minOffset);
    // What becomes a dead letter meanwhile is left for the next call: it may be one of these again.
    while (offset < maxOffset) {
      const { messages, nextOffset } = await this.#read(group, offset, Math.min(DEFAULT_PAGE, maxOffset - offset));
      if (nextOffset <= offset) break;
      for (const record of messages) {
        try {
          await this.#resendOne(group, record);
          resent++;
        } catch (error) {
          if (!isAboutMessage(error)) throw error;
          failed.push({ msgId: record.msgId, queueOffset: record.queueOffset, error });
        }
        // Somebody has deleted them meanwhile, and an offset here would pass over those that come.
        if (this.#range(group).maxOffset < nextOffset) return { resent, failed };
        offsets.set(topic, group, QUEUE_ID, record.queueOffset + 1);
      }
      offset = nextOffset;
      offsets.set(topic, group, QUEUE_ID, offset);
    }
    await offsets.flush();
    return { resent, failed };
  }

  async #resendOne(group: string, record: StoredRecord): Promise<ResentDeadLetter> {
    const { context, route } = this.#parts;
    const { msgId } = record;
    const topic = topicOfOrigin(record);
    if (topic === undefined) throw new DeadLetterOriginError({ group, msgId });
    const config = context.topics.get(topic);
    if (config === undefined) throw new TopicNotExistError({ topic });
    const queueId = route.queueId(config, undefined, record.properties[Property.SHARDING_KEY]);
    const { queueOffset } = await context.store.append(toResent(record, topic, queueId));
    return { msgId, topic, queueId, queueOffset };
  }

  #range(group: string): { readonly minOffset: number; readonly maxOffset: number } {
    return this.#parts.context.store.queueRange(deadLetterTopicOf(group), QUEUE_ID);
  }

  async #read(
    group: string,
    fromOffset: number,
    maxCount: number,
  ): Promise<{ readonly messages: readonly StoredRecord[]; readonly nextOffset: number }> {
    const topic = deadLetterTopicOf(group);
    const offset = Math.max(fromOffset, this.#range(group).minOffset);
    return this.#parts.context.store.pull({ topic, queueId: QUEUE_ID, offset, maxCount, maxBytes: MAX_PULL_BYTES });
  }
}

function deadLetterOf(record: StoredRecord): DeadLetter {
  return {
    message: record,
    queueOffset: record.queueOffset,
    originTopic: topicOfOrigin(record),
    originMessageId: record.properties[Property.ORIGIN_MESSAGE_ID],
  };
}

/** The others go on; a store that takes nothing would fail them all. */
function isAboutMessage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'DEAD_LETTER_ORIGIN' || code === 'TOPIC_NOT_EXIST' || code === 'NO_PERMISSION';
}
