import { intoWriteQueue, retryDelayMs } from '../store/index.js';
import {
  SCHEDULE_TOPIC,
  type QueueEntry,
  type ServiceContext,
  type StoredRecord,
  type TimerHandle,
} from '../types/index.js';
import { fromScheduled, levelOfScheduleQueue } from './delay-level.js';

/** Records of one level that are under way to their queues at the same time. */
const MAX_IN_FLIGHT = 256;
const MAX_SLICE_BYTES = 4 * 1024 * 1024;
/**
 * Timers run on a clock that stands still while a machine sleeps. Looking at the time of day once a minute bounds how late that
 * makes a delivery.
 */
const MAX_SLEEP_MS = 60_000;

/**
 * Records below `upTo` had all arrived when their delay began to run on the monotonic clock; when it reaches `deadlineMs` they have waited
 * long enough, whatever the time of day says.
 */
interface Patience {
  readonly upTo: number;
  readonly deadlineMs: number;
}

/**
 * Works off one queue of the schedule topic: sleeps until its head is due, delivers all that is due, and moves the level's offset to the
 * lowest record that is not delivered. A queue's records are due in the order in which they lie there, so nothing but the head is watched.
 */
export class DelayLevelCursor {
  readonly #context: ServiceContext;
  readonly #queueId: number;
  readonly #delayMs: number;
  readonly #onAdvance: (offset: number) => void;
  /** Everything below is delivered and on disk. */
  #offset: number;
  /** Delivered, but above a record that failed: not to be delivered again when that one is tried again. */
  readonly #deliveredAhead = new Set<number>();
  #patience: Patience | undefined;
  #timer: TimerHandle | undefined;
  /** Set while deliveries run; there is one run at a time. */
  #run: Promise<void> | undefined;
  #wakeDeferred = false;
  #closed = false;
  /** Failures since the last success. */
  #failures = 0;

  /**
   * @param delayMs the level's delay: no record waits longer for a clock or a table that has changed
   * @param onAdvance told each time the level's offset moves
   */
  constructor(
    context: ServiceContext,
    queueId: number,
    delayMs: number,
    offset: number,
    onAdvance: (offset: number) => void,
  ) {
    this.#context = context;
    this.#queueId = queueId;
    this.#delayMs = delayMs;
    this.#offset = offset;
    this.#onAdvance = onAdvance;
  }

  /** To be called at the start and at every arrival: looks at the queue soon, unless it is watched already. */
  wake(): void {
    if (this.#closed || this.#wakeDeferred || this.#timer !== undefined || this.#run !== undefined) return;
    this.#wakeDeferred = true;
    const end = this.#context.activity.begin();
    this.#context.clock.defer(() => {
      this.#wakeDeferred = false;
      this.#startRun();
      end();
    });
  }

  /** Stops watching. Resolves when what is under way has been delivered. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#run;
  }

  #startRun(): void {
    if (this.#closed || this.#run !== undefined) return;
    const end = this.#context.activity.begin();
    this.#run = this.#deliverAllDue().finally(() => {
      this.#run = undefined;
      this.#watchLateArrivals();
      end();
    });
  }

  /** A record that arrived while a run was ending has woken nobody; its delay is far from over. */
  #watchLateArrivals(): void {
    if (this.#timer === undefined && this.#range().maxOffset > this.#offset) this.#sleep(retryDelayMs(0));
  }

  async #deliverAllDue(): Promise<void> {
    while (!this.#closed) {
      try {
        const due = await this.#leadingDue();
        if (due === 0) return;
        await this.#deliver(due);
        this.#failures = 0;
      } catch (error) {
        this.#backOff(error);
        return;
      }
    }
  }

  /** How many records at the head of the queue are due, up to a bound. When none is: sleeps until the first will be. */
  async #leadingDue(): Promise<number> {
    const { store, clock } = this.#context;
    // Retention may have removed the head.
    const { minOffset } = this.#range();
    if (this.#offset < minOffset) this.#advance(minOffset);
    const entries = await store.entries(SCHEDULE_TOPIC, this.#queueId, this.#offset, MAX_IN_FLIGHT);
    const head = entries[0];
    if (head === undefined) return 0;
    const nowMs = clock.now();
    const monotonicMs = clock.monotonicMs();
    let due = 0;
    for (const entry of entries) {
      if (!this.#isDue(entry, nowMs, monotonicMs)) break;
      due += 1;
    }
    if (due === 0) this.#sleepUntilDue(head, nowMs, monotonicMs);
    return due;
  }

  #isDue(entry: QueueEntry, nowMs: number, monotonicMs: number): boolean {
    if (entry.tagsCode <= nowMs) return true;
    const patience = this.#patience;
    return patience !== undefined && entry.queueOffset < patience.upTo && monotonicMs >= patience.deadlineMs;
  }

  #sleepUntilDue(head: QueueEntry, nowMs: number, monotonicMs: number): void {
    if (this.#patience === undefined || this.#patience.upTo <= head.queueOffset) {
      this.#patience = {
        upTo: this.#range().maxOffset,
        deadlineMs: monotonicMs + this.#delayMs + this.#slackMs(head, nowMs),
      };
    }
    this.#sleep(Math.min(head.tagsCode - nowMs, this.#patience.deadlineMs - monotonicMs));
  }

  /**
   * A head that is due later than its delay from now was stored by a clock that was ahead, or under another table: it waits for its delay, no
   * longer (`correctDeliverTimestamp`). Otherwise the time of day decides; the slack keeps a clock that is being slewed from
   * making a delivery early.
   */
  #slackMs(head: QueueEntry, nowMs: number): number {
    return head.tagsCode - nowMs > this.#delayMs ? 0 : 1000 + this.#delayMs / 100;
  }

  async #deliver(count: number): Promise<void> {
    const batch = await this.#context.store.pull({
      topic: SCHEDULE_TOPIC,
      queueId: this.#queueId,
      offset: this.#offset,
      maxCount: count,
      maxBytes: MAX_SLICE_BYTES,
    });
    // Where messages are missing, the batch goes on behind those that are due.
    const endOffset = Math.min(batch.nextOffset, this.#offset + count);
    const due = batch.messages.filter(({ queueOffset }) => queueOffset < endOffset);
    // Started in order, so that they lie in the log in order.
    const results = await Promise.allSettled(due.map((record) => this.#deliverOne(record)));
    const failed = results.findIndex((result) => result.status === 'rejected');
    if (failed >= 0) {
      this.#advance(due[failed]!.queueOffset);
      throw (results[failed] as PromiseRejectedResult).reason;
    }
    if (batch.nextOffset <= this.#offset) throw new Error(`nothing could be read there (${batch.status})`);
    this.#advance(endOffset);
  }

  async #deliverOne(record: StoredRecord): Promise<void> {
    if (this.#deliveredAhead.has(record.queueOffset)) return;
    const draft = fromScheduled(record);
    if (draft === undefined) {
      this.#context.logger.error(
        `A delayed message has no topic to go to and is left in the schedule topic: level ${this.#level}, queue offset ${record.queueOffset}, msgId ${record.msgId}.`,
      );
    } else {
      await this.#context.store.append(intoWriteQueue(draft, this.#context.topics));
    }
    this.#deliveredAhead.add(record.queueOffset);
  }

  #advance(offset: number): void {
    for (const delivered of this.#deliveredAhead) if (delivered < offset) this.#deliveredAhead.delete(delivered);
    if (offset === this.#offset) return;
    this.#offset = offset;
    this.#onAdvance(offset);
  }

  #backOff(reason: unknown): void {
    const retryMs = retryDelayMs(this.#failures);
    if (this.#failures === 0) {
      this.#context.logger.error(
        `Delivering delayed messages of level ${this.#level} failed at queue offset ${this.#offset}; it is tried again until it succeeds: ${String(reason)}`,
      );
    }
    this.#failures += 1;
    this.#sleep(retryMs);
  }

  #sleep(delayMs: number): void {
    if (this.#closed) return;
    const wholeMs = Math.ceil(Math.min(Math.max(delayMs, 1), MAX_SLEEP_MS));
    this.#timer = this.#context.clock.setTimer(() => {
      this.#timer = undefined;
      this.#startRun();
    }, wholeMs);
  }

  #range(): { readonly minOffset: number; readonly maxOffset: number } {
    return this.#context.store.queueRange(SCHEDULE_TOPIC, this.#queueId);
  }

  get #level(): number {
    return levelOfScheduleQueue(this.#queueId);
  }
}
