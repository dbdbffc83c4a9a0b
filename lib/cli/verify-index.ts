import type { FilePool } from '../engine/store/file-pool.js';
import {
  INDEX_ENTRY_BYTES,
  INDEX_HEADER_BYTES,
  IndexHeader,
  isIndexFileName,
  readEntryKeyHash,
  readEntryPhysicalOffset,
  type IndexLayout,
} from '../engine/store/index-file-format.js';
import { IndexKeys, isIndexed, keyEnd } from '../engine/store/index-keys.js';
import type { StoredMessage } from '../engine/store/stored-message.js';
import { Property, type FileSystem } from '../engine/types/index.js';
import type { Faults } from './faults.js';

const READ_ENTRIES = 4096;

export interface IndexSurroundings {
  readonly directory: string;
  readonly layout: IndexLayout | undefined;
  readonly fileSystem: FileSystem;
  readonly pool: FilePool;
  readonly faults: Faults;
  readonly firstOffset: number;
  /** True for a part of the log that holds no record. */
  readonly isBroken: (physicalOffset: number) => boolean;
}

interface Entry {
  readonly keyHash: number;
  readonly physicalOffset: number;
  readonly path: string;
  readonly position: number;
}

interface Expected {
  readonly physicalOffset: number;
  readonly hashes: readonly number[];
}

/** Holds the key index against the log: both go in the same order, so one pass over each is enough. */
export class IndexCheck {
  readonly #surroundings: IndexSurroundings;
  readonly #keys = new IndexKeys();
  readonly #entries: AsyncGenerator<Entry>;
  #expected: Expected[] = [];
  #head: Entry | undefined;
  #isAtEnd = false;

  constructor(surroundings: IndexSurroundings) {
    this.#surroundings = surroundings;
    this.#entries = entriesOf(surroundings);
  }

  add(message: StoredMessage, physicalOffset: number): void {
    if (this.#isAtEnd || this.#surroundings.layout === undefined || !isIndexed(message.sysFlag)) return;
    const hashes: number[] = [];
    const { storedTopic, keys } = message;
    const uniqKey = message.properties[Property.UNIQ_KEY];
    if (uniqKey !== undefined) hashes.push(this.#keys.hash(storedTopic, uniqKey));
    const words = keys ?? '';
    for (let start = 0; start < words.length;) {
      const end = keyEnd(words, start);
      if (end > start) hashes.push(this.#keys.hashPart(storedTopic, words, start, end));
      start = end + 1;
    }
    if (hashes.length > 0) this.#expected.push({ physicalOffset, hashes });
  }

  /** To be called after each block of the log. */
  async flush(): Promise<void> {
    const expected = this.#expected;
    this.#expected = [];
    for (const record of expected) {
      await this.#skipTo(record.physicalOffset);
      const found = new Set<number>();
      let head = this.#head;
      for (; head?.physicalOffset === record.physicalOffset; head = await this.#next()) {
        found.add(head.keyHash);
        if (!record.hashes.includes(head.keyHash)) {
          this.#fault(
            head,
            `an entry of the record at ${record.physicalOffset} of the log has the hash of no key of it`,
          );
        }
      }
      // The end of the index: what is missing behind it is made by the next opening.
      if (head === undefined) return;
      const missing = record.hashes.filter((hash) => !found.has(hash));
      if (missing.length > 0) {
        this.#fault(
          head,
          `the record at ${record.physicalOffset} of the log is not found by ${missing.length} of its keys`,
        );
      }
    }
  }

  async finish(): Promise<void> {
    await this.flush();
    await this.#skipTo(Infinity);
  }

  /** Passes over what points before the beginning of the log; other entries before `physicalOffset` belong to no record. */
  async #skipTo(physicalOffset: number): Promise<void> {
    this.#head ??= await this.#next();
    while (this.#head !== undefined && this.#head.physicalOffset < physicalOffset) {
      const { firstOffset, isBroken, faults } = this.#surroundings;
      if (isBroken(this.#head.physicalOffset)) faults.note('entries of the key index point at broken parts of the log');
      else if (this.#head.physicalOffset >= firstOffset) {
        this.#fault(
          this.#head,
          `an entry points at ${this.#head.physicalOffset} of the log, where no record with keys begins`,
        );
      }
      await this.#next();
    }
  }

  async #next(): Promise<Entry | undefined> {
    if (this.#isAtEnd) return undefined;
    const { value, done } = await this.#entries.next();
    this.#isAtEnd = done === true;
    this.#head = done === true ? undefined : value;
    return this.#head;
  }

  #fault({ path, position }: Entry, what: string): void {
    this.#surroundings.faults.add(path, position, what);
  }
}

async function* entriesOf(surroundings: IndexSurroundings): AsyncGenerator<Entry> {
  const { directory, layout, fileSystem, pool, faults } = surroundings;
  if (layout === undefined) return;
  for (const name of (await fileSystem.list(directory)).filter(isIndexFileName)) {
    const path = `${directory}/${name}`;
    const sizeBytes = (await fileSystem.stat(path))?.sizeBytes ?? 0;
    if (sizeBytes !== layout.fileSizeBytes) {
      faults.add(path, 0, `the file has ${sizeBytes} bytes, the others have ${layout.fileSizeBytes}`);
      continue;
    }
    const bytes = Buffer.alloc(INDEX_HEADER_BYTES);
    await pool.use(path, 'read', (file) => file.read(bytes, 0));
    const header = IndexHeader.decode(bytes);
    if (header.indexCount > layout.indexNum) {
      faults.add(path, 36, `the file counts ${header.indexCount} entries and has room for ${layout.indexNum}`);
      continue;
    }
    yield* entriesOfFile(path, layout, pool, header.indexCount);
  }
}

async function* entriesOfFile(
  path: string,
  layout: IndexLayout,
  pool: FilePool,
  indexCount: number,
): AsyncGenerator<Entry> {
  for (let start = 1; start < indexCount; start += READ_ENTRIES) {
    const bytes = Buffer.alloc(Math.min(READ_ENTRIES, indexCount - start) * INDEX_ENTRY_BYTES);
    await pool.use(path, 'read', (file) => file.read(bytes, layout.entryPosition(start)));
    for (let at = 0; at < bytes.length; at += INDEX_ENTRY_BYTES) {
      yield {
        keyHash: readEntryKeyHash(bytes, at),
        physicalOffset: readEntryPhysicalOffset(bytes, at),
        path,
        position: layout.entryPosition(start) + at,
      };
    }
  }
}
