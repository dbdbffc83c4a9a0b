import { messageOf } from '../errors/thrown.js';
import {
  FILLER_ENTRY_SIZE,
  QUEUE_ENTRY_BYTES,
  readEntryOffset,
  readEntrySize,
  readEntryTagsCode,
} from '../engine/store/consume-queue-format.js';
import { isQueued } from '../engine/store/dispatcher.js';
import type { FilePool } from '../engine/store/file-pool.js';
import { SegmentFiles } from '../engine/store/segment-files.js';
import type { StoredMessage } from '../engine/store/stored-message.js';
import { TagsCodes } from '../engine/store/tags-code.js';
import { SCHEDULE_TOPIC, type FileSystem } from '../engine/types/index.js';
import type { Faults } from './faults.js';
import { subdirectories } from './store-shape.js';

/** What is known of a store before its queues are looked at. */
export interface QueueSurroundings {
  readonly directory: string;
  readonly fileBytes: number;
  readonly fileSystem: FileSystem;
  readonly pool: FilePool;
  readonly faults: Faults;
  /** Where the log begins. */
  readonly firstOffset: number;
  /** The next opening makes entries again for records from here on; what is missing or too much there is no fault. */
  readonly remadeFrom: number;
  /** Topics that are to have their queues. */
  readonly topics: ReadonlySet<string>;
  readonly isDeleted: (topic: string, physicalOffset: number) => boolean;
}

interface Expected {
  readonly index: number;
  readonly physicalOffset: number;
  readonly sizeBytes: number;
  readonly tagsCode: number;
}

interface QueueFiles {
  readonly files: SegmentFiles;
  readonly isThere: boolean;
  /** One past the last message that the log has shown. */
  nextIndex: number;
}

/** Holds each record of the log against its entry in the consume queue, and each entry against the log. */
export class QueueCheck {
  readonly #surroundings: QueueSurroundings;
  readonly #tagsCodes = new TagsCodes([]);
  readonly #queues = new Map<string, QueueFiles>();
  /** Of the present block of the log, by queue. */
  #expected = new Map<string, Expected[]>();

  constructor(surroundings: QueueSurroundings) {
    this.#surroundings = surroundings;
  }

  add(message: StoredMessage, sizeBytes: number, physicalOffset: number): void {
    const { storedTopic, queueId, queueOffset } = message;
    if (!isQueued(message.sysFlag) || this.#surroundings.isDeleted(storedTopic, physicalOffset)) return;
    const name = `${storedTopic}/${queueId}`;
    const entries = this.#expected.get(name) ?? [];
    // The time of delivery depends on a table of delays that stands in no file.
    const tagsCode = storedTopic === SCHEDULE_TOPIC ? NaN : this.#tagsCodes.of(storedTopic, message.tags, 0, 0);
    entries.push({ index: queueOffset, physicalOffset, sizeBytes, tagsCode });
    this.#expected.set(name, entries);
  }

  /** To be called after each block of the log. */
  async flush(): Promise<void> {
    const expected = this.#expected;
    this.#expected = new Map();
    for (const [name, entries] of expected) await this.#compare(name, await this.#open(name), entries);
  }

  /** Looks for entries that no record has asked for. */
  async finish(): Promise<void> {
    const { directory, fileSystem } = this.#surroundings;
    for (const topic of await subdirectories(fileSystem, directory)) {
      for (const queueId of await subdirectories(fileSystem, `${directory}/${topic}`)) {
        if (/^\d+$/.test(queueId)) await this.#checkRest(await this.#open(`${topic}/${queueId}`));
      }
    }
  }

  async #open(name: string): Promise<QueueFiles> {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const { directory, fileBytes, fileSystem, pool, faults } = this.#surroundings;
    const files = new SegmentFiles(`${directory}/${name}`, fileBytes, fileSystem, pool);
    let isThere = false;
    try {
      await files.load();
      isThere = files.starts.length > 0;
      for (let start = files.firstOffset; start < files.endOffset; start += fileBytes) {
        if (!files.has(start)) faults.add(files.path(start), 0, 'the file is missing');
      }
    } catch (error) {
      faults.add(`${directory}/${name}`, 0, messageOf(error));
    }
    const queue: QueueFiles = { files, isThere, nextIndex: -1 };
    this.#queues.set(name, queue);
    return queue;
  }

  async #compare(name: string, queue: QueueFiles, expected: readonly Expected[]): Promise<void> {
    const { faults, remadeFrom, topics } = this.#surroundings;
    if (!queue.isThere) {
      const lost = expected.filter(({ physicalOffset }) => physicalOffset < remadeFrom);
      queue.nextIndex = expected.at(-1)!.index + 1;
      if (lost.length === 0) faults.note('entries are made by the next opening');
      else if (topics.has(name.slice(0, name.lastIndexOf('/')))) {
        faults.add(
          queue.files.directory,
          0,
          `the queue is missing, though the log holds ${lost.length} of its messages`,
        );
      } else faults.note('the log holds messages of topics that are gone');
      return;
    }
    const first = Math.min(...expected.map(({ index }) => index));
    const last = Math.max(...expected.map(({ index }) => index));
    // A block of the log holds few thousand records, so a queue's part of it is small unless a number is wrong.
    const bytes = Buffer.alloc(Math.min(last - first + 1, 1_000_000) * QUEUE_ENTRY_BYTES);
    await readAcrossFiles(queue.files, bytes, first * QUEUE_ENTRY_BYTES);
    for (const entry of expected) this.#compareEntry(queue, entry, bytes, (entry.index - first) * QUEUE_ENTRY_BYTES);
  }

  #compareEntry(queue: QueueFiles, expected: Expected, bytes: Buffer, at: number): void {
    const { faults, remadeFrom } = this.#surroundings;
    const position = expected.index * QUEUE_ENTRY_BYTES;
    const { files } = queue;
    const fault = (what: string): void => faults.add(files.path(position), position % files.fileSizeBytes, what);
    queue.nextIndex = Math.max(queue.nextIndex, expected.index + 1);
    if (at + QUEUE_ENTRY_BYTES > bytes.length) {
      fault(`message ${expected.index} at ${expected.physicalOffset} of the log has a number that can't be`);
      return;
    }
    const physicalOffset = readEntryOffset(bytes, at);
    const sizeBytes = readEntrySize(bytes, at);
    const tagsCode = readEntryTagsCode(bytes, at);
    if (physicalOffset === expected.physicalOffset && sizeBytes === expected.sizeBytes) {
      if (!Number.isNaN(expected.tagsCode) && tagsCode !== expected.tagsCode) {
        fault(`the tag's hash of message ${expected.index} is ${tagsCode}, not ${expected.tagsCode}`);
      }
    } else if (expected.physicalOffset >= remadeFrom) {
      faults.note('entries are made by the next opening');
    } else if (sizeBytes === 0) {
      fault(`message ${expected.index} at ${expected.physicalOffset} of the log has no entry`);
    } else {
      fault(
        `message ${expected.index} lies at ${expected.physicalOffset} of the log with ${expected.sizeBytes} bytes, its entry says ${physicalOffset} with ${sizeBytes}`,
      );
    }
  }

  /** Behind the last message of the log there are zeros; a queue without messages in the log has only what points before its beginning. */
  async #checkRest(queue: QueueFiles): Promise<void> {
    const { faults, firstOffset, remadeFrom } = this.#surroundings;
    const { files } = queue;
    const bytes = Buffer.alloc(64 * 1024 - ((64 * 1024) % QUEUE_ENTRY_BYTES));
    const from = queue.nextIndex < 0 ? files.firstOffset : queue.nextIndex * QUEUE_ENTRY_BYTES;
    for (let position = from; position < files.endOffset;) {
      const readBytes = await files.read(bytes, position);
      if (readBytes < QUEUE_ENTRY_BYTES) return;
      for (let at = 0; at + QUEUE_ENTRY_BYTES <= readBytes; at += QUEUE_ENTRY_BYTES) {
        const sizeBytes = readEntrySize(bytes, at);
        const physicalOffset = readEntryOffset(bytes, at);
        // What recovery of a real broker cuts off is left standing.
        if (sizeBytes === 0) return;
        if (sizeBytes === FILLER_ENTRY_SIZE || physicalOffset < firstOffset) continue;
        if (physicalOffset >= remadeFrom) {
          faults.note('entries without a record go at the next opening');
          return;
        }
        const place = position + at;
        const index = place / QUEUE_ENTRY_BYTES;
        faults.add(
          files.path(place),
          place % files.fileSizeBytes,
          `entry ${index} says that its message lies at ${physicalOffset} of the log, where none of this queue is`,
        );
        return;
      }
      position += readBytes - (readBytes % QUEUE_ENTRY_BYTES);
    }
  }
}

async function readAcrossFiles(files: SegmentFiles, target: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < target.length;) {
    const fileRest = files.fileSizeBytes - ((offset + done) % files.fileSizeBytes);
    const part = target.subarray(done, done + fileRest);
    await files.read(part, offset + done);
    done += part.length;
  }
}
