import { InvalidOptionError } from '../../errors/index.js';
import type { Consumer, ConsumerQueueStatus, ConsumerStatus } from '../types/index.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { Member } from './member.js';
import type { QueueStatus } from './process-queue.js';

/** What a caller of `subscribe` holds. */
export class GroupConsumer implements Consumer {
  readonly group: string;
  readonly clientId: string;
  readonly #member: Member;
  readonly #consumerGroup: ConsumerGroup;
  readonly #onClosed: () => Promise<void>;
  #closing: Promise<number> | undefined;

  /** @param onClosed brings the offsets to the disk */
  constructor(member: Member, consumerGroup: ConsumerGroup, onClosed: () => Promise<void>) {
    this.group = member.spec.group;
    this.clientId = member.clientId;
    this.#member = member;
    this.#consumerGroup = consumerGroup;
    this.#onClosed = onClosed;
  }

  pause(topic?: string): void {
    this.#member.pause(topic);
  }

  resume(topic?: string): void {
    this.#member.resume(topic);
  }

  /** A second call waits for the first, whatever its time. */
  close({ timeoutMs }: { readonly timeoutMs: number }): Promise<number> {
    if (!(timeoutMs >= 0)) {
      const error = new InvalidOptionError({
        option: 'timeoutMs',
        value: timeoutMs,
        expected: 'a number of at least 0',
      });
      return Promise.reject(error);
    }
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  status(): ConsumerStatus {
    const { clientId, isPaused, running, spec } = this.#member;
    const queues = this.#consumerGroup.queuesOf(this.#member);
    return {
      group: this.group,
      clientId,
      messageModel: spec.messageModel,
      state: this.#stateOf(isPaused),
      running,
      prefetched: queues.reduce((sum, { held }) => sum + held, 0),
      ...this.#member.counters(),
      subscriptions: this.#member.subscriptions(),
      queues: queues.map((queue) => queueStatus(queue)),
    };
  }

  #stateOf(isPaused: boolean): ConsumerStatus['state'] {
    if (this.#closing !== undefined) return 'closed';
    return isPaused ? 'paused' : 'running';
  }

  async #close(timeoutMs: number): Promise<number> {
    const givenUp = await this.#consumerGroup.leave(this.#member, timeoutMs);
    await this.#onClosed();
    return givenUp;
  }
}

function queueStatus({ topic, queueId, committedOffset, maxOffset, lag, held }: QueueStatus): ConsumerQueueStatus {
  return { topic, queueId, committedOffset, maxOffset, lag, prefetched: held };
}
