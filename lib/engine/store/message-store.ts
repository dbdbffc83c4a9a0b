import { MessageTooLargeError, StoreCorruptError, TopicBusyError } from '../../errors/index.js';
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
  TopicTable,
} from '../types/index.js';
import type { CommitLog } from './commit-log.js';
import type { ConsumeQueue } from './consume-queue.js';
import { FILLER_ENTRY_SIZE } from './consume-queue-format.js';
import type { ConsumeQueueSet } from './consume-queue-set.js';
import type { DeletedTopics } from './deleted-topics.js';
import type { Dispatcher } from './dispatcher.js';
import type { LogReader, RecordBytes } from './log-reader.js';
import type { LogTail } from './log-tail.js';
import { MAX_PROPERTIES_BYTES, MAX_RECORD_BYTES, MIN_RECORD_BYTES, RecordField } from './record-format.js';
import { StoredMessage } from './stored-message.js';

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
      if (isMissing || (this.#inTheMaking.size > 0 && this.#inTheMaking.has(topic))) {
        this.#submitToNewTopic(draft, waiter);
      } else log.append(draft, queue ?? queues.getOrCreate(topic, queueId), waiter);
    }
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
    return this.#gatherFromMemory(queue, gathering) ? gathering.toBatch() : this.#gatherFromDisk(queue, gathering);
  }

  entries(topic: string, queueId: number, offset: number, maxCount: number): MaybePromise<readonly QueueEntry[]> {
    return this.#parts.queues.get(topic, queueId)?.entries(offset, maxCount) ?? [];
  }

  async readRecord(physicalOffset: number): Promise<StoredRecord | undefined> {
    const head = await this.#recordHead(physicalOffset);
    if (head === undefined) return undefined;
    const record = await this.#readRecordBytes(physicalOffset, head);
    return record && new StoredMessage(record.bytes, record.at, this.#parts.brokerName);
  }

  queueRange(topic: string, queueId: number): { readonly minOffset: number; readonly maxOffset: number } {
    const queue = this.#parts.queues.get(topic, queueId);
    return { minOffset: queue?.minIndex ?? 0, maxOffset: queue?.maxIndex ?? 0 };
  }

  async offsetByTime(topic: string, queueId: number, timestampMs: number): Promise<number> {
    const queue = this.#parts.queues.get(topic, queueId);
    if (queue === undefined) return 0;
    return queue.search(async (entry) => {
      const record = await this.#readEntry(queue, entry);
      return record !== undefined && record.storeTimestamp >= timestampMs;
    });
  }

  onArrival(topic: string, listener: ArrivalListener): () => void {
    return this.#parts.dispatcher.onArrival(topic, listener);
  }

  /** A message that was delayed, say, and its topic has been deleted meanwhile. The topic is made anew: without one nobody could read the message. */
  #submitToNewTopic(draft: RecordDraft, waiter: AppendWaiter): void {
    const { queues, topics, log } = this.#parts;
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
      () => log.append(draft, queues.getOrCreate(topic, queueId), waiter),
      (error: unknown) => waiter.onFailed(error),
    );
  }

  /** @returns true when the batch is complete, false when it goes on with what only the disk has */
  #gatherFromMemory(queue: ConsumeQueue, gathering: Gathering): boolean {
    while (gathering.wantsMore()) {
      const index = gathering.nextOffset;
      const ring = queue.ringWith(index);
      if (ring === undefined) return false;
      if (gathering.skips(ring.tagsCode(index))) continue;
      const physicalOffset = ring.physicalOffset(index);
      const sizeBytes = ring.sizeBytes(index);
      if (sizeBytes === FILLER_ENTRY_SIZE) {
        gathering.skipRemoved();
        continue;
      }
      if (!gathering.hasRoomFor(sizeBytes)) return true;
      const block = this.#parts.tail.find(physicalOffset);
      if (block === undefined) return false;
      const at = physicalOffset - block.startOffset;
      gathering.take(new StoredMessage(block.bytes, at, this.#parts.brokerName, queue.topic));
    }
    return true;
  }

  async #gatherFromDisk(queue: ConsumeQueue, gathering: Gathering): Promise<PullBatch> {
    while (gathering.wantsMore()) {
      const entries = await queue.entries(gathering.nextOffset, gathering.rest());
      if (entries.length === 0) break;
      for (const entry of entries) {
        if (!gathering.wantsMore()) break;
        if (gathering.skips(entry.tagsCode)) continue;
        if (entry.sizeBytes === FILLER_ENTRY_SIZE) {
          gathering.skipRemoved();
          continue;
        }
        if (!gathering.hasRoomFor(entry.sizeBytes)) return gathering.toBatch();
        const record = await this.#readEntry(queue, entry);
        if (record === undefined) gathering.skipRemoved();
        else gathering.take(record);
      }
    }
    return gathering.toBatch();
  }

  /**
   * The message that an entry of a queue leads to; undefined when retention has removed it.
   *
   * @throws StoreCorruptError the record or the entry is damaged. An entry has no checksum: what it leads to must be of this queue, or nobody may see it.
   */
  async #readEntry(queue: ConsumeQueue, entry: QueueEntry): Promise<StoredMessage | undefined> {
    const { queueOffset, physicalOffset } = entry;
    const record = await this.#bytesOfEntry(queue, entry);
    if (record === undefined && this.#parts.reader.isBeforeLog(physicalOffset)) return undefined;
    const message = record && new StoredMessage(record.bytes, record.at, this.#parts.brokerName);
    if (message !== undefined && isAt(message, queue, queueOffset)) return message;
    const { file, offset } = this.#parts.reader.placeOf(physicalOffset);
    const found =
      message === undefined
        ? 'to where the log has nothing'
        : `to a message that says it is of another place, at byte ${offset} of "${file}"`;
    throw new StoreCorruptError({ ...queue.placeOf(queueOffset), reason: `entry ${queueOffset} leads ${found}` });
  }

  async #bytesOfEntry(queue: ConsumeQueue, entry: QueueEntry): Promise<RecordBytes | undefined> {
    const { queueOffset, physicalOffset, sizeBytes } = entry;
    try {
      return this.#findRecord(physicalOffset, sizeBytes) ?? (await this.#readRecordBytes(physicalOffset, sizeBytes));
    } catch (error) {
      if (!(error instanceof StoreCorruptError)) throw error;
      // Either of the two may be the damaged one.
      const { file, offset } = queue.placeOf(queueOffset);
      const fields = error.fields as { file: string; offset: number; reason: string };
      const reason = `${fields.reason} (entry ${queueOffset} leads there, at byte ${offset} of "${file}")`;
      throw new StoreCorruptError({ ...fields, reason }, error);
    }
  }

  #findRecord(physicalOffset: number, sizeBytes: number): RecordBytes | undefined {
    const block = this.#parts.tail.find(physicalOffset);
    if (block !== undefined) return { bytes: block.bytes, at: physicalOffset - block.startOffset };
    return this.#parts.reader.find(physicalOffset, sizeBytes);
  }

  async #readRecordBytes(physicalOffset: number, sizeBytes: number): Promise<RecordBytes | undefined> {
    const { log, reader } = this.#parts;
    if (sizeBytes === FILLER_ENTRY_SIZE) return undefined;
    return (
      this.#findRecord(physicalOffset, sizeBytes) ?? (await reader.read(physicalOffset, sizeBytes, log.visibleOffset))
    );
  }

  /** Size of the record at an offset that comes from outside; undefined when no record can be there. */
  async #recordHead(physicalOffset: number): Promise<number | undefined> {
    const { log, tail, reader } = this.#parts;
    if (physicalOffset < 0 || physicalOffset + MIN_RECORD_BYTES > log.visibleOffset) return undefined;
    const block = tail.find(physicalOffset);
    const sizeBytes =
      block === undefined
        ? await reader.sizeOfRecord(physicalOffset)
        : block.bytes.readInt32BE(physicalOffset - block.startOffset + RecordField.TOTAL_SIZE);
    return sizeBytes !== undefined && sizeBytes >= MIN_RECORD_BYTES ? sizeBytes : undefined;
  }
}

/** A pull on its way: where it is, what it has, and whether it is to go on. */
class Gathering {
  nextOffset: number;
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

  rest(): number {
    return this.#endOffset - this.nextOffset;
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

  take(message: StoredMessage): void {
    this.nextOffset++;
    if (this.#request.accepts !== undefined && !this.#request.accepts(message)) return;
    this.#messages.push(message);
    this.#bytes += message.storeSize;
  }

  skipRemoved(): void {
    this.nextOffset++;
    this.#removed = true;
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

/** Queues of light messages (`%LMQ%`) lead to messages of other topics. */
function isAt(message: StoredMessage, { topic, queueId }: ConsumeQueue, queueOffset: number): boolean {
  if (topic.startsWith('%LMQ%')) return true;
  return message.queueOffset === queueOffset && message.queueId === queueId && message.storedTopic === topic;
}
