import type { ConsumeQueue } from './consume-queue.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DeletedTopics } from './deleted-topics.js';
import { isQueued } from './dispatcher.js';
import { indexTopicHash, isIndexed } from './index-keys.js';
import type { KeyIndex } from './key-index.js';
import { canBeMessage, canBeTopic } from './queue-place.js';
import { type ByteRange, ScannedRecord } from './scanned-record.js';
import type { TagsCodes } from './tags-code.js';

/** A record whose number in its queue is not above the one before it. */
export interface QueueDisorder {
  readonly topic: string;
  readonly queueId: number;
  readonly last: number;
  readonly queueOffset: number;
  readonly physicalOffset: number;
}

/** A topic of the records, found by the bytes of its name. */
class RecoveredTopic {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly indexHash: number;
  readonly isPossible: boolean;
  /** By queue id. */
  readonly queues: (RecoveredQueue | undefined)[] = [];

  constructor(name: string, nameBytes: Uint8Array, javaHash: number) {
    this.name = name;
    this.nameBytes = nameBytes;
    this.indexHash = indexTopicHash(javaHash);
    this.isPossible = canBeTopic(name);
  }
}

interface RecoveredQueue {
  readonly queue: ConsumeQueue;
  /** Of the last record. */
  lastNumber: number;
}

/**
 * Carries the records that an opening reads from the disk to the same places as the `Dispatcher` does with those that are appended later. It lives as
 * long as the opening.
 */
export class RecoveredRecords {
  readonly #queues: ConsumeQueueSet;
  readonly #keyIndex: KeyIndex | undefined;
  readonly #tagsCodes: TagsCodes;
  readonly #deletedTopics: DeletedTopics;
  readonly #record = new ScannedRecord();
  /** By the hash of the name; two names may have one. */
  readonly #topics = new Map<number, RecoveredTopic[]>();
  #lastStoreTimestampMs = 0;
  #foundGap = false;
  #firstDisorder: QueueDisorder | undefined;

  constructor(
    queues: ConsumeQueueSet,
    tagsCodes: TagsCodes,
    keyIndex: KeyIndex | undefined,
    deletedTopics: DeletedTopics,
  ) {
    this.#queues = queues;
    this.#tagsCodes = tagsCodes;
    this.#keyIndex = keyIndex;
    this.#deletedTopics = deletedTopics;
  }

  /** Store time of the last record that was carried on; 0 before there is one. */
  get lastStoreTimestampMs(): number {
    return this.#lastStoreTimestampMs;
  }

  /** True when a record was not the next one of its queue: the queue's files lack entries. */
  get foundGap(): boolean {
    return this.#foundGap;
  }

  /** The first record that can not be where it lies: it is damaged, or the one before it in its queue. */
  get firstDisorder(): QueueDisorder | undefined {
    return this.#firstDisorder;
  }

  /** The queues are about to be made again, from the first record on. */
  beginAnew(): void {
    this.#foundGap = false;
    this.#firstDisorder = undefined;
    this.#topics.clear();
  }

  /** A record for queue and index. */
  dispatch(bytes: Buffer, at: number, sizeBytes: number, physicalOffset: number): void {
    this.#record.moveTo(bytes, at);
    const topic = this.#topicOf(this.#record);
    this.#lastStoreTimestampMs = this.#record.storeTimestampMs;
    this.#enter(topic, physicalOffset);
    this.#queue(topic, sizeBytes, physicalOffset);
  }

  /** A record for its queue alone. */
  queue(bytes: Buffer, at: number, sizeBytes: number, physicalOffset: number): void {
    this.#record.moveTo(bytes, at);
    this.#queue(this.#topicOf(this.#record), sizeBytes, physicalOffset);
  }

  /** A record for the key index alone: its queue has it. */
  index(bytes: Buffer, at: number, physicalOffset: number): void {
    this.#record.moveTo(bytes, at);
    this.#enter(this.#topicOf(this.#record), physicalOffset);
  }

  #queue(topic: RecoveredTopic, sizeBytes: number, physicalOffset: number): void {
    const record = this.#record;
    if (!isQueued(record.sysFlag) || this.#deletedTopics.covers(topic.name, physicalOffset)) return;
    const { queueId, queueOffset } = record;
    if (!topic.isPossible || !canBeMessage(queueId, queueOffset, physicalOffset)) {
      this.#firstDisorder ??= { topic: topic.name, queueId, last: -1, queueOffset, physicalOffset };
      return;
    }
    const known = (topic.queues[queueId] ??= {
      queue: this.#queues.getOrCreate(topic.name, queueId),
      lastNumber: -1,
    });
    if (queueOffset > known.queue.maxIndex) this.#foundGap = true;
    // Numbers only grow; a repair leaves some out, and a topic that was deleted and made again begins anew.
    const last = known.lastNumber;
    if (queueOffset <= last && queueOffset > 0) {
      this.#firstDisorder ??= { topic: topic.name, queueId, last, queueOffset, physicalOffset };
    }
    known.lastNumber = queueOffset;
    known.queue.add(queueOffset, physicalOffset, sizeBytes, this.#tagsCodes.ofScanned(topic.name, record));
  }

  #enter(topic: RecoveredTopic, physicalOffset: number): void {
    if (this.#keyIndex === undefined || !isIndexed(this.#record.sysFlag)) return;
    this.#keyIndex.addScanned(this.#record, topic.indexHash, physicalOffset);
  }

  #topicOf({ bytes, topic }: ScannedRecord): RecoveredTopic {
    // A name has bytes of one character each: this is Java's hash of it.
    let hash = 0;
    for (let at = topic.start; at < topic.end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    let topics = this.#topics.get(hash);
    if (topics === undefined) this.#topics.set(hash, (topics = []));
    for (const known of topics) if (isAt(bytes, topic, known.nameBytes)) return known;
    const name = bytes.toString('latin1', topic.start, topic.end);
    const made = new RecoveredTopic(name, Buffer.from(bytes.subarray(topic.start, topic.end)), hash);
    topics.push(made);
    return made;
  }
}

function isAt(bytes: Uint8Array, { start, end }: ByteRange, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false;
  return true;
}
