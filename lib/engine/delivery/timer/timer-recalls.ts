import { AlreadyRecalledError, RecallHandleIllegalError, RecallTooLateError } from '../../../errors/index.js';
import { TIMER_TOPIC, type ServiceContext } from '../../types/index.js';
import { parseRecallHandle, type RecallHandle } from './recall-handle.js';
import type { HeldMessages } from './timer-delivery.js';
import type { TimerIndex } from './timer-index.js';
import type { TimerIndexer } from './timer-indexer.js';
import { deleteKeyOf, keyHash } from './timer-key.js';
import { timerFacts, toRecall } from './timer-message.js';
import { possibleSlots, slotEndMs, slotOf } from './timer-time.js';
import { unitIsDelete, unitKeyHash, unitPhysicalOffset } from './timer-unit.js';

/** Most looks for one message; each but the last met something that came into the timer topic meanwhile. */
const MOST_LOOKS = 4;

/** What the index knows of a message that is to be recalled. */
interface Target {
  readonly dueMs: number;
  readonly isRecalled: boolean;
  /** It was due before, by a clock that has gone back since, and is delivered, or on its way. */
  readonly isTaken: boolean;
}

/**
 * Takes messages back before their time. A recall is a record of the timer topic, so it holds after a restart. Unlike with RocketMQ, the caller learns
 * whether it came in time: while the record is on its way to the disk, the message is held.
 */
export class TimerRecalls implements HeldMessages {
  readonly #context: ServiceContext;
  readonly #index: TimerIndex;
  #indexer: TimerIndexer | undefined;
  /** Recalls that have been decided and are not in the index yet, by key: do they succeed? */
  readonly #held = new Map<string, Promise<boolean>>();
  /** Recalls under way, by key: a second one of the same message waits for the first. */
  readonly #running = new Map<string, Promise<string>>();

  constructor(context: ServiceContext, index: TimerIndex) {
    this.#context = context;
    this.#index = index;
  }

  set indexer(indexer: TimerIndexer) {
    this.#indexer = indexer;
  }

  outcome(key: string): Promise<boolean> | undefined {
    return this.#held.get(key);
  }

  /** @see TimerService.recall */
  async recall(topicName: string, handleText: string): Promise<string> {
    const handle = parseRecallHandle(handleText);
    const { topic, brokerName, uniqKey } = handle;
    if (topicName !== topic) {
      const reason = `it belongs to topic "${topic}", not to "${topicName}"`;
      throw new RecallHandleIllegalError({ handle: handleText, reason });
    }
    if (brokerName !== this.#context.brokerName) {
      const reason = `the message is with broker "${brokerName}", this one is "${this.#context.brokerName}"`;
      throw new RecallHandleIllegalError({ handle: handleText, reason });
    }
    const key = deleteKeyOf(topic, uniqKey);
    // If the one before has failed, this one has a look of its own.
    for (let before = this.#running.get(key); before !== undefined; before = this.#running.get(key)) {
      if (await before.then(isDone, isNotDone)) throw new AlreadyRecalledError({ topic, msgId: uniqKey });
    }
    const running = this.#recall(handleText, handle, key).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #recall(handleText: string, handle: RecallHandle, key: string): Promise<string> {
    const { store, clock } = this.#context;
    const { topic, uniqKey, timestampMs } = handle;
    const tooLate = (deliverAtMs: number) => new RecallTooLateError({ topic, msgId: uniqKey, deliverAtMs });
    // Handles of a real broker hold the begin of the second.
    if (slotEndMs(slotOf(timestampMs)) <= clock.now()) throw tooLate(timestampMs);
    const target = await this.#findAll(timestampMs, key);
    const nowMs = clock.now();
    if (target === undefined) {
      if (timestampMs <= nowMs) throw tooLate(timestampMs);
      throw new RecallHandleIllegalError({ handle: handleText, reason: 'no waiting message belongs to it' });
    }
    if (target.dueMs <= nowMs) throw tooLate(target.dueMs);
    if (target.isRecalled) throw new AlreadyRecalledError({ topic, msgId: uniqKey });
    if (target.isTaken) throw tooLate(target.dueMs);
    // In the same step as the look at the clock: from now on the message is not delivered before this is decided.
    await this.#hold(key, async () => {
      const { queueOffset } = await store.append(toRecall(topic, uniqKey, target.dueMs, nowMs));
      return queueOffset;
    });
    return uniqKey;
  }

  /** Holds the message back until the recall's record is on the disk, or has failed to get there; then until the index knows it. */
  async #hold(key: string, append: () => Promise<number>): Promise<void> {
    const end = this.#context.activity.begin();
    const stored = append();
    const isStored = stored.then(
      () => true,
      () => false,
    );
    this.#held.set(key, isStored);
    try {
      const queueOffset = await stored;
      // Refused: the broker closes. The next start knows of the recall before it delivers anything, and until then the message is held.
      const isIndexed = await this.#indexer!.whenIndexed(queueOffset + 1).then(isDone, isNotDone);
      if (isIndexed) this.#held.delete(key);
    } catch (error) {
      this.#held.delete(key);
      throw error;
    } finally {
      end();
    }
  }

  /**
   * Finds the message also when it is put back meanwhile, to a slot that has been looked through: that takes a record of the timer topic, and then another look. A
   * message is put back once in half a window, so a few looks are enough.
   */
  async #findAll(timestampMs: number, key: string): Promise<Target | undefined> {
    const { store } = this.#context;
    let target: Target | undefined;
    for (let look = 0; look < MOST_LOOKS && target === undefined; look++) {
      const { maxOffset } = store.queueRange(TIMER_TOPIC, 0);
      await this.#indexer!.whenIndexed(maxOffset);
      target = await this.#find(timestampMs, key);
      if (store.queueRange(TIMER_TOPIC, 0).maxOffset === maxOffset) break;
    }
    return target;
  }

  /** Looks through the slots in which the message can be. What has the hash of its key is read, to be sure. */
  async #find(timestampMs: number, key: string): Promise<Target | undefined> {
    const nowMs = this.#context.clock.now();
    const hash = keyHash(key);
    let target: Target | undefined;
    const { lookMs } = this.#index.doneUpTo(nowMs);
    for (const slotSec of possibleSlots(timestampMs, lookMs, nowMs, this.#index.rollWindowMs)) {
      for (const { isDelete, physicalOffset } of await this.#candidates(slotSec, hash)) {
        const record = await this.#context.store.readRecord(physicalOffset);
        const facts = record && timerFacts(record);
        if (facts === undefined || (isDelete ? facts.deleteKey : facts.key) !== key) continue;
        if (slotOf(facts.dueMs) !== slotOf(timestampMs)) continue;
        const { dueMs } = facts;
        if (isDelete) return { dueMs, isRecalled: true, isTaken: false };
        // In another slot it only waits to be put back.
        const isTaken = slotSec === slotOf(dueMs) && this.#index.isTaken(slotSec, dueMs);
        target = { dueMs, isRecalled: false, isTaken: isTaken || target?.isTaken === true };
      }
    }
    return target;
  }

  async #candidates(slotSec: number, hash: number): Promise<{ isDelete: boolean; physicalOffset: number }[]> {
    const index = this.#index;
    while (index.wheel.has(slotSec) && !index.isResident([slotSec])) await index.load([slotSec]);
    const slot = index.wheel.has(slotSec) ? index.wheel.get(slotSec) : undefined;
    const found: { isDelete: boolean; physicalOffset: number }[] = [];
    if (slot === undefined) return found;
    await index.log.walk(slotSec, slot.lastPosition, (bytes, at) => {
      if (unitKeyHash(bytes, at) !== hash) return;
      found.push({ isDelete: unitIsDelete(bytes, at), physicalOffset: unitPhysicalOffset(bytes, at) });
    });
    return found;
  }
}

const isDone = (): boolean => true;
const isNotDone = (): boolean => false;
