import type { MessageExt, SendResult } from '../../lib/engine/types/index.js';
import { GROUPS, isFor, type GroupPlan } from './consumer-plan.js';
import { idOf, mustBeDelivered, mustBeStored, type MessageKind, type SentMessage } from './sent-message.js';

/** Refusals that promise that the message is not stored. */
const SURELY_NOT_STORED = new Set(['DISK_FULL', 'MESSAGE_TOO_LARGE', 'STORE_CLOSED']);

interface DeliveryRecord {
  /** A handler has returned. */
  done: boolean;
  /** A handler has failed for the last time. */
  givenUp: boolean;
  /** It came again after that. */
  repeated: boolean;
  /** The group was moved, perhaps past it: it need not come. */
  isSkipped: boolean;
  /** How often it came. */
  times: number;
  /** Retention has taken what the group would have got it from. */
  isGone: boolean;
  /** Retention has taken its dead letter. */
  isDeadLetterGone: boolean;
  /** The group was moved back before it: it comes more often than this, also if it is done. */
  mustComeAfter: number;
}

/** More than the removal of a log file takes on a slow disk. */
const STEPS_OF_A_REMOVAL = 10;

/** What a broker owes its users, in plain maps: what was sent, what was promised, what was handled. */
export class Model {
  readonly #messages = new Map<string, SentMessage>();
  /** Acknowledged normal messages by their place. */
  readonly #places = new Map<string, SentMessage>();
  readonly #deliveries = new Map<string, Map<string, DeliveryRecord>>();
  #suspicions: { readonly fault: string; readonly earlier: SentMessage; stepsLeft: number }[] = [];
  /** Moves of groups to other offsets that are under way. */
  readonly groupMoves = new Set<{ onSent(sent: SentMessage): void }>();
  /** Nothing went wrong so far: no crash, no restart, no error of the disk. Then there are no repeats. */
  isUndisturbed = true;

  get messages(): Iterable<SentMessage> {
    return this.#messages.values();
  }

  get messageCount(): number {
    return this.#messages.size;
  }

  get(id: string): SentMessage | undefined {
    return this.#messages.get(id);
  }

  /** What is known now: what becomes known later does not change it. Moves that are under way stay behind. */
  copy(): Model {
    const copy = new Model();
    copy.isUndisturbed = this.isUndisturbed;
    for (const [id, message] of this.#messages) copy.#messages.set(id, { ...message });
    for (const [group, records] of this.#deliveries) {
      copy.#deliveries.set(group, new Map([...records].map(([id, record]) => [id, { ...record }])));
    }
    return copy;
  }

  nextId(): { readonly id: string; readonly number: number } {
    const number = this.#messages.size;
    return { id: `m${number}`, number };
  }

  add(
    message: Pick<SentMessage, 'id' | 'number' | 'topic' | 'body' | 'tags' | 'keys' | 'dueMs' | 'waitsForDisk'>,
    kind: MessageKind,
    outcome: 'COMMIT' | 'ROLLBACK',
  ): SentMessage {
    const sent: SentMessage = {
      ...message,
      kind,
      outcome,
      answer: 'unheard',
      refusal: undefined,
      msgId: undefined,
      queueId: undefined,
      queueOffset: undefined,
      transactionId: undefined,
      recallHandle: undefined,
      openRecalls: 0,
      isDelivered: false,
      isRecalled: false,
      commitAsked: false,
      committed: false,
      rolledBack: false,
      isSynced: false,
      mayBeLost: false,
      isExcused: false,
      isGone: false,
      isWaitingGone: false,
    };
    this.#messages.set(sent.id, sent);
    for (const move of this.groupMoves) move.onSent(sent);
    return sent;
  }

  /**
   * @param index the message's place in its batch
   * @returns what is wrong with the answer; empty when nothing is
   */
  acknowledged(message: SentMessage, result: SendResult, index = 0): string[] {
    message.answer = 'acknowledged';
    message.msgId = result.msgId.split(',')[index];
    message.queueId = result.messageQueue.queueId;
    message.queueOffset = result.queueOffset + index;
    message.transactionId = result.transactionId;
    message.recallHandle = result.recallHandle;
    if (message.kind !== 'normal') return [];
    const { topic, queueId, queueOffset } = message;
    const other = this.at(topic, queueId, queueOffset);
    this.#places.set(placeOf(topic, queueId, queueOffset), message);
    // Also when the other one has expired: a queue whose messages are all gone goes on with its numbers.
    if (other === undefined || !mustBeStored(other)) return [];
    return [`${message.id} is acknowledged at ${queueId}@${queueOffset} of ${topic}, as ${other.id} was`];
  }

  /** The normal message that was acknowledged last at a place. */
  at(topic: string, queueId: number | undefined, queueOffset: number | undefined): SentMessage | undefined {
    return this.#places.get(placeOf(topic, queueId, queueOffset));
  }

  refused(message: SentMessage, code: string): void {
    message.answer = 'refused';
    message.refusal = code;
    // Who was told of a failure runs no local transaction.
    message.outcome = 'ROLLBACK';
  }

  isSurelyNotStored(message: SentMessage): boolean {
    return message.refusal !== undefined && SURELY_NOT_STORED.has(message.refusal);
  }

  delivery(group: string, id: string): DeliveryRecord {
    let records = this.#deliveries.get(group);
    if (records === undefined) this.#deliveries.set(group, (records = new Map()));
    let record = records.get(id);
    if (record === undefined) records.set(id, (record = newDelivery()));
    return record;
  }

  isSkipped(group: string, id: string): boolean {
    return this.#deliveries.get(group)?.get(id)?.isSkipped ?? false;
  }

  isGone(group: string, id: string): boolean {
    return this.#deliveries.get(group)?.get(id)?.isGone ?? false;
  }

  isDone(group: string, id: string): boolean {
    return this.#deliveries.get(group)?.get(id)?.done ?? false;
  }

  /** ASYNC_FLUSH: all that was acknowledged so far has been synced by now. @param acknowledged those messages */
  synced(acknowledged: readonly SentMessage[]): void {
    for (const message of acknowledged) message.isSynced = true;
  }

  /** ASYNC_FLUSH: the machine stopped. */
  powerCutWithoutSync(): void {
    for (const message of this.#messages.values()) {
      if (!message.isSynced) message.mayBeLost = true;
      message.isExcused = true;
      if (!message.isRecalled) continue;
      // The recall's record may be lost as well.
      message.isRecalled = false;
      message.openRecalls += 1;
    }
  }

  /** What is wrong with handing this message to this group now; empty when nothing is. */
  faultsOfDelivery(plan: GroupPlan, message: MessageExt, nowMs: number): string[] {
    const id = idOf(message.body);
    const sent = this.#messages.get(id);
    const what = `group ${plan.group} got ${id} (queue ${message.queueId}, offset ${message.queueOffset})`;
    if (sent === undefined) return [`${what}, which nobody sent`];
    const faults = this.faultsOfContent(sent, message).map((fault) => `${what}: ${fault}`);
    if (!isFor(plan, sent)) faults.push(`${what}, which its selector leaves out`);
    if (message.topic !== sent.topic) faults.push(`${what} as of topic ${message.topic}, not ${sent.topic}`);
    if (nowMs < sent.dueMs) faults.push(`${what} ${sent.dueMs - nowMs} ms early`);
    if (plan.mode === 'ORDERLY') this.#suspectOrder(what, plan, sent, message);
    return faults;
  }

  /**
   * Deliveries before an earlier message of their queue was done. Some steps later: a log file counts as gone for readers when its removal begins, and what was in it is noted when the file
   * itself goes.
   *
   * @param isLast nothing is going any more
   */
  faultsOfOrder(isLast: boolean): string[] {
    const due = this.#suspicions.filter((suspicion) => suspicion.stepsLeft-- <= 0 || isLast);
    this.#suspicions = this.#suspicions.filter((suspicion) => !due.includes(suspicion));
    return due.filter(({ earlier }) => !earlier.isGone).map(({ fault }) => fault);
  }

  /** The process that may have been removing a file is dead, and nobody will ever know. */
  forgetSuspicions(): void {
    this.#suspicions = [];
  }

  /** Differences between a message as it was sent and as it is. */
  faultsOfContent(sent: SentMessage, message: MessageExt): string[] {
    const faults: string[] = [];
    if (!message.body.equals(sent.body)) faults.push('another body');
    if (message.tags !== sent.tags) faults.push(`tags ${message.tags}, sent with ${sent.tags}`);
    if (message.keys !== sent.keys) faults.push(`keys ${message.keys}, sent with ${sent.keys}`);
    if (sent.msgId !== undefined && message.msgId !== sent.msgId) {
      faults.push(`msgId ${message.msgId}, acknowledged ${sent.msgId}`);
    }
    if (sent.kind === 'transaction' && !sent.commitAsked) faults.push('visible before its commit');
    if (sent.rolledBack) faults.push('visible though it was rolled back');
    if (sent.isRecalled) faults.push('visible though it was recalled');
    if (this.isSurelyNotStored(sent)) faults.push(`there though its sender was told ${sent.refusal}`);
    return faults;
  }

  /** Messages that still have to be handled, by group. */
  owed(): string[] {
    const owed: string[] = [];
    for (const message of this.#messages.values()) {
      if (!mustBeDelivered(message)) continue;
      for (const plan of GROUPS) {
        if (!isFor(plan, message)) continue;
        const record = this.#deliveries.get(plan.group)?.get(message.id);
        if (record?.isSkipped === true || record?.isGone === true) continue;
        const isOver = record?.done === true || record?.givenUp === true;
        if (!isOver || (record.times <= record.mustComeAfter && !message.isGone))
          owed.push(`${plan.group}: ${message.id}`);
      }
    }
    return owed;
  }

  /** Messages of a group that must lie among its dead letters: not those that it was moved past while the disk did not take them as such. */
  givenUp(group: string): string[] {
    return [...(this.#deliveries.get(group) ?? [])]
      .filter(
        ([, record]) =>
          record.givenUp && !record.done && !record.isSkipped && !record.isGone && !record.isDeadLetterGone,
      )
      .map(([id]) => id);
  }

  #suspectOrder(what: string, plan: GroupPlan, sent: SentMessage, message: MessageExt): void {
    for (const other of this.#messages.values()) {
      const isEarlier =
        other.kind === 'normal' &&
        mustBeStored(other) &&
        !other.isExcused &&
        !other.isGone &&
        other.topic === sent.topic &&
        other.queueId === message.queueId &&
        other.queueOffset !== undefined &&
        other.queueOffset < message.queueOffset;
      if (isEarlier && !this.isDone(plan.group, other.id) && !this.isSkipped(plan.group, other.id)) {
        const fault = `${what} before ${other.id} at offset ${other.queueOffset} was done`;
        this.#suspicions.push({ fault, earlier: other, stepsLeft: STEPS_OF_A_REMOVAL });
      }
    }
  }
}

function placeOf(topic: string, queueId: number | undefined, queueOffset: number | undefined): string {
  return `${topic}:${queueId}@${queueOffset}`;
}

function newDelivery(): DeliveryRecord {
  return {
    done: false,
    givenUp: false,
    repeated: false,
    isSkipped: false,
    isGone: false,
    isDeadLetterGone: false,
    times: 0,
    mustComeAfter: -1,
  };
}
