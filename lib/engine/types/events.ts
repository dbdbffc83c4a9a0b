// What goes wrong in an engine, as data. Each of these is logged as well: an event is for programs.

/** Where a delivery took place. */
interface Delivery {
  readonly group: string;
  /** The topic that the message was sent to. */
  readonly topic: string;
  readonly msgId: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
}

/** A handler threw or rejected, or was given up for taking too long, of which `handlerTimedOut` has told. With a handler of batches: one event for each message of the batch. */
export interface HandlerFailedEvent extends Delivery {
  readonly type: 'handlerFailed';
  readonly error: unknown;
}

/** A handler took longer than its group allows; the message is delivered again. */
export interface HandlerTimedOutEvent extends Delivery {
  readonly type: 'handlerTimedOut';
}

/** A failed message comes again: it is on disk for another attempt or, in an orderly queue, waits for it in memory. */
export interface MessageRetriedEvent extends Delivery {
  readonly type: 'messageRetried';
}

/** A message is a dead letter: nobody tries it again. */
export interface MessageDeadLetteredEvent extends Delivery {
  readonly type: 'messageDeadLettered';
  readonly deadLetterTopic: string;
}

/** A failed message could not be stored for another attempt. It is kept in memory and handled again after a while. */
export interface RedeliveryFailedEvent extends Delivery {
  readonly type: 'redeliveryFailed';
  readonly error: unknown;
}

/** A checker threw, gave no transaction state, or did not answer in time. The transaction is asked about again. */
export interface CheckFailedEvent {
  readonly type: 'checkFailed';
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly topic: string;
  readonly error: unknown;
}

/** The last check-back of a transaction brought no decision: it is set aside, and its message is not delivered. */
export interface TransactionSetAsideEvent {
  readonly type: 'transactionSetAside';
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly topic: string;
  readonly checkTimes: number;
}

/** A group of records could not be written or synced. None of them was acknowledged. */
export interface FlushFailedEvent {
  readonly type: 'flushFailed';
  readonly error: unknown;
  /** Records that are not stored. */
  readonly lostMessages: number;
}

/** A send failed, for whatever reason; what the sender was told. */
export interface SendFailedEvent {
  readonly type: 'sendFailed';
  readonly topic: string;
  readonly error: unknown;
}

/** The store could not take a message: no room on the disk, a failed write, or no answer in time. Comes beside `sendFailed`. */
export interface StoreRefusedEvent {
  readonly type: 'storeRefused';
  readonly topic: string;
  readonly error: unknown;
}

/** An answer came when nobody waited for it any more. */
export interface ReplyDroppedEvent {
  readonly type: 'replyDropped';
  readonly topic: string;
  /** Of the request. */
  readonly msgId: string;
}

/** Everything that an engine tells of. Told apart by `type`. */
export type EngineEvent =
  | HandlerFailedEvent
  | HandlerTimedOutEvent
  | MessageRetriedEvent
  | MessageDeadLetteredEvent
  | RedeliveryFailedEvent
  | CheckFailedEvent
  | TransactionSetAsideEvent
  | FlushFailedEvent
  | SendFailedEvent
  | StoreRefusedEvent
  | ReplyDroppedEvent;

export type EngineEventType = EngineEvent['type'];

/** Told of events, in the turn in which they happen. It must be quick; what it throws is logged and changes nothing. */
export type EngineEventListener = (event: EngineEvent) => void;
