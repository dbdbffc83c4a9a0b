import { MessageTooLargeError, NameIllegalError, StoreCorruptError, TopicBusyError } from '../../errors/index.js';
import type {
  AppendedRecord,
  AppendWaiter,
  ArrivalListener,
  MaybePromise,
  MessageStore,
  PullBatch,
  PullRequest,
  PullStatus,
  QueueEntry,
  RecordDraft,
  StoredRecord,
  SubmitRecord,
  TopicTable,
} from '../types/index.js';
import type { CommitLog } from './commit-log.js';
import { entryAt, type ConsumeQueue } from './consume-queue.js';
import { FILLER_ENTRY_SIZE } from './consume-queue-format.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DeletedTopics } from './deleted-topics.js';
import type { Dispatcher } from './dispatcher.js';
import type { EntrySource } from './entry-block.js';
import type { LogReader } from './log-reader.js';
import type { LogBlock, LogTail } from './log-tail.js';
import { canBeQueueId, canBeTopic } from './queue-place.js';
import { RecordMemory } from './record-memory.js';
import { MAX_PROPERTIES_BYTES, MAX_RECORD_BYTES, MIN_RECORD_BYTES, RecordField, statedSize } from './record-format.js';
import { StoredMessage } from './stored-message.js';
import { intoWriteQueue } from './write-queue.js';

/** Entries that one pull looks at: bounds its time when a filter lets nothing pass (`maxFilterMessageSize` / 20). */
const MAX_SCANNED_ENTRIES = 800;

/** The parts that a store is made of. */
export interface StoreParts {
  readonly log: CommitLog;
  readonly tail: LogTail;
  readonly reader: LogReader;
  readonly queues: ConsumeQueueSet;
  readonly dispatcher: Dispatcher;
  readonly deletedTopics: DeletedTopics;
  readonly topics: TopicTable;
  readonly brokerName: string;
}

/** Log and queues as one thing: what is appended to the one can be pulled from the other. */
export class LogMessageStore implements MessageStore {
  readonly #parts: StoreParts;
  /** Topics that are being made for messages that came to a topic that is not there. */
  readonly #inTheMaking = new Map<string, Promise<unknown>>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  append(draft: RecordDraft): Promise<AppendedRecord> {
    return new Promise((resolve, reject) => this.submit(draft, { onStored: resolve, onFailed: reject }));
  }

  submit(draft: RecordDraft, waiter: AppendWaiter): void {
    const { deletedTopics, queues, topics, log } = this.#parts;
    const { topic, queueId } = draft;
    const tooLarge = tooLargeError(draft);
    if (tooLarge !== undefined) waiter.onFailed(tooLarge);
    else if (deletedTopics.isClosed(topic)) waiter.onFailed(new TopicBusyError({ topic }));
    else {
      const queue = queues.get(topic, queueId);
      const isMissing = queue === undefined && topics.get(topic) === undefined;
      if (isMissing && !(canBeTopic(topic) && canBeQueueId(queueId))) waiter.onFailed(noQueueError(draft));
      else if (isMissing || (this.#inTheMaking.size > 0 && this.#inTheMaking.has(topic))) {
        this.#submitToNewTopic(draft, waiter);
      } else log.append(draft, queue ?? queues.getOrCreate(topic, queueId), waiter);
    }
  }

  onGroupClosing(listener: (add: SubmitRecord) => void): () => void {
    const { log, queues } = this.#parts;
    return log.onGroupClosing(() =>
      listener((draft, waiter) => {
        log.appendToGroup(draft, queues.getOrCreate(draft.topic, draft.queueId), waiter);
      }),
    );
  }

  pull(request: PullRequest): MaybePromise<PullBatch> {
    const queue = this.#parts.queues.get(request.topic, request.queueId);
    if (queue === undefined) return emptyBatch('NO_MATCHED_LOGIC_QUEUE', 0, 0, 0);
    const { minIndex, maxIndex } = queue;
    const { offset } = request;
    if (maxIndex === 0) return emptyBatch('NO_MESSAGE_IN_QUEUE', 0, 0, 0);
    if (offset < minIndex) return emptyBatch('OFFSET_TOO_SMALL', minIndex, minIndex, maxIndex);
    if (offset === maxIndex) return emptyBatch('OFFSET_OVERFLOW_ONE', offset, minIndex, maxIndex);
    if (offset > maxIndex) return emptyBatch('OFFSET_OVERFLOW_BADLY', maxIndex, minIndex, maxIndex);
    const gathering = new Gathering(request, minIndex, maxIndex);
    try {
      return this.#gather(queue, gathering) ? gathering.toBatch() : this.#gatherFromDisk(queue, gathering);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  entries(topic: string, queueId: number, offset: number, maxCount: number): MaybePromise<readonly QueueEntry[]> {
    return this.#parts.queues.get(topic, queueId)?.entries(offset, maxCount) ?? [];
  }

  readRecord(physicalOffset: number): MaybePromise<StoredRecord | undefined> {
    const { log, tail } = this.#parts;
    if (physicalOffset < 0 || physicalOffset + MIN_RECORD_BYTES > log.visibleOffset) return undefined;
    const block = tail.find(physicalOffset);
    if (block === undefined) return this.#readRecordFromDisk(physicalOffset);
    const sizeBytes = statedSize(block.bytes, physicalOffset - block.startOffset, block.usedBytes, physicalOffset);
    if (sizeBytes === undefined || sizeBytes < MIN_RECORD_BYTES) return undefined;
    const memory = new RecordMemory(sizeBytes);
    const at = this.#findRecord(physicalOffset, sizeBytes, memory);
    return at === undefined ? undefined : this.#message(memory.bytes, at);
  }

  queueRange(topic: string, queueId: number): { readonly minOffset: number; readonly maxOffset: number } {
    const queue = this.#parts.queues.get(topic, queueId);
    return { minOffset: queue?.minIndex ?? 0, maxOffset: queue?.maxIndex ?? 0 };
  }

  async offsetByTime(topic: string, queueId: number, timestampMs: number): Promise<number> {
    const queue = this.#parts.queues.get(topic, queueId);
    if (queue === undefined) return 0;
    return queue.search(async (entry) => {
      const memory = new RecordMemory();
      // Where messages are missing, the entry leads to the one behind them.
      const record =
        entry.sizeBytes === FILLER_ENTRY_SIZE
          ? await this.readRecord(entry.physicalOffset)
          : (this.#findEntry(queue, entry, memory) ?? (await this.#loadEntry(queue, entry, memory)));
      return record !== undefined && record.storeTimestamp >= timestampMs;
    });
  }

  onArrival(topic: string, listener: ArrivalListener): () => void {
    return this.#parts.dispatcher.onArrival(topic, listener);
  }

  syncWritten(): Promise<void> {
    return this.#parts.log.syncWritten();
  }

  /** A message that was delayed, say, and its topic has been deleted meanwhile. The topic is made anew: without one nobody could read the message. */
  #submitToNewTopic(draft: RecordDraft, waiter: AppendWaiter): void {
    const { topics } = this.#parts;
    const { topic, queueId } = draft;
    let made = this.#inTheMaking.get(topic);
    if (made === undefined) {
      made = Promise.resolve(topics.ensure(topic, queueId + 1));
      this.#inTheMaking.set(topic, made);
      // In one go with the appends that wait, so that none that comes later overtakes them.
      const clear = (): unknown => this.#inTheMaking.delete(topic);
      made.then(clear, clear);
    }
    made.then(
      // It was made for the first that came, and need not have the queue of this one.
      () => this.submit(intoWriteQueue(draft, topics), waiter),
      (error: unknown) => waiter.onFailed(error),
    );
  }

  /** @returns true when the batch is complete, false when the disk has to be asked for what comes next */
  #gather(queue: ConsumeQueue, gathering: Gathering): boolean {
    while (gathering.wantsMore()) {
      const index = gathering.nextOffset;
      const entries = queue.entriesFrom(index);
      if (entries === undefined) return false;
      if (gathering.skips(entries.tagsCode(index))) continue;
      const sizeBytes = entries.sizeBytes(index);
      if (sizeBytes === FILLER_ENTRY_SIZE) {
        gathering.skipRemoved();
        continue;
      }
      if (!gathering.hasRoomFor(sizeBytes)) return true;
      const block = entries.isOwn ? this.#parts.tail.find(entries.physicalOffset(index)) : undefined;
      if (block !== undefined) this.#takeFromTail(queue, gathering, entries, block);
      else if (!this.#takeChecked(queue, gathering, entries)) return false;
    }
    return true;
  }

  /** This process has written both the entry and the record, so they are right. */
  #takeFromTail(queue: ConsumeQueue, gathering: Gathering, entries: EntrySource, block: LogBlock): void {
    const index = gathering.nextOffset;
    const at = entries.physicalOffset(index) - block.startOffset;
    // What the selector does not want need not be copied.
    if (gathering.looksAtMessages && !gathering.accepts(this.#message(block.bytes, at, queue.topic))) return;
    const sizeBytes = entries.sizeBytes(index);
    const memory = gathering.memoryFor(entries);
    const copyAt = memory.put(block.bytes, at, sizeBytes);
    gathering.take(this.#message(memory.bytes, copyAt, queue.topic), sizeBytes);
  }

  /** @returns false when the record has to be read from the disk */
  #takeChecked(queue: ConsumeQueue, gathering: Gathering, entries: EntrySource): boolean {
    const entry = entryAt(entries, gathering.nextOffset);
    const record = this.#findEntry(queue, entry, gathering.memoryFor(entries));
    if (record === undefined) return false;
    if (gathering.accepts(record)) gathering.take(record, entry.sizeBytes);
    return true;
  }

  #message(bytes: Buffer, at: number, knownTopic?: string): StoredMessage {
    return new StoredMessage(bytes, at, this.#parts.brokerName, knownTopic);
  }

  /** Most records lie in what is read for the first one, so that the disk is asked seldom. */
  async #gatherFromDisk(queue: ConsumeQueue, gathering: Gathering): Promise<PullBatch> {
    do {
      const entries = queue.entriesFrom(gathering.nextOffset);
      if (entries !== undefined) await this.#takeFromDisk(queue, gathering, entries);
      else if (!(await queue.load(gathering.nextOffset))) break;
    } while (!this.#gather(queue, gathering));
    return gathering.toBatch();
  }

  async #takeFromDisk(queue: ConsumeQueue, gathering: Gathering, entries: EntrySource): Promise<void> {
    const entry = entryAt(entries, gathering.nextOffset);
    const record = await this.#loadEntry(queue, entry, gathering.memoryFor(entries));
    if (record === undefined) gathering.skipRemoved();
    else if (gathering.accepts(record)) gathering.take(record, entry.sizeBytes);
  }

  /**
   * The message that an entry of a queue leads to; undefined when it has to be read from the disk.
   *
   * @throws StoreCorruptError the record or the entry is damaged. An entry has no checksum: what it leads to must be of this queue, or nobody may see it.
   */
  #findEntry(queue: ConsumeQueue, entry: QueueEntry, memory: RecordMemory): StoredMessage | undefined {
    let at: number | undefined;
    try {
      at = this.#findRecord(entry.physicalOffset, entry.sizeBytes, memory);
    } catch (error) {
      throw blamedOn(queue, entry, error);
    }
    return at === undefined ? undefined : this.#checked(queue, entry, memory, at);
  }

  /** The same from the disk; undefined when retention has removed it. */
  async #loadEntry(queue: ConsumeQueue, entry: QueueEntry, memory: RecordMemory): Promise<StoredMessage | undefined> {
    let at: number | undefined;
    try {
      at = await this.#loadRecord(entry.physicalOffset, entry.sizeBytes, memory);
    } catch (error) {
      throw blamedOn(queue, entry, error);
    }
    if (at === undefined && this.#parts.reader.isBeforeLog(entry.physicalOffset)) return undefined;
    return this.#checked(queue, entry, memory, at);
  }

  #checked(queue: ConsumeQueue, entry: QueueEntry, memory: RecordMemory, at: number | undefined): StoredMessage {
    const { queueOffset, physicalOffset } = entry;
    const message = at === undefined ? undefined : this.#message(memory.bytes, at);
    if (message !== undefined && isAt(message, queue, queueOffset)) return message;
    const { file, offset } = this.#parts.reader.placeOf(physicalOffset);
    const found =
      message === undefined
        ? 'to where the log has nothing'
        : `to a message that says it is of another place, at byte ${offset} of "${file}"`;
    throw new StoreCorruptError({ ...queue.placeOf(queueOffset), reason: `entry ${queueOffset} leads ${found}` });
  }

  /** Copies a record that needs no disk, and returns where it begins in `memory`. */
  #findRecord(physicalOffset: number, sizeBytes: number, memory: RecordMemory): number | undefined {
    const block = this.#parts.tail.find(physicalOffset);
    if (block === undefined) return this.#parts.reader.find(physicalOffset, sizeBytes, memory);
    const at = physicalOffset - block.startOffset;
    // A damaged entry may say anything: then the disk is read, where each record is checked.
    const isWhole = at + sizeBytes <= block.usedBytes && block.view.getInt32(at + RecordField.TOTAL_SIZE) === sizeBytes;
    return isWhole ? memory.put(block.bytes, at, sizeBytes) : undefined;
  }

  #loadRecord(physicalOffset: number, sizeBytes: number, memory: RecordMemory): Promise<number | undefined> {
    const { log, reader } = this.#parts;
    return reader.read(physicalOffset, sizeBytes, log.visibleOffset, memory);
  }

  /** At an offset that comes from outside: undefined when no record can be there. */
  async #readRecordFromDisk(physicalOffset: number): Promise<StoredRecord | undefined> {
    const sizeBytes = await this.#parts.reader.sizeOfRecord(physicalOffset);
    if (sizeBytes === undefined || sizeBytes < MIN_RECORD_BYTES) return undefined;
    const memory = new RecordMemory(sizeBytes);
    const at = await this.#loadRecord(physicalOffset, sizeBytes, memory);
    return at === undefined ? undefined : this.#message(memory.bytes, at);
  }
}

/** A pull on its way: where it is, what it has, and whether it is to go on. */
class Gathering {
  nextOffset: number;
  /** Of its messages, from the first that is looked at. */
  #memory: RecordMemory | undefined;
  readonly #request: PullRequest;
  readonly #minIndex: number;
  readonly #maxIndex: number;
  readonly #endOffset: number;
  readonly #messages: StoredRecord[] = [];
  #bytes = 0;
  #removed = false;

  constructor(request: PullRequest, minIndex: number, maxIndex: number) {
    this.#request = request;
    this.#minIndex = minIndex;
    this.#maxIndex = maxIndex;
    this.nextOffset = request.offset;
    this.#endOffset = Math.min(maxIndex, request.offset + Math.max(MAX_SCANNED_ENTRIES, request.maxCount));
  }

  wantsMore(): boolean {
    return this.nextOffset < this.#endOffset && this.#messages.length < this.#request.maxCount;
  }

  skips(tagsCode: number): boolean {
    if (this.#request.acceptsTagsCode === undefined || this.#request.acceptsTagsCode(tagsCode)) return false;
    this.nextOffset++;
    return true;
  }

  /** The first message always fits. */
  hasRoomFor(sizeBytes: number): boolean {
    return this.#messages.length === 0 || this.#bytes + sizeBytes <= this.#request.maxBytes;
  }

  /** What the next message is copied into. @param entries hold its entry */
  memoryFor(entries: EntrySource): RecordMemory {
    this.#memory ??= new RecordMemory(this.#expectedBytes(entries));
    return this.#memory;
  }

  /** The selector has to see messages, and not only their entries. */
  get looksAtMessages(): boolean {
    return this.#request.accepts !== undefined;
  }

  /** What the selector does not want is passed over. */
  accepts(message: StoredMessage): boolean {
    if (this.#request.accepts === undefined || this.#request.accepts(message)) return true;
    this.nextOffset++;
    return false;
  }

  take(message: StoredMessage, sizeBytes: number): void {
    this.nextOffset++;
    this.#messages.push(message);
    this.#bytes += sizeBytes;
  }

  skipRemoved(): void {
    this.nextOffset++;
    this.#removed = true;
  }

  /** Bytes of all messages that the answer will have; 0 where a selector decides that. */
  #expectedBytes(entries: EntrySource): number {
    const { acceptsTagsCode, accepts, maxCount, maxBytes } = this.#request;
    if (acceptsTagsCode !== undefined || accepts !== undefined) return 0;
    const count = Math.min(this.#endOffset - this.nextOffset, maxCount);
    return Math.min(entries.sizeOf(this.nextOffset, count), maxBytes);
  }

  toBatch(): PullBatch {
    let status: PullStatus = 'FOUND';
    if (this.#messages.length === 0) status = this.#removed ? 'MESSAGE_WAS_REMOVING' : 'NO_MATCHED_MESSAGE';
    return {
      status,
      messages: this.#messages,
      nextOffset: this.nextOffset,
      minOffset: this.#minIndex,
      maxOffset: this.#maxIndex,
    };
  }
}

function emptyBatch(status: PullStatus, nextOffset: number, minOffset: number, maxOffset: number): PullBatch {
  return { status, messages: [], nextOffset, minOffset, maxOffset };
}

/** The last line of defence: lengths that the record's fields can't hold would make a record that nobody can read. */
function tooLargeError(draft: RecordDraft): MessageTooLargeError | undefined {
  const propertiesBytes = draft.properties.length;
  // A UTF-16 unit has at most three bytes in UTF-8, so most texts need not be measured.
  if (propertiesBytes * 3 > MAX_PROPERTIES_BYTES) {
    const sizeBytes = Buffer.byteLength(draft.properties);
    if (sizeBytes > MAX_PROPERTIES_BYTES) {
      return new MessageTooLargeError({ field: 'properties', sizeBytes, limitBytes: MAX_PROPERTIES_BYTES });
    }
  }
  const limitBytes = MAX_RECORD_BYTES - MAX_PROPERTIES_BYTES - MIN_RECORD_BYTES - 512;
  if (draft.body.length <= limitBytes) return undefined;
  return new MessageTooLargeError({ field: 'body', sizeBytes: draft.body.length, limitBytes });
}

/** Who sends is told before. This is for what records of the disk name: such a topic would lie outside of the store, or have more queues than there is memory. */
function noQueueError({ topic, queueId }: RecordDraft): NameIllegalError {
  return new NameIllegalError({ kind: 'topic', name: topic, reason: `it can not have a queue ${queueId}` });
}

/** Either of the two may be the damaged one: the record, or the entry that leads there. */
function blamedOn(queue: ConsumeQueue, { queueOffset }: QueueEntry, error: unknown): unknown {
  if (!(error instanceof StoreCorruptError)) return error;
  const { file, offset } = queue.placeOf(queueOffset);
  const fields = error.fields as { file: string; offset: number; reason: string };
  const reason = `${fields.reason} (entry ${queueOffset} leads there, at byte ${offset} of "${file}")`;
  return new StoreCorruptError({ ...fields, reason }, error);
}

/** Queues of light messages (`%LMQ%`) lead to messages of other topics. */
function isAt(message: StoredMessage, { topic, queueId }: ConsumeQueue, queueOffset: number): boolean {
  if (topic.startsWith('%LMQ%')) return true;
  return message.queueOffset === queueOffset && message.queueId === queueId && message.storedTopic === topic;
}
