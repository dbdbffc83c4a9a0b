/** Delayed: by a delay level. Timed: until a time of its own. */
export type MessageKind = 'normal' | 'delayed' | 'timed' | 'transaction';

/** What the model knows of one message that was sent. Facts about the future are added as they become known. */
export interface SentMessage {
  /** Stands at the beginning of the body, up to the first `|`. */
  readonly id: string;
  /** In the order of the calls of `send`. */
  readonly number: number;
  readonly kind: MessageKind;
  readonly topic: string;
  readonly body: Buffer;
  readonly tags: string | undefined;
  readonly keys: string | undefined;
  /** It must not be seen before this time. */
  readonly dueMs: number;
  /** The sender waits for the disk. */
  readonly waitsForDisk: boolean;
  /** How the local transaction ends. */
  outcome: 'COMMIT' | 'ROLLBACK';
  /** What the sender was told. Unheard: the process died before, or has not got so far. */
  answer: 'unheard' | 'acknowledged' | 'refused';
  /** The error's code, when refused. */
  refusal: string | undefined;
  /** When acknowledged. */
  msgId: string | undefined;
  /** Where an acknowledged normal message lies. */
  queueId: number | undefined;
  queueOffset: number | undefined;
  transactionId: string | undefined;
  /** Takes a timed message back. */
  recallHandle: string | undefined;
  /** Recalls that were asked for and did not end with a refusal: each of them may have come into force. */
  openRecalls: number;
  /** A handler has been given it. */
  isDelivered: boolean;
  /** A recall was acknowledged. */
  isRecalled: boolean;
  /** Somebody has asked for the commit. */
  commitAsked: boolean;
  /** The commit was acknowledged. */
  committed: boolean;
  rolledBack: boolean;
  /** Under ASYNC_FLUSH: the time since the acknowledgement was long enough for a sync. */
  isSynced: boolean;
  /** Under ASYNC_FLUSH a power cut came before the sync: the acknowledgement does not hold for it. */
  mayBeLost: boolean;
  /** Under ASYNC_FLUSH a power cut came: of what was done for the message since, such as a retry, parts may be lost. */
  isExcused: boolean;
  /** Retention has taken the record that consumers saw, or was about to: it may be there or not. */
  isGone: boolean;
  /** Retention has taken the record that waited for its time or decision, as it may after twice the reserved time: nobody need ever see the message. */
  isWaitingGone: boolean;
}

export function idOf(body: Uint8Array): string {
  const end = body.indexOf(0x7c);
  return Buffer.from(body.subarray(0, end < 0 ? 64 : end)).toString('latin1');
}

/** An acknowledgement that holds. */
export function mustBeStored(message: SentMessage): boolean {
  return message.answer === 'acknowledged' && message.waitsForDisk && !message.mayBeLost;
}

/** In the end every consumer of its topic must have had it. */
export function mustBeDelivered(message: SentMessage): boolean {
  if (!mustBeStored(message) || message.isExcused || message.isRecalled || message.openRecalls > 0) return false;
  if (message.isWaitingGone) return false;
  return message.kind !== 'transaction' || message.outcome === 'COMMIT';
}
