import { ConsumeTimeoutError } from '../../errors/index.js';
import { RECONSUME_LATER, type BatchMessageHandler, type MessageHandler, type StoredRecord } from '../types/index.js';
import { Batch, type BatchEnd } from './batch.js';
import type { ConsumeRoom } from './consume-room.js';
import { nameOfAll } from './failure-log.js';
import type { FailedDelivery, FailurePolicy, HeldMessage } from './failure-policy.js';
import { Fifo } from './fifo.js';
import type { HandlerSlot } from './handler-slot.js';
import { HandlerSlots, type SlotsOwner } from './handler-slots.js';
import type { Lane, LaneHandler } from './lane.js';
import type { Slice, SlicedTask } from './slice-scheduler.js';
import type { Tally } from './tally.js';

export interface DispatcherOptions {
  readonly group: string;
  /** Exactly one of the two is given. */
  readonly handler?: MessageHandler | undefined;
  readonly batchHandler?: BatchMessageHandler | undefined;
  readonly batchSize: number;
  /** Handlers that run at the same time. */
  readonly concurrency: number;
  /** One message, or batch, of a lane at a time; the next one only when that is done. */
  readonly orderly: boolean;
  readonly consumeTimeoutMs: number;
  readonly failures: FailurePolicy;
  readonly tally: Tally;
  /** Called when the last handler has ended and what it left behind has settled. */
  readonly onIdle: () => void;
}

/**
 * Hands the messages of one subscription of one member to its handler. Lanes take turns, a message or batch each, so that a queue with a large
 * backlog does not hold up the others.
 */
export class Dispatcher implements LaneHandler, SlicedTask, SlotsOwner {
  scheduled = false;
  readonly tally: Tally;
  readonly #room: ConsumeRoom;
  readonly #options: DispatcherOptions;
  /** Lanes with a message that may start, in the order of their turns. */
  readonly #round = new Fifo<Lane>();
  readonly #slots: HandlerSlots;
  #running = 0;
  /** Failed deliveries that are being stored again. */
  #settling = 0;
  #paused = false;
  #inRun = false;

  constructor(room: ConsumeRoom, options: DispatcherOptions) {
    this.#room = room;
    this.#options = options;
    this.tally = options.tally;
    this.#slots = new HandlerSlots(room.clock, options.consumeTimeoutMs, this);
  }

  /** Handlers that are running. */
  get running(): number {
    return this.#running;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.#settling === 0;
  }

  /** Only {@link Lane} calls this, once until the lane's turn has come. */
  list(lane: Lane): void {
    this.#round.push(lane);
    this.#wake();
  }

  unlist(lane: Lane): void {
    this.#round.remove(lane);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  run(slice: Slice): void {
    this.#inRun = true;
    try {
      // The end of one call is the start of the next: the clock is asked once for each.
      let nowMs = this.#room.clock.monotonicMs();
      while (this.#mayStart()) {
        nowMs = this.#start(this.#round.shift()!, nowMs);
        if (slice.isOver(nowMs)) break;
      }
    } finally {
      this.#inRun = false;
    }
    this.#wake();
  }

  /** Gives up all handlers that are running: their messages are delivered again, and what they still answer is ignored. */
  abandonRunning(): void {
    const abandoned = this.#slots.takeAll();
    this.#running -= abandoned.length;
    const held = abandoned.flatMap((slot) => slot.messages.map(({ number }) => ({ lane: slot.lane!, number })));
    // From the last to the first, so that each lane has them in their old order.
    for (const { lane, number } of held.toSorted((a, b) => b.number - a.number)) lane.putBack(number);
    for (const slot of abandoned) {
      if (this.#options.orderly) slot.lane!.unblock();
      else slot.lane!.offer();
      this.#room.gauge.leave();
    }
  }

  handlerResolved(slot: HandlerSlot, value: unknown): void {
    const { number, batch } = slot;
    const lane = slot.lane!;
    const record = slot.record;
    this.#endCall(slot.startedMs);
    this.#release(slot);
    if (batch === undefined) this.#returned(lane, number, record!, value);
    else this.#batchEnded(lane, batch, { value });
    this.#afterPromise();
  }

  handlerRejected(slot: HandlerSlot, reason: unknown): void {
    const { number, batch } = slot;
    const lane = slot.lane!;
    const record = slot.record;
    this.#endCall(slot.startedMs);
    this.#release(slot);
    if (batch === undefined) this.#failed({ lane, messages: [{ number, record: record! }], reason });
    else this.#batchEnded(lane, batch, { thrown: reason });
    this.#afterPromise();
  }

  handlerOverdue(slot: HandlerSlot, runMs: number): void {
    // An orderly one is told of again and again, and counted once.
    if (!slot.isOverdue) this.tally.timeOut(slot.messages);
    slot.isOverdue = true;
    if (this.#options.orderly) this.#tellOverdue(slot.messages, runMs);
    else this.#giveUp(slot);
  }

  #mayStart(): boolean {
    return !this.#paused && this.#running < this.#options.concurrency && this.#round.size > 0;
  }

  #wake(): void {
    if (!this.#inRun && this.#mayStart()) this.#room.scheduler.schedule(this);
  }

  /** Returns when the handler has returned. */
  #start(lane: Lane, startedMs: number): number {
    const { handler, batchHandler } = this.#options;
    this.#running++;
    return batchHandler === undefined
      ? this.#startOne(lane, handler!, startedMs)
      : this.#startBatch(lane, batchHandler, startedMs);
  }

  #startOne(lane: Lane, handler: MessageHandler, startedMs: number): number {
    const number = lane.take();
    const record = lane.recordAt(number);
    this.#leaveLane(lane);
    this.tally.handOver(record);
    let value: unknown;
    try {
      value = handler(record);
      if (isThenable(value)) {
        this.#await(value, lane, number, record, undefined, startedMs);
        return this.#room.clock.monotonicMs();
      }
    } catch (error) {
      const failedMs = this.#endCall(startedMs);
      this.#running--;
      this.#failed({ lane, messages: [{ number, record }], reason: error });
      this.#checkIdle();
      return failedMs;
    }
    const endedMs = this.#endCall(startedMs);
    this.#running--;
    this.#returned(lane, number, record, value);
    this.#checkIdle();
    return endedMs;
  }

  #startBatch(lane: Lane, handler: BatchMessageHandler, startedMs: number): number {
    const batch = this.#takeBatch(lane);
    this.#leaveLane(lane);
    for (const record of batch.records) this.tally.handOver(record);
    let end: BatchEnd;
    try {
      const value = handler(batch.records, batch);
      if (isThenable(value)) {
        this.#await(value, lane, 0, undefined, batch, startedMs);
        return this.#room.clock.monotonicMs();
      }
      end = { value };
    } catch (error) {
      end = { thrown: error };
    }
    const endedMs = this.#endCall(startedMs);
    this.#running--;
    this.#batchEnded(lane, batch, end);
    this.#checkIdle();
    return endedMs;
  }

  #takeBatch(lane: Lane): Batch {
    const messages: HeldMessage[] = [];
    let number: number | undefined = lane.take();
    while (number !== undefined) {
      messages.push({ number, record: lane.recordAt(number) });
      number = messages.length < this.#options.batchSize ? lane.takeMore() : undefined;
    }
    return new Batch(messages);
  }

  #leaveLane(lane: Lane): void {
    if (this.#options.orderly) lane.block();
    else lane.offer();
  }

  #await(
    value: PromiseLike<unknown>,
    lane: Lane,
    number: number,
    record: StoredRecord | undefined,
    batch: Batch | undefined,
    startedMs: number,
  ): void {
    // What is no promise of the platform may answer twice, or before `then` returns; a promise around it does neither.
    const promise = Promise.resolve(value);
    const slot = this.#slots.take(lane, number, record, batch, startedMs);
    this.#room.gauge.enter();
    void promise.then(slot.onResolved, slot.onRejected);
  }

  /** Returns when that was. */
  #endCall(startedMs: number): number {
    const nowMs = this.#room.clock.monotonicMs();
    this.tally.endCall(nowMs - startedMs);
    return nowMs;
  }

  #release(slot: HandlerSlot): void {
    this.#slots.release(slot);
    this.#running--;
  }

  #afterPromise(): void {
    this.#checkIdle();
    this.#wake();
    this.#room.scheduler.resume();
    this.#room.gauge.leave();
  }

  #returned(lane: Lane, number: number, record: StoredRecord, value: unknown): void {
    if (value === RECONSUME_LATER) {
      this.#failed({ lane, messages: [{ number, record }], reason: value });
      return;
    }
    this.tally.consume(1);
    lane.queue.finish(number);
    if (this.#options.orderly) lane.unblock();
  }

  #batchEnded(lane: Lane, batch: Batch, end: BatchEnd): void {
    const { orderly } = this.#options;
    const { done, failures, behind } = orderly ? batch.orderlyVerdict(end) : batch.verdict(end);
    this.tally.consume(done.length);
    for (const { number } of done) lane.queue.finish(number);
    for (const { messages, reason } of failures) this.#failed({ lane, messages, reason, behind });
    if (orderly && failures.length === 0) lane.unblock();
  }

  #failed(delivery: FailedDelivery): void {
    const settling = this.#options.failures.failed(delivery);
    if (settling === undefined) return;
    this.#settling++;
    this.#room.gauge.enter();
    void settling.then(() => {
      this.#settling--;
      this.#checkIdle();
      this.#room.gauge.leave();
    });
  }

  #checkIdle(): void {
    if (this.#running === 0 && this.#settling === 0) this.#options.onIdle();
  }

  /** Its messages are stored for a retry, and its place is free. What it still answers is ignored. */
  #giveUp(slot: HandlerSlot): void {
    const { messages } = slot;
    const lane = slot.lane!;
    this.#endCall(slot.startedMs);
    this.#slots.abandon(slot);
    this.#running--;
    this.#failed({ lane, messages, reason: this.#timeoutError(messages), timedOut: true });
    this.#checkIdle();
    this.#wake();
    this.#room.gauge.leave();
  }

  /** A second handler beside it would break the order, so that nothing is done but saying so (RocketMQ says nothing). */
  #tellOverdue(messages: readonly HeldMessage[], runMs: number): void {
    const { queueId } = messages[0]!.record;
    this.#room.logger.error(
      `${nameOfAll(messages, this.#options.group)} has run for ${Math.round(runMs)} ms. ` +
        `Queue ${queueId} stands still until it ends, because its consumption is orderly.`,
    );
  }

  #timeoutError(messages: readonly HeldMessage[]): ConsumeTimeoutError {
    const messageIds = messages.map(({ record }) => record.msgId);
    const { topic } = messages[0]!.record;
    return new ConsumeTimeoutError({ topic, messageIds, timeoutMs: this.#options.consumeTimeoutMs });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
