import { BatchResultError } from '../../errors/index.js';
import { RECONSUME_LATER, type BatchContext, type MessageExt, type StoredRecord } from '../types/index.js';
import type { HeldMessage } from './failure-policy.js';

/** How the handler of a batch has ended. */
export type BatchEnd = { readonly value: unknown } | { readonly thrown: unknown };

/** Messages that fail for one reason. */
export interface BatchFailure {
  readonly messages: readonly HeldMessage[];
  readonly reason: unknown;
}

/** What becomes of each message of a batch. */
export interface BatchVerdict {
  readonly done: readonly HeldMessage[];
  readonly failures: readonly BatchFailure[];
  /** Orderly: messages that come again after the failed ones, though they have not failed. */
  readonly behind: readonly HeldMessage[];
}

/** A message's own reason to fail. */
interface Fault {
  readonly reason: unknown;
  /** True for a throw, or another answer that blames all messages alike. */
  readonly isShared: boolean;
}

/** Messages of one queue in the hands of one handler. */
export class Batch implements BatchContext {
  /** In the order of the queue. */
  readonly messages: readonly HeldMessage[];
  readonly records: readonly StoredRecord[];
  readonly #failed = new Map<MessageExt, unknown>();

  constructor(messages: readonly HeldMessage[]) {
    this.messages = messages;
    this.records = messages.map(({ record }) => record);
  }

  fail(message: MessageExt, reason: unknown = RECONSUME_LATER): void {
    if (!this.records.some((record) => record === message)) {
      const fields = { returned: message, batchLength: this.records.length };
      throw new BatchResultError({ ...fields, reason: 'the message that it lets fail is not in the batch' });
    }
    this.#failed.set(message, reason);
  }

  /** Concurrent: each message for itself. */
  verdict(end: BatchEnd): BatchVerdict {
    const faults = this.#faults(end);
    const byReason = new Map<unknown, HeldMessage[]>();
    for (const [index, fault] of faults.entries()) {
      if (fault === undefined) continue;
      const alike = byReason.get(fault.reason);
      if (alike === undefined) byReason.set(fault.reason, [this.messages[index]!]);
      else alike.push(this.messages[index]!);
    }
    return {
      done: this.messages.filter((_, index) => faults[index] === undefined),
      failures: [...byReason].map(([reason, messages]) => ({ reason, messages })),
      behind: [],
    };
  }

  /** Orderly: nothing behind the first failed message counts as done. */
  orderlyVerdict(end: BatchEnd): BatchVerdict {
    const faults = this.#faults(end);
    const first = faults.findIndex((fault) => fault !== undefined);
    if (first === -1) return { done: this.messages, failures: [], behind: [] };
    const { reason, isShared } = faults[first]!;
    const failedEnd = isShared ? this.messages.length : first + 1;
    return {
      done: this.messages.slice(0, first),
      failures: [{ reason, messages: this.messages.slice(first, failedEnd) }],
      behind: this.messages.slice(failedEnd),
    };
  }

  /** By message; undefined: done. */
  #faults(end: BatchEnd): readonly (Fault | undefined)[] {
    const others = this.records.length - this.#failed.size;
    const doneCount = 'thrown' in end ? 0 : this.#doneCount(end.value, others);
    const fault = this.#faultOfOthers(end, doneCount, others);
    let seen = 0;
    return this.records.map((record): Fault | undefined => {
      if (this.#failed.has(record)) return { reason: this.#failed.get(record), isShared: false };
      return seen++ < (doneCount ?? 0) ? undefined : fault;
    });
  }

  /** How many of the messages without a fault of their own are done; undefined for a number that can't be. */
  #doneCount(value: unknown, others: number): number | undefined {
    if (value === RECONSUME_LATER) return 0;
    if (typeof value !== 'number') return others;
    return Number.isInteger(value) && value >= 0 && value <= others ? value : undefined;
  }

  #faultOfOthers(end: BatchEnd, doneCount: number | undefined, others: number): Fault {
    if ('thrown' in end) return { reason: end.thrown, isShared: true };
    if (doneCount === undefined) {
      const reason = `a number says how many of the messages are done, so it is from 0 to ${others}`;
      const error = new BatchResultError({ returned: end.value, batchLength: others, reason });
      return { reason: error, isShared: true };
    }
    return { reason: RECONSUME_LATER, isShared: end.value === RECONSUME_LATER };
  }
}
