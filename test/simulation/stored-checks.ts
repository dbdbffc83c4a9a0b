import { Property, TIMER_TOPIC, type StoredRecord } from '../../lib/engine/types/index.js';
import { parseProperties } from '../../lib/engine/store/index.js';
import { acceptsTag, GROUPS, TOPICS, type GroupPlan } from './consumer-plan.js';
import type { Model } from './model.js';
import { idOf, mustBeStored, type SentMessage } from './sent-message.js';
import type { StoredView, ViewedQueue } from './stored-view.js';

export const SCHEDULE_TOPIC = 'SCHEDULE_TOPIC_XXXX';
export const HALF_TOPIC = 'RMQ_SYS_TRANS_HALF_TOPIC';
const SET_ASIDE_TOPIC = 'TRANS_CHECK_MAX_TIME_TOPIC';

/** How much of what was acknowledged must be there. */
export interface Strictness {
  /** False: the machine stopped under ASYNC_FLUSH, and what was not synced yet may be lost. */
  readonly unsyncedToo: boolean;
  /** False: it once did so. Offsets are synced for themselves, and may lie past something, such as a retry, that was lost. */
  readonly offsetsToo: boolean;
  /** Nothing is under way any more. */
  readonly atTheEnd: boolean;
}

/** Everything that is wrong with a store, given what its users were told. */
export function faultsOfStore(model: Model, view: StoredView, strictness: Strictness): string[] {
  const places = new Places(view);
  const faults = [
    ...view.faults,
    ...view.queues.filter(({ topic }) => isUserTopic(topic)).flatMap((queue) => faultsOfQueue(model, queue)),
    ...promisedMessages(model, strictness).flatMap((message) => faultsOfPromise(message, places, strictness)),
  ];
  if (!strictness.offsetsToo) return faults;
  return [
    ...faults,
    ...GROUPS.flatMap((plan) => faultsOfGroupOffsets(model, plan, view, places, strictness)),
    ...faultsOfDelayOffsets(model, view, places),
    ...faultsOfHalfOffset(model, view, places),
    ...(strictness.atTheEnd ? GROUPS.flatMap((plan) => missingDeadLetters(model, plan, places)) : []),
  ];
}

export function promisedMessages(model: Model, { unsyncedToo }: Strictness): readonly SentMessage[] {
  return [...model.messages].filter((message) => mustBeStored(message) && (unsyncedToo || message.isSynced));
}

/** Nothing invented, nothing changed, nothing visible that must not be, and the order in which it was sent. */
function faultsOfQueue(model: Model, { topic, queueId, records }: ViewedQueue): string[] {
  const faults: string[] = [];
  let last = -1;
  for (const record of records) {
    const id = idOf(record.body);
    const what = `${id} in queue ${queueId} of ${topic} at ${record.queueOffset}`;
    const sent = model.get(id);
    if (sent === undefined) {
      faults.push(`${what} was never sent`);
      continue;
    }
    faults.push(...model.faultsOfContent(sent, record).map((fault) => `${what}: ${fault}`));
    if (sent.topic !== topic) faults.push(`${what} was sent to ${sent.topic}`);
    if (record.storeTimestamp < sent.dueMs && !isTornInTheHead(record)) faults.push(`${what} was delivered early`);
    if (sent.kind !== 'normal') continue;
    if (sent.number <= last) faults.push(`${what} lies behind m${last}, which was sent later or is the same`);
    last = sent.number;
  }
  return faults;
}

/**
 * A power cut in the middle of a write may leave the time of a record in part as it was before: no checksum covers it, and nobody was told that the record is there. What was written whole
 * was not stored before it was sent.
 */
function isTornInTheHead({ storeTimestamp, bornTimestamp }: StoredRecord): boolean {
  return storeTimestamp < bornTimestamp || storeTimestamp === 0;
}

/** An acknowledged message is where it was said to be. */
function faultsOfPromise(message: SentMessage, places: Places, { unsyncedToo }: Strictness): string[] {
  if (message.isGone) return [];
  const { id, kind, topic, queueId, queueOffset } = message;
  const visible = places.of(id, topic);
  if (kind === 'normal') {
    const isThere = visible.some((place) => place.queueId === queueId && place.queueOffset === queueOffset);
    return isThere ? [] : [`${id} was acknowledged in queue ${queueId} of ${topic} at ${queueOffset} and is not there`];
  }
  if (visible.length > 0 || message.isWaitingGone) return [];
  if (kind === 'delayed') {
    return places.of(id, SCHEDULE_TOPIC).length > 0 ? [] : [`${id} was acknowledged and waits nowhere`];
  }
  if (kind === 'timed') {
    return places.of(id, TIMER_TOPIC).length > 0 ? [] : [`${id} was acknowledged and waits for no time`];
  }
  if (message.committed && unsyncedToo && !message.isExcused) return [`${id} was committed and is not visible`];
  return places.of(id, HALF_TOPIC).length > 0 ? [] : [`half message ${id} was acknowledged and is not there`];
}

/** What lies before a group's offset has been handled, or is stored again for a retry or as a dead letter. */
function faultsOfGroupOffsets(
  model: Model,
  plan: GroupPlan,
  view: StoredView,
  places: Places,
  { atTheEnd }: Strictness,
): string[] {
  const retryTopic = `%RETRY%${plan.group}`;
  const faults: string[] = [];
  for (const { topic, queueId, minOffset, maxOffset, records } of view.queues) {
    if (!plan.topics.includes(topic) && topic !== retryTopic) continue;
    const offset = view.offsets[`${topic}@${plan.group}`]?.[queueId] ?? 0;
    if (offset > maxOffset)
      faults.push(`group ${plan.group} is at ${offset} of ${topic}:${queueId}, which ends before ${maxOffset}`);
    if (atTheEnd && offset < minOffset)
      faults.push(`group ${plan.group} is still at ${offset} of ${topic}:${queueId}, which begins at ${minOffset}`);
    for (const record of records) {
      if (record.queueOffset >= offset || !acceptsTag(plan, record.tags)) continue;
      const id = idOf(record.body);
      const again = places
        .all(id)
        .some((other) => other.destinationGroup === plan.group && other.reconsumeTimes > record.reconsumeTimes);
      if (
        !model.isDone(plan.group, id) &&
        !model.isSkipped(plan.group, id) &&
        !model.isGone(plan.group, id) &&
        !again
      ) {
        faults.push(
          `group ${plan.group} is at ${offset} of ${topic}:${queueId}, past ${id} at ${record.queueOffset}, which it has not handled`,
        );
      }
    }
  }
  return faults;
}

/** What lies before a delay level's offset has arrived. */
function faultsOfDelayOffsets(model: Model, view: StoredView, places: Places): string[] {
  const faults: string[] = [];
  for (const { topic, queueId, records } of view.queues) {
    if (topic !== SCHEDULE_TOPIC) continue;
    const offset = view.delayOffsets[queueId + 1] ?? 0;
    for (const record of records) {
      const id = idOf(record.body);
      if (record.queueOffset >= offset || isGone(model, id)) continue;
      const target = parseProperties(record.propertiesText)[Property.REAL_TOPIC] ?? '';
      const arrived = places.of(id, target).some((other) => other.reconsumeTimes === record.reconsumeTimes);
      if (!arrived) faults.push(`delay level ${queueId + 1} is at ${offset}, past ${id}, which is not in ${target}`);
    }
  }
  return faults;
}

/** What lies before the half topic's offset is decided, or stored again behind it. */
function faultsOfHalfOffset(model: Model, view: StoredView, places: Places): string[] {
  const offset = view.offsets[`${HALF_TOPIC}@CID_RMQ_SYS_TRANS`]?.[0] ?? 0;
  const halves = view.queues.filter(({ topic }) => topic === HALF_TOPIC).flatMap(({ records }) => records);
  return halves.flatMap((half) => {
    const id = idOf(half.body);
    const sent = model.get(id);
    if (half.queueOffset >= offset || sent === undefined || isGone(model, id)) return [];
    const isDecided = sent.outcome === 'ROLLBACK' || places.of(id, sent.topic).length > 0;
    const isElsewhere =
      places.of(id, SET_ASIDE_TOPIC).length > 0 ||
      places.of(id, HALF_TOPIC).some((other) => other.queueOffset > half.queueOffset);
    return isDecided || isElsewhere ? [] : [`the half topic's offset is ${offset}, past ${id}, which is undecided`];
  });
}

/** A power cut may bring back a file that retention had removed, and what waited in there and was given up. */
function isGone(model: Model, id: string): boolean {
  return model.get(id)?.isWaitingGone === true || GROUPS.some(({ group }) => model.isGone(group, id));
}

/** What was given up is a dead letter. */
function missingDeadLetters(model: Model, { group }: GroupPlan, places: Places): string[] {
  return model
    .givenUp(group)
    .filter((id) => places.of(id, `%DLQ%${group}`).length === 0)
    .map((id) => `${id} was given up by ${group} and is not among its dead letters`);
}

function isUserTopic(topic: string): boolean {
  return (TOPICS as readonly string[]).includes(topic);
}

interface Place {
  readonly topic: string;
  readonly queueId: number;
  readonly queueOffset: number;
  readonly reconsumeTimes: number;
  /** The group whose retry or dead letter this record is, also while it waits for its delay. */
  readonly destinationGroup: string | undefined;
}

/** Where the records of each message lie. */
class Places {
  readonly #byId = new Map<string, Place[]>();

  constructor(view: StoredView) {
    for (const { topic, queueId, records } of view.queues) {
      for (const record of records) this.#add(topic, queueId, record);
    }
  }

  all(id: string): readonly Place[] {
    return this.#byId.get(id) ?? [];
  }

  of(id: string, topic: string): readonly Place[] {
    return this.all(id).filter((place) => place.topic === topic);
  }

  #add(topic: string, queueId: number, record: StoredRecord): void {
    const destination =
      topic === SCHEDULE_TOPIC ? (parseProperties(record.propertiesText)[Property.REAL_TOPIC] ?? '') : topic;
    const destinationGroup = /^%(?:RETRY|DLQ)%(.*)$/.exec(destination)?.[1];
    const { queueOffset, reconsumeTimes } = record;
    const places = this.#byId.get(idOf(record.body)) ?? [];
    places.push({ topic, queueId, queueOffset, reconsumeTimes, destinationGroup });
    this.#byId.set(idOf(record.body), places);
  }
}
