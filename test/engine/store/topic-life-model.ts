import assert from 'node:assert/strict';

export const QUEUE_IDS = [0, 1] as const;

/** Where a message lies: in its queue, and in the log. */
export interface Place {
  readonly queueId: number;
  readonly queueOffset: number;
  readonly physicalOffset: number;
}

/** What can be read of a topic. */
export interface TopicView {
  /** Beginning of the log: what lies before it has expired. */
  readonly logBegin: number;
  readonly messages: readonly { readonly id: string; readonly place: Place }[];
  /** One past the last number of each queue. */
  readonly maxOffsets: ReadonlyMap<number, number>;
  /** What the key index leads to. */
  readonly idsByKey: readonly string[];
  /** What groups have noted of the topic: the number of its life. */
  readonly note: number | undefined;
}

interface SentMessage {
  readonly queueId: number;
  /** Undefined: nobody has heard that it is stored. */
  place: Place | undefined;
  /** A power cut takes it no more. */
  isSynced: boolean;
  /** There was a power cut, and it may have been taken. */
  isAtRisk: boolean;
}

/** One topic, from its making to its deletion. Later ones may have the same name. */
export class TopicLife {
  readonly topic: string;
  readonly number: number;
  /** False: it is being made, or that has failed. */
  wasThere = false;
  readonly #messages = new Map<string, SentMessage>();
  /** Who got which number of a queue. Messages that have expired keep theirs. */
  readonly #owners = new Map<number, Map<number, string>>(QUEUE_IDS.map((queueId) => [queueId, new Map()]));
  #sent = 0;

  constructor(topic: string, number: number) {
    this.topic = topic;
    this.number = number;
  }

  get physicalOffsets(): readonly number[] {
    return this.#placed().map(({ place }) => place.physicalOffset);
  }

  /** @returns the id of a message that is about to be sent */
  send(queueId: number): string {
    const id = `${this.topic}:${this.number}:${this.#sent++}`;
    this.#messages.set(id, { queueId, place: undefined, isSynced: false, isAtRisk: false });
    return id;
  }

  /** Somebody has heard, or seen, that a message is stored. */
  stored(id: string, place: Place, isSynced: boolean): void {
    const message = this.#messages.get(id);
    assert(message !== undefined, `${id} is in life ${this.number} of topic ${this.topic}, and does not belong there`);
    assert.equal(place.queueId, message.queueId, `the queue of ${id}`);
    if (message.place !== undefined) assert.deepEqual(place, message.place, `the place of ${id}`);
    const owners = this.#owners.get(place.queueId)!;
    const owner = owners.get(place.queueOffset) ?? id;
    assert.equal(owner, id, `number ${place.queueOffset} of ${this.topic}/${place.queueId} was given out twice`);
    owners.set(place.queueOffset, id);
    message.place = place;
    message.isSynced ||= isSynced;
  }

  /** All that is stored so far is on the disk. */
  synced(): void {
    for (const { message } of this.#placed()) message.isSynced = true;
  }

  powerCut(): void {
    for (const { message } of this.#placed()) message.isAtRisk ||= !message.isSynced;
  }

  /** A crash takes nothing but the end of the log, and what it has taken may give its numbers back. */
  opened(logEnd: number): void {
    for (const { id, message, place } of this.#placed()) {
      if (message.isAtRisk && place.physicalOffset >= logEnd) {
        this.#messages.delete(id);
        this.#owners.get(place.queueId)!.delete(place.queueOffset);
      }
      message.isAtRisk = false;
      message.isSynced = true;
    }
  }

  /** All that can be read was sent to this topic, and all that is stored can be read. */
  check({ logBegin, messages, maxOffsets, idsByKey, note }: TopicView, isSynced: boolean): void {
    for (const { id, place } of messages) this.stored(id, place, isSynced);
    const seen = new Set(messages.map(({ id }) => id));
    assert.equal(seen.size, messages.length, `messages of ${this.topic} that can be read twice`);
    const missing = this.#placed()
      .filter(({ id, place }) => place.physicalOffset >= logBegin && !seen.has(id))
      .map(({ id, place }) => `${id} at ${place.physicalOffset}`);
    assert.equal(
      missing.join(),
      '',
      `stored messages of ${this.topic} that can not be read, of a log from ${logBegin} on`,
    );
    for (const [queueId, owners] of this.#owners) {
      const next = Math.max(-1, ...owners.keys()) + 1;
      assert(maxOffsets.get(queueId)! >= next, `queue ${this.topic}/${queueId} ends before ${next}, which comes next`);
    }
    for (const id of idsByKey) assert(this.#messages.has(id), `${id} is found by its key, and does not belong there`);
    if (note !== undefined) assert.equal(note, this.number, `the life of topic ${this.topic} that a note is about`);
  }

  /** What is not there when the store opens does not come later. */
  keepOnly({ messages }: TopicView): void {
    const seen = new Set(messages.map(({ id }) => id));
    for (const id of this.#messages.keys()) if (!seen.has(id)) this.#messages.delete(id);
  }

  #placed(): readonly { readonly id: string; readonly message: SentMessage; readonly place: Place }[] {
    return [...this.#messages].flatMap(([id, message]) =>
      message.place === undefined ? [] : [{ id, message, place: message.place }],
    );
  }
}

/** A name, under which there are topics one after the other. */
export class NamedTopic {
  readonly name: string;
  /** `unsure`: a call is under way, or was cut off by a crash, or has failed; then both may be. */
  state: 'there' | 'gone' | 'unsure' = 'gone';
  life: TopicLife;
  /** Where the log holds messages of earlier topics of the name. */
  #deletedOffsets: readonly number[] = [];

  constructor(name: string) {
    this.name = name;
    this.life = new TopicLife(name, 0);
  }

  /** Its deletion has begun, and nobody has heard of its end. */
  get mayBeDeleted(): boolean {
    return this.state === 'unsure' && this.life.wasThere;
  }

  beginMaking(): TopicLife {
    this.life = new TopicLife(this.name, this.life.number + 1);
    this.state = 'unsure';
    return this.life;
  }

  beginDeletion(): TopicLife {
    this.state = 'unsure';
    return this.life;
  }

  made(): void {
    this.state = 'there';
    this.life.wasThere = true;
  }

  deleted(): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    this.#deletedOffsets = [...this.#deletedOffsets, ...this.life.physicalOffsets];
  }

  /** The store says whether the topic is there, and no call is under way that could change it. */
  found(isThere: boolean): void {
    if (this.state === 'unsure' && isThere) this.made();
    else if (this.state === 'unsure') this.deleted();
    assert.equal(isThere ? 'there' : 'gone', this.state, `topic ${this.name}`);
  }

  /** @param isOfDeletedTopic what the store says of a place in the log */
  check(view: TopicView, isSynced: boolean, isOfDeletedTopic: (physicalOffset: number) => boolean): void {
    if (this.state === 'there') this.life.check(view, isSynced);
    else this.#checkGone(view);
    const taken = view.messages.filter(({ place }) => isOfDeletedTopic(place.physicalOffset)).map(({ id }) => id);
    assert.equal(taken.join(), '', `messages of topic ${this.name}, which is there, that count as deleted`);
    this.#deletedOffsets = this.#deletedOffsets.filter((offset) => offset >= view.logBegin);
    const back = this.#deletedOffsets.filter((offset) => !isOfDeletedTopic(offset));
    assert.equal(back.join(), '', `places of messages of earlier topics ${this.name} that do not count as deleted`);
  }

  #checkGone({ maxOffsets, idsByKey, note }: TopicView): void {
    const numbers = [...maxOffsets.values()];
    assert.deepEqual([numbers, idsByKey, note], [[0, 0], [], undefined], `what is left of topic ${this.name}`);
  }
}
