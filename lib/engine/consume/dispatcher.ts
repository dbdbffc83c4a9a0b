import { RECONSUME_LATER, type MessageHandler, type StoredRecord } from '../types/index.js';
import type { ConsumeRoom } from './consume-room.js';
import type { FailurePolicy } from './failure-policy.js';
import { Fifo } from './fifo.js';
import { HandlerSlot, type SlotOwner } from './handler-slot.js';
import type { Lane, LaneHandler } from './lane.js';
import type { Slice, SlicedTask } from './slice-scheduler.js';

export interface DispatcherOptions {
  readonly handler: MessageHandler;
  /** Handlers that run at the same time. */
  readonly concurrency: number;
  /** One message of a lane at a time; the next one only when that is done. */
  readonly orderly: boolean;
  readonly failures: FailurePolicy;
  /** Called when the last handler has ended and what it left behind has settled. */
  readonly onIdle: () => void;
}

/**
 * Hands the messages of one subscription of one member to its handler. Lanes take turns, a message each, so that a queue with a large backlog does
 * not hold up the others.
 */
export class Dispatcher implements LaneHandler, SlicedTask, SlotOwner {
  scheduled = false;
  readonly #room: ConsumeRoom;
  readonly #options: DispatcherOptions;
  /** Lanes with a message that may start, in the order of their turns. */
  readonly #round = new Fifo<Lane>();
  readonly #busy: HandlerSlot[] = [];
  readonly #free: HandlerSlot[] = [];
  #running = 0;
  /** Failed deliveries that are being stored again. */
  #settling = 0;
  #paused = false;
  #inRun = false;

  constructor(room: ConsumeRoom, options: DispatcherOptions) {
    this.#room = room;
    this.#options = options;
  }

  /** Handlers that are running. */
  get running(): number {
    return this.#running;
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
      while (this.#mayStart()) {
        this.#start(this.#round.shift()!);
        if (slice.isOver()) break;
      }
    } finally {
      this.#inRun = false;
    }
    this.#wake();
  }

  /** Gives up all handlers that are running: their messages are delivered again, and what they still answer is ignored. */
  abandonRunning(): void {
    const abandoned = this.#busy.splice(0).toSorted((a, b) => b.number - a.number);
    this.#running -= abandoned.length;
    for (const slot of abandoned) {
      slot.abandoned = true;
      const lane = slot.lane!;
      lane.putBack(slot.number);
      if (this.#options.orderly) lane.unblock();
      else lane.offer();
      this.#room.gauge.leave();
    }
  }

  handlerResolved(slot: HandlerSlot, value: unknown): void {
    const { number } = slot;
    const lane = slot.lane!;
    const record = slot.record!;
    this.#free.push(this.#release(slot));
    this.#returned(lane, number, record, value);
    this.#afterPromise();
  }

  handlerRejected(slot: HandlerSlot, reason: unknown): void {
    const { number } = slot;
    const lane = slot.lane!;
    const record = slot.record!;
    this.#free.push(this.#release(slot));
    this.#failed(lane, number, record, reason);
    this.#afterPromise();
  }

  #mayStart(): boolean {
    return !this.#paused && this.#running < this.#options.concurrency && this.#round.size > 0;
  }

  #wake(): void {
    if (!this.#inRun && this.#mayStart()) this.#room.scheduler.schedule(this);
  }

  #start(lane: Lane): void {
    const number = lane.take();
    const record = lane.recordAt(number);
    if (this.#options.orderly) lane.block();
    else lane.offer();
    this.#running++;
    let value: unknown;
    try {
      value = this.#options.handler(record);
      if (isThenable(value)) {
        this.#await(value, lane, number, record);
        return;
      }
    } catch (error) {
      this.#running--;
      this.#failed(lane, number, record, error);
      this.#checkIdle();
      return;
    }
    this.#running--;
    this.#returned(lane, number, record, value);
    this.#checkIdle();
  }

  #await(value: PromiseLike<unknown>, lane: Lane, number: number, record: StoredRecord): void {
    // What is no promise of the platform may answer twice, or before `then` returns; a promise around it does neither.
    const promise = Promise.resolve(value);
    const slot = this.#free.pop() ?? new HandlerSlot(this);
    slot.lane = lane;
    slot.number = number;
    slot.record = record;
    slot.index = this.#busy.length;
    this.#busy.push(slot);
    this.#room.gauge.enter();
    void promise.then(slot.onResolved, slot.onRejected);
  }

  #release(slot: HandlerSlot): HandlerSlot {
    const last = this.#busy.pop()!;
    if (last !== slot) {
      this.#busy[slot.index] = last;
      last.index = slot.index;
    }
    slot.lane = undefined;
    slot.record = undefined;
    this.#running--;
    return slot;
  }

  #afterPromise(): void {
    this.#checkIdle();
    this.#wake();
    this.#room.scheduler.resume();
    this.#room.gauge.leave();
  }

  #returned(lane: Lane, number: number, record: StoredRecord, value: unknown): void {
    if (value === RECONSUME_LATER) {
      this.#failed(lane, number, record, value);
      return;
    }
    lane.queue.finish(number);
    if (this.#options.orderly) lane.unblock();
  }

  #failed(lane: Lane, number: number, record: StoredRecord, reason: unknown): void {
    const settling = this.#options.failures.failed({ lane, number, record, reason });
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
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
