import { retryTopicOf, type MessageModel } from '../types/index.js';
import type { ConsumeRoom } from './consume-room.js';
import type { GroupSignature } from './group-signature.js';
import type { Member } from './member.js';
import type { QueueStatus } from './process-queue.js';
import { QueueSharing } from './queue-sharing.js';
import type { ResolvedConsumerSpec } from './resolved-spec.js';
import type { OffsetSource, SharedTopic } from './topic-queues.js';

export interface MemberStatus {
  readonly clientId: string;
  readonly paused: boolean;
  /** Handlers that are running. */
  readonly running: number;
}

export interface GroupStatus {
  readonly group: string;
  readonly messageModel: MessageModel;
  readonly members: readonly MemberStatus[];
  /** In BROADCASTING each member has its own set of queues. */
  readonly queues: readonly QueueStatus[];
}

/** A consumer group that has members, or whose last member is leaving. */
export class ConsumerGroup {
  readonly signature: GroupSignature;
  readonly #room: ConsumeRoom;
  readonly #name: string;
  readonly #messageModel: MessageModel;
  readonly #topics: readonly SharedTopic[];
  /** Each member and what it takes its queues from: CLUSTERING the same for all, BROADCASTING one of its own. */
  readonly #members = new Map<Member, QueueSharing>();
  readonly #leaving = new Map<Member, QueueSharing>();
  readonly #onEmpty: () => void;

  /** @param spec of the first member: all others have the same subscriptions */
  constructor(room: ConsumeRoom, spec: ResolvedConsumerSpec, signature: GroupSignature, onEmpty: () => void) {
    this.#room = room;
    this.#name = spec.group;
    this.#messageModel = spec.messageModel;
    this.#topics = sharedTopics(room, spec);
    this.signature = signature;
    this.#onEmpty = onEmpty;
  }

  get hasMembers(): boolean {
    return this.#members.size > 0;
  }

  hasClientId(clientId: string): boolean {
    return [...this.#members.keys(), ...this.#leaving.keys()].some((member) => member.clientId === clientId);
  }

  /** Whether it consumes a topic, its retry topic among them. */
  isSubscribedTo(topic: string): boolean {
    return this.#topics.some((shared) => shared.topic === topic);
  }

  /** Adds a member and shares the queues anew, all in one step. */
  join(member: Member, offsets: OffsetSource): void {
    const sharing = this.#sharedWithOthers() ?? new QueueSharing(this.#room, this.#name, this.#topics, offsets);
    this.#members.set(member, sharing);
    sharing.share(this.#membersOf(sharing));
  }

  /** Gives the member's queues to the others at once, then waits for its handlers. See `Consumer.close`. */
  async leave(member: Member, timeoutMs: number): Promise<number> {
    const sharing = this.#members.get(member)!;
    this.#members.delete(member);
    this.#leaving.set(member, sharing);
    sharing.share(this.#membersOf(sharing));
    const givenUp = await member.drain(timeoutMs);
    this.#leaving.delete(member);
    const isUsed = [...this.#members.values(), ...this.#leaving.values()].includes(sharing);
    if (!isUsed) sharing.dispose();
    if (this.#members.size === 0 && this.#leaving.size === 0) this.#onEmpty();
    return givenUp;
  }

  refresh(): void {
    for (const sharing of this.#sharings()) sharing.refresh();
  }

  /** Lets a clustering group go on from another offset. In BROADCASTING each member has offsets of its own, which stay. */
  move(topic: string, queueId: number, offset: number): void {
    if (this.#messageModel === 'BROADCASTING') return;
    for (const sharing of this.#sharings()) sharing.move(topic, queueId, offset);
  }

  queuesOf(member: Member): readonly QueueStatus[] {
    const queues = this.#members.get(member)?.status() ?? [];
    return queues.filter(({ owner }) => owner === member.clientId);
  }

  status(): GroupStatus {
    return {
      group: this.#name,
      messageModel: this.#messageModel,
      members: [...this.#members.keys()].map(({ clientId, isPaused, running }) => ({
        clientId,
        paused: isPaused,
        running,
      })),
      queues: [...this.#sharings()].flatMap((sharing) => sharing.status()),
    };
  }

  #sharings(): ReadonlySet<QueueSharing> {
    return new Set([...this.#members.values(), ...this.#leaving.values()]);
  }

  /** In CLUSTERING a member that is leaving keeps the queues in memory alive for one that joins meanwhile. */
  #sharedWithOthers(): QueueSharing | undefined {
    if (this.#messageModel === 'BROADCASTING') return undefined;
    const [first] = this.#sharings();
    return first;
  }

  #membersOf(sharing: QueueSharing): Member[] {
    return [...this.#members].filter(([, used]) => used === sharing).map(([member]) => member);
  }
}

/** The topics of a group; in CLUSTERING its retry topic as well, which no selector applies to. */
function sharedTopics(room: ConsumeRoom, spec: ResolvedConsumerSpec): readonly SharedTopic[] {
  const topics = spec.subscriptions.map(({ topic, selector }) => ({
    topic,
    selector: room.compileSelector(selector),
    laneTopics: [topic],
  }));
  if (spec.messageModel === 'BROADCASTING') return topics;
  const retryLanes = [...spec.subscriptions.map(({ topic }) => topic), undefined];
  return [...topics, { topic: retryTopicOf(spec.group), selector: {}, laneTopics: retryLanes }];
}
