import { InvalidOptionError } from '../../errors/index.js';
import { checkGroupName } from '../store/index.js';
import type { MessageModel } from '../types/index.js';
import type { AdminParts } from './admin-parts.js';
import { checkInteger, checkKnown, checkMoment, requireTopic, type Moment } from './argument-checks.js';
import type { LiveMember } from './consumer-groups.js';
import { groupLag, type GroupLag } from './group-lag.js';
import { chosenTopics, groupNames, liveGroup, queueIdsOf, requireGroup, topicsOf } from './known-groups.js';
import { checkOffsetInQueue, copyOffsets, moveOffsets, type OffsetMove } from './offset-moves.js';

export interface GroupInfo {
  readonly group: string;
  /** Undefined while the group has no members. */
  readonly messageModel: MessageModel | undefined;
  readonly memberCount: number;
  /** Topics that it consumes or has consumed; its retry topic among them. */
  readonly topics: readonly string[];
  /** False: the group is given nothing. */
  readonly consumeEnable: boolean;
}

export interface GroupMember extends LiveMember {
  /** The queues that it has at the moment. */
  readonly queues: readonly { readonly topic: string; readonly queueId: number }[];
}

export interface QueueOffset {
  readonly topic: string;
  readonly queueId: number;
  /** Everything before it is done. */
  readonly offset: number;
}

/** One topic, or (left out) all that the group consumes. */
export interface TopicChoice {
  readonly topic?: string | undefined;
}

/**
 * Consumer groups: who they are, how far they are, and moving them to another place. Moving works for groups with and without members; it takes effect at once,
 * and resolves when it is on disk. What a handler is doing at that moment is done all the same.
 */
export class GroupAdmin {
  readonly #parts: AdminParts;

  constructor(parts: AdminParts) {
    this.#parts = parts;
  }

  /** All groups, sorted by name. */
  list(): readonly GroupInfo[] {
    return groupNames(this.#parts).map((group) => this.#info(group));
  }

  /** @throws GroupNotExistError, NameIllegalError */
  get(group: string): GroupInfo {
    requireGroup(this.#parts, group);
    return this.#info(group);
  }

  /** The members of a group in this process. @throws GroupNotExistError, NameIllegalError */
  members(group: string): readonly GroupMember[] {
    requireGroup(this.#parts, group);
    const live = liveGroup(this.#parts, group);
    return (live?.members ?? []).map((member) => ({
      ...member,
      queues: live!.queues
        .filter(({ owner }) => owner === member.clientId)
        .map(({ topic, queueId }) => ({ topic, queueId })),
    }));
  }

  /** How many messages a group has not consumed, by queue. @throws GroupNotExistError, TopicNotExistError, NameIllegalError */
  async lag(group: string, choice: TopicChoice = {}): Promise<GroupLag> {
    checkKnown('The lag of a group', choice, ['topic']);
    requireGroup(this.#parts, group);
    return groupLag(this.#parts, group, choice.topic);
  }

  /** The committed offsets of a group. @throws GroupNotExistError, TopicNotExistError, NameIllegalError */
  offsets(group: string, choice: TopicChoice = {}): readonly QueueOffset[] {
    checkKnown('The offsets of a group', choice, ['topic']);
    requireGroup(this.#parts, group);
    const topics = choice.topic === undefined ? topicsOf(this.#parts, group) : this.#topics(group, choice);
    return topics.flatMap((topic) =>
      queueIdsOf(this.#parts, group, topic).flatMap((queueId) => {
        const offset = this.#parts.groups.offsets.get(topic, group, queueId);
        return offset === undefined ? [] : [{ topic, queueId, offset }];
      }),
    );
  }

  /**
   * Lets a group consume again from a moment on: from the first message of each queue that was stored then or later, to the millisecond. Pending retries are not
   * touched.
   *
   * @throws GroupNotExistError, TopicNotExistError, NameIllegalError, InvalidOptionError
   */
  async resetToTimestamp(group: string, timestamp: Moment, choice: TopicChoice = {}): Promise<readonly OffsetMove[]> {
    const timestampMs = checkMoment('timestamp', timestamp);
    const { store } = this.#parts.context;
    return this.#move(group, choice, (topic, queueId) => store.offsetByTime(topic, queueId, timestampMs));
  }

  /**
   * Lets a group go on from an offset in one queue, or in all queues of a topic.
   *
   * @throws InvalidOptionError when a queue does not hold the offset; GroupNotExistError, TopicNotExistError, NameIllegalError
   */
  async resetToOffset(
    group: string,
    place: { readonly topic: string; readonly queueId?: number | undefined; readonly offset: number },
  ): Promise<readonly OffsetMove[]> {
    checkKnown('A place', place, ['topic', 'queueId', 'offset']);
    requireGroup(this.#parts, group);
    const { topic, queueId } = place;
    requireTopic(this.#parts.context, topic);
    const offset = checkInteger('offset', place.offset, 0);
    if (queueId !== undefined) {
      const queueIds = queueIdsOf(this.#parts, group, topic);
      if (!queueIds.includes(queueId)) {
        const expected = `a queue of topic "${topic}": ${queueIds.join(', ')}`;
        throw new InvalidOptionError({ option: 'queueId', value: queueId, expected });
      }
    }
    const isMeant = (id: number): boolean => queueId === undefined || id === queueId;
    return moveOffsets(
      this.#parts,
      group,
      [topic],
      (name, id) => {
        checkOffsetInQueue(this.#parts, name, id, offset);
        return offset;
      },
      isMeant,
    );
  }

  /** Lets a group leave out all that waits for it. Pending retries are not touched. @throws as {@link resetToTimestamp} */
  async skipBacklog(group: string, choice: TopicChoice = {}): Promise<readonly OffsetMove[]> {
    const { store } = this.#parts.context;
    return this.#move(group, choice, (topic, queueId) => store.queueRange(topic, queueId).maxOffset);
  }

  /**
   * Gives a group the offsets of another, as for a new version of an application that is to go on where the old one is. The group is made when there is none.
   *
   * @throws GroupNotExistError, TopicNotExistError, NameIllegalError
   */
  async cloneOffsets(from: string, to: string, choice: TopicChoice = {}): Promise<readonly OffsetMove[]> {
    checkKnown('Cloning offsets', choice, ['topic']);
    requireGroup(this.#parts, from);
    checkGroupName(to);
    if (from === to) throw new InvalidOptionError({ option: 'to', value: to, expected: 'another group' });
    const topics = this.#topics(from, choice);
    await this.#parts.context.groups.ensure(to);
    return copyOffsets(this.#parts, from, to, topics);
  }

  #move(
    group: string,
    choice: TopicChoice,
    target: (topic: string, queueId: number) => Promise<number> | number,
  ): Promise<readonly OffsetMove[]> {
    checkKnown('Moving offsets', choice, ['topic']);
    requireGroup(this.#parts, group);
    return moveOffsets(this.#parts, group, this.#topics(group, choice), target);
  }

  #topics(group: string, { topic }: TopicChoice): readonly string[] {
    return chosenTopics(this.#parts, group, topic);
  }

  #info(group: string): GroupInfo {
    const live = liveGroup(this.#parts, group);
    return {
      group,
      messageModel: live?.messageModel,
      memberCount: live?.members.length ?? 0,
      topics: topicsOf(this.#parts, group),
      consumeEnable: this.#parts.context.groups.get(group)?.consumeEnable ?? true,
    };
  }
}
