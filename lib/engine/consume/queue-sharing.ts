import type { ConsumeRoom } from './consume-room.js';
import type { Member } from './member.js';
import type { QueueStatus } from './process-queue.js';
import { TopicQueues, type OffsetSource, type SharedTopic } from './topic-queues.js';

/** All queues that members share: those of a clustering group among its members, or those of a broadcasting member with itself alone. */
export class QueueSharing {
  readonly #topics: readonly TopicQueues[];

  constructor(room: ConsumeRoom, group: string, topics: readonly SharedTopic[], offsets: OffsetSource) {
    this.#topics = topics.map((topic) => new TopicQueues(room, group, topic, offsets));
  }

  /** Shares everything anew (RocketMQ: rebalance). */
  share(members: Iterable<Member>): void {
    // By code unit: the order must not depend on the machine's language.
    const sorted = [...members].toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1));
    for (const topic of this.#topics) topic.share(sorted);
  }

  refresh(): void {
    for (const topic of this.#topics) topic.refresh();
  }

  /** See {@link TopicQueues.move}. */
  move(topic: string, queueId: number, offset: number): void {
    for (const queues of this.#topics) if (queues.topic === topic) queues.move(queueId, offset);
  }

  dispose(): void {
    for (const topic of this.#topics) topic.dispose();
  }

  status(): readonly QueueStatus[] {
    return this.#topics.flatMap((topic) => topic.status());
  }
}
