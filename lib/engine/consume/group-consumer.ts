import { InvalidOptionError } from '../../errors/index.js';
import type { Consumer } from '../types/index.js';
import type { ConsumerGroup, MemberStatus } from './consumer-group.js';
import type { Member } from './member.js';
import type { QueueStatus } from './process-queue.js';

export interface ConsumerStatus extends MemberStatus {
  readonly group: string;
  /** The queues that this member has now. */
  readonly queues: readonly QueueStatus[];
}

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

  pause(): void {
    this.#member.pause();
  }

  resume(): void {
    this.#member.resume();
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
    const { clientId, isPaused, running } = this.#member;
    return {
      group: this.group,
      clientId,
      paused: isPaused,
      running,
      queues: this.#consumerGroup.queuesOf(this.#member),
    };
  }

  async #close(timeoutMs: number): Promise<number> {
    const givenUp = await this.#consumerGroup.leave(this.#member, timeoutMs);
    await this.#onClosed();
    return givenUp;
  }
}
