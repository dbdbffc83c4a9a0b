// The judge: what the journal says was promised and done, and what of it does not hold.
import { closeSync, openSync, readSync } from 'node:fs';
import { bodyOf, GROUPS, isDeadLetter, isLarge, numberOf, outcomeOf, TOPICS } from './plan.mjs';

const USER_TOPICS = Object.values(TOPICS);
const MOST_FAULTS = 50;

export class Ledger {
  faults = [];
  counts = { sent: 0, acknowledged: 0, recalled: 0, deliveries: 0, repeats: 0, deadLetters: 0 };
  #messages = new Map();
  #done = new Map(Object.keys(GROUPS).map((group) => [group, new Set()]));
  #givenUp = new Set();
  /** Places of which the orderly group has had the message, and is done with it. */
  #orderlySeen = new Set();
  #orderlyDone = new Set();
  #journalPath;
  #readBytes = 0;

  constructor(journalPath) {
    this.#journalPath = journalPath;
  }

  fault(text) {
    if (this.faults.length < MOST_FAULTS) this.faults.push(text);
  }

  /** Takes in what has been noted since the last time. Not while somebody writes. */
  readOn() {
    for (const [event, facts] of this.#newLines()) this.#take(event, facts);
  }

  /** Messages that still have to be handled, as `group: number`. */
  owed() {
    const owed = [];
    for (const message of this.#messages.values()) {
      if (!isPromised(message)) continue;
      for (const [group, { topics }] of Object.entries(GROUPS)) {
        const { number, topic } = message;
        if (!topics.includes(topic) || this.#done.get(group).has(number)) continue;
        if (group === 'all' && this.#givenUp.has(number)) continue;
        owed.push(`${group}: ${number} (${message.kind})`);
      }
    }
    return owed;
  }

  /** @param queues what the store holds: `{ topic, queueId, firstOffset, records }` */
  checkStore(queues) {
    const places = new Map();
    for (const { topic, queueId, firstOffset, records } of queues) {
      let expected = firstOffset;
      let last = -1;
      for (const record of records) {
        const number = numberOf(record.body);
        const what = `${number} in queue ${queueId} of ${topic} at ${record.queueOffset}`;
        if (record.queueOffset !== expected) this.fault(`${what} where ${expected} is expected`);
        expected = record.queueOffset + 1;
        if (!USER_TOPICS.includes(topic)) continue;
        places.set(`${topic} ${queueId} ${record.queueOffset}`, number);
        const message = this.#messages.get(number);
        if (message === undefined) {
          this.fault(`${what} was never sent`);
          continue;
        }
        if (!record.body.equals(bodyOf(number))) this.fault(`${what} has another body`);
        if (message.topic !== topic) this.fault(`${what} was sent to ${message.topic}`);
        if (record.storeTimestamp < message.dueMs) this.fault(`${what} came early`);
        this.#checkVisible(message, what);
        // A large body is compressed first, and meanwhile others that nobody waited for go by.
        if ((isPlaced(message) || message.kind === 'careless') && !isLarge(number)) {
          if (number <= last) this.fault(`${what} lies behind ${last}`);
          last = number;
        }
      }
    }
    for (const message of this.#messages.values()) {
      if (!isPlaced(message) || message.queueId === undefined) continue;
      const { number, topic, queueId, queueOffset } = message;
      if (places.get(`${topic} ${queueId} ${queueOffset}`) !== number) {
        this.fault(`${number} was acknowledged in queue ${queueId} of ${topic} at ${queueOffset} and is not there`);
      }
    }
  }

  checkDeadLetters(queues) {
    const dead = queues.filter(({ topic }) => topic === '%DLQ%all').flatMap(({ records }) => records);
    const numbers = new Set(dead.map(({ body }) => numberOf(body)));
    this.counts.deadLetters = numbers.size;
    for (const number of this.#givenUp) {
      if (!numbers.has(number)) this.fault(`${number} was given up and is not among the dead letters`);
    }
    for (const number of numbers) {
      if (!isDeadLetter(number)) this.fault(`${number} is among the dead letters, and nobody gave it up`);
    }
  }

  /** Some acknowledged messages with a key of their own, which the index must find. */
  sampleOfKeys(count) {
    const singles = [...this.#messages.values()].filter(
      ({ kind, queueId }) => kind === 'single' && queueId !== undefined,
    );
    return singles.filter((_, index) => index % Math.max(1, Math.floor(singles.length / count)) === 0);
  }

  #take(event, facts) {
    const message = this.#messages.get(facts.number);
    switch (event) {
      case 'sending':
        this.counts.sent += 1;
        this.#messages.set(facts.number, { ...facts, isAcknowledged: false, recall: 'none' });
        return;
      case 'acknowledged':
        this.counts.acknowledged += 1;
        Object.assign(message, { isAcknowledged: true, queueId: facts.queueId, queueOffset: facts.queueOffset });
        return;
      case 'recalling':
      case 'too late':
      case 'recalled':
        message.recall = event;
        if (event === 'recalled') this.counts.recalled += 1;
        return;
      case 'seen':
        this.#takeDelivery(facts, message);
        return;
      case 'done':
        if (this.#done.get(facts.group).has(facts.number)) this.counts.repeats += 1;
        this.#done.get(facts.group).add(facts.number);
        if (facts.group === 'in-order') this.#orderlyDone.add(facts.place);
        return;
      case 'given up':
        this.#givenUp.add(facts.number);
        return;
      case 'fault':
        this.fault(facts.what);
        return;
      default:
    }
  }

  #takeDelivery({ group, number, topic, place, nowMs }, message) {
    this.counts.deliveries += 1;
    const what = `group ${group} got ${number} (${place})`;
    if (message === undefined) return this.fault(`${what}, which nobody sent`);
    if (topic !== message.topic) this.fault(`${what} as of topic ${topic}, not ${message.topic}`);
    if (nowMs < message.dueMs) this.fault(`${what} ${message.dueMs - nowMs} ms early`);
    this.#checkVisible(message, what);
    if (group === 'in-order') this.#checkOrder(place, what);
  }

  #checkVisible({ kind, number, recall }, what) {
    if (kind === 'transaction' && outcomeOf(number) === 'ROLLBACK') this.fault(`${what} was not committed`);
    if (recall === 'recalled') this.fault(`${what} was recalled`);
  }

  /** A message of an orderly queue comes only when the one before it is done. */
  #checkOrder(place, what) {
    if (this.#orderlySeen.has(place)) return;
    this.#orderlySeen.add(place);
    const [topic, queueId, offset] = place.split(' ');
    const before = `${topic} ${queueId} ${Number(offset) - 1}`;
    if (offset !== '0' && !this.#orderlyDone.has(before)) this.fault(`${what} before ${before} was done`);
  }

  *#newLines() {
    const file = openSync(this.#journalPath, 'a+');
    try {
      const block = Buffer.alloc(1 << 20);
      let rest = Buffer.alloc(0);
      for (;;) {
        const readBytes = readSync(file, block, 0, block.length, this.#readBytes);
        if (readBytes === 0) break;
        this.#readBytes += readBytes;
        const lines = Buffer.concat([rest, block.subarray(0, readBytes)]);
        const end = lines.lastIndexOf(0x0a) + 1;
        rest = Buffer.from(lines.subarray(end));
        for (const line of lines.subarray(0, end).toString('utf8').split('\n')) if (line !== '') yield JSON.parse(line);
      }
      // The last line of somebody who still writes.
      this.#readBytes -= rest.length;
    } finally {
      closeSync(file);
    }
  }
}

/** Was stored where its acknowledgement says. */
function isPlaced({ kind }) {
  return kind === 'single' || kind === 'batch';
}

/** It was promised that it will be handled. */
function isPromised({ kind, number, isAcknowledged, recall }) {
  if (!isAcknowledged || kind === 'careless') return false;
  if (recall === 'recalling' || recall === 'recalled') return false;
  return kind !== 'transaction' || outcomeOf(number) === 'COMMIT';
}
