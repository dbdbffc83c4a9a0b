import { GroupConflictError } from '../../errors/index.js';
import { PERM_READ } from '../store/index.js';
import type { OffsetBook } from './offset-book.js';
import type { PullRoom } from './pull-room.js';

/** A pull consumer, as those see it that share a topic with it. */
export interface ShareMember {
  readonly group: string;
  /** Takes away all queues of a topic but the given ones. */
  release(topic: string, kept: ReadonlySet<number>): void;
  /** Gives queues of a topic, maybe some that the member has. The book has an offset for each. */
  acquire(topic: string, queueIds: ReadonlySet<number>): void;
}

/**
 * One topic, shared among the pull consumers of a group that subscribe to it, or all for one that broadcasts. The topic may come into being, and
 * grow and shrink, at any time.
 */
export class TopicShare {
  readonly topic: string;
  readonly #room: PullRoom;
  readonly #group: string;
  readonly #offsets: OffsetBook;
  readonly #onEmpty: () => void;
  /** Selectors by member, in the order in which the members joined: the order of their shares. */
  readonly #members = new Map<ShareMember, string>();
  /** Queues that are shared now. */
  #queueCount = 0;

  constructor(room: PullRoom, topic: string, group: string, offsets: OffsetBook, onEmpty: () => void) {
    this.topic = topic;
    this.#room = room;
    this.#group = group;
    this.#offsets = offsets;
    this.#onEmpty = onEmpty;
  }

  /**
   * Of two members with different selectors each would pass over what the other one selects, so messages would be lost.
   *
   * @throws GroupConflictError
   */
  checkAgrees(member: ShareMember, selector: string): void {
    for (const [other, present] of this.#members) {
      if (other === member || present === selector) continue;
      throw new GroupConflictError({ group: this.#group, topic: this.topic, difference: `${present} and ${selector}` });
    }
  }

  /** Adds a member, or changes its selector. */
  join(member: ShareMember, selector: string): void {
    const isNew = !this.#members.has(member);
    this.#members.set(member, selector);
    if (isNew) this.#share();
  }

  leave(member: ShareMember): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#onEmpty();
    else this.#share();
  }

  /** Looks again at what the topic is like. */
  refresh(): void {
    if (readableQueues(this.#room, this.topic) !== this.#queueCount) this.#share();
  }

  #share(): void {
    this.#queueCount = readableQueues(this.#room, this.topic);
    const members = [...this.#members.keys()];
    const shares = members.map(() => new Set<number>());
    const owners = this.#room.allocateQueues(this.#queueCount, members.length);
    for (const [queueId, owner] of owners.entries()) {
      this.#fixStart(queueId);
      shares[owner]!.add(queueId);
    }
    // First all of them let go, so that whoever gets a queue finds what its last owner has committed.
    for (const [index, member] of members.entries()) member.release(this.topic, shares[index]!);
    for (const [index, member] of members.entries()) member.acquire(this.topic, shares[index]!);
  }

  /** A queue that has no position yet was not there when the group subscribed, so all that is in it is for the group. */
  #fixStart(queueId: number): void {
    if (this.#offsets.get(this.topic, queueId) !== undefined) return;
    this.#offsets.set(this.topic, queueId, this.#room.store.queueRange(this.topic, queueId).minOffset);
  }
}

/** RocketMQ's consumers see no queues of a topic without permission to read. */
function readableQueues({ topics }: PullRoom, topic: string): number {
  const config = topics.get(topic);
  return config === undefined || (config.perm & PERM_READ) === 0 ? 0 : config.readQueueNums;
}
