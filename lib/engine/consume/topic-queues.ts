import { PERM_READ } from '../store/index.js';
import { allocateAveragely } from './allocation.js';
import type { ConsumeRoom, SelectorFunctions } from './consume-room.js';
import type { Member } from './member.js';
import type { OffsetCell } from './offset-cell.js';
import { ProcessQueue, type QueueStatus } from './process-queue.js';

/** What is shared: one topic, as one group consumes it. */
export interface SharedTopic {
  readonly topic: string;
  readonly selector: SelectorFunctions;
  /** See `ProcessQueueOptions.laneTopics`. */
  readonly laneTopics: readonly (string | undefined)[];
}

/** Where the offsets of a group, or of a broadcasting member, are. */
export interface OffsetSource {
  /** The same object at every call. */
  cell(topic: string, queueId: number): OffsetCell;
  /** See `OffsetStore.start`. */
  start(topic: string, queueId: number, offset: number): void;
  /** See `OffsetStore.isUnwrittenStart`. */
  isUnwrittenStart(topic: string, queueId: number): boolean;
}

/** The queues of one topic, shared among members. The topic may come into being, and grow and shrink, at any time. */
export class TopicQueues {
  readonly #room: ConsumeRoom;
  readonly #group: string;
  readonly #shared: SharedTopic;
  readonly #offsets: OffsetSource;
  /** By queue id. Queues that are not readable any more stay, without owner: handlers may still be running. */
  readonly #queues: ProcessQueue[] = [];
  #members: readonly Member[] = [];
  readonly #stopListening: () => void;

  constructor(room: ConsumeRoom, group: string, shared: SharedTopic, offsets: OffsetSource) {
    this.#room = room;
    this.#group = group;
    this.#shared = shared;
    this.#offsets = offsets;
    this.#stopListening = room.store.onArrival(shared.topic, (queueId) => {
      const queue = this.#queues[queueId];
      if (queue !== undefined) queue.arrived();
      else if (queueId < this.#readableQueues()) this.refresh();
    });
  }

  get topic(): string {
    return this.#shared.topic;
  }

  /** Shares the queues anew. Members must be in the order of their client ids. */
  share(members: readonly Member[]): void {
    this.#members = members;
    this.refresh();
  }

  /** Looks again at what the topic is like. */
  refresh(): void {
    const readableQueues = this.#readableQueues();
    while (this.#queues.length < readableQueues) this.#queues.push(this.#open(this.#queues.length));
    const owners = allocateAveragely(readableQueues, this.#members.length);
    for (const queue of this.#queues) {
      const owner = owners[queue.queueId];
      queue.assign(owner === undefined ? undefined : this.#members[owner]);
    }
  }

  /** Goes on at another offset. What was fetched and not begun is dropped; what is being handled is finished, and moves the offset no more. */
  move(queueId: number, offset: number): void {
    const left = this.#queues[queueId];
    if (left === undefined) return;
    this.#offsets.cell(this.#shared.topic, queueId).commit(offset);
    const moved = this.#open(queueId);
    left.handOver(moved);
    this.#queues[queueId] = moved;
    this.refresh();
  }

  dispose(): void {
    this.#stopListening();
    for (const queue of this.#queues) queue.dispose();
  }

  status(): readonly QueueStatus[] {
    return this.#queues.map((queue) => queue.status());
  }

  /** RocketMQ's consumers see no queues of a topic without permission to read, and a group that is not enabled gets nothing. */
  #readableQueues(): number {
    const config = this.#room.topics.get(this.#shared.topic);
    if (config === undefined || (config.perm & PERM_READ) === 0) return 0;
    return this.#room.groups.get(this.#group)?.consumeEnable === false ? 0 : config.readQueueNums;
  }

  #open(queueId: number): ProcessQueue {
    const { topic, selector, laneTopics } = this.#shared;
    const offset = this.#offsets.cell(topic, queueId);
    // A queue that has no position yet was not there when the group subscribed, so all that is in it is for the group.
    const startOffset = offset.offset ?? this.#room.store.queueRange(topic, queueId).minOffset;
    return new ProcessQueue(this.#room, { topic, queueId, selector, startOffset, offset, laneTopics });
  }
}
