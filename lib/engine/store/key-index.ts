import type { Clock, MaybePromise } from '../types/index.js';
import { makeDurableDirectory } from './durable-directory.js';
import { IndexFile, type IndexFileState } from './index-file.js';
import { indexFileName, IndexLayout } from './index-file-format.js';
import { hashKeyUtf8, IndexKeys, keyEnd, keyEndUtf8 } from './index-keys.js';
import { candidates } from './index-lookup.js';
import { entriesOfLastRecord, findIndex, type IndexSurroundings } from './index-recovery.js';
import type { ScannedRecord } from './scanned-record.js';

/** Entries that may wait for a disk that takes none: 80 MiB. Beyond, the index is left behind, and made up for at the next opening. */
const MAX_UNWRITTEN_ENTRIES = 4_194_304;

/** Entries that are kept in memory while the log is read again: 2 MiB. */
const MOST_ENTRIES_OF_RECOVERY = 100_000;

export interface KeyIndexOptions {
  /** Messages can be found by key. Default here: false; the broker's options know better. */
  readonly messageIndexEnable?: boolean | undefined;
  /** Hash slots of a file. They take 4 bytes of memory each. Default: 5,000,000, as in RocketMQ. */
  readonly maxHashSlotNum?: number | undefined;
  /** Entries of a file. Default: 20,000,000, as in RocketMQ. */
  readonly maxIndexNum?: number | undefined;
}

export interface KeyQuery {
  readonly topic: string;
  /** A word of the KEYS property, or a UNIQ_KEY. */
  readonly key: string;
  /** The youngest so many. */
  readonly maxCount: number;
  /** Store time, both ends included. The index knows seconds only: look at the record. */
  readonly beginMs: number;
  readonly endMs: number;
}

/** The index at one moment: what a checkpoint speaks of. */
export interface KeyIndexState {
  readonly files: readonly IndexFileState[];
  /** Store time of the last record that is indexed; 0 when there is none. */
  readonly endTimestampMs: number;
}

export interface KeyIndexSurroundings extends IndexSurroundings {
  readonly clock: Clock;
}

export interface OpenedKeyIndex {
  /** Undefined: it is switched off. */
  readonly keyIndex: KeyIndex | undefined;
  /** From here on the log is to be read again for the index; mostly this is its last record. Undefined: it holds nothing to be indexed. */
  readonly missingFrom: number | undefined;
}

/**
 * Opens the key index as its files are on disk.
 *
 * @throws StoreFormatError the files were written with other sizes
 */
export async function openKeyIndex(
  { messageIndexEnable = false, maxHashSlotNum = 5_000_000, maxIndexNum = 20_000_000 }: KeyIndexOptions,
  surroundings: Omit<KeyIndexSurroundings, 'layout'>,
): Promise<OpenedKeyIndex> {
  if (!messageIndexEnable) return { keyIndex: undefined, missingFrom: undefined };
  return KeyIndex.open({ ...surroundings, layout: new IndexLayout(maxHashSlotNum, maxIndexNum) });
}

/**
 * Finds messages by key (RocketMQ: `IndexService`): `index/`, derived from the log by the dispatcher. A record is entered under its UNIQ_KEY and under each
 * word of KEYS. Entering is synchronous and stays in memory; the checkpoint brings it to the disk.
 *
 * Invariant: all files but the last one are full, or were left so by another writer; nothing is added to them.
 */
export class KeyIndex {
  readonly #surroundings: KeyIndexSurroundings;
  readonly #keys = new IndexKeys();
  /** Replaced, never changed in place: a query may be going through it. */
  #files: readonly IndexFile[] = [];
  #last: IndexFile | undefined;
  /** Where the record lies that was entered last. */
  #lastOffset = -1;
  /** The record at the end of the files: a crash may have left it there in part, so it is known how many of its entries they have. */
  #resumeOffset = -1;
  #resumeEntries = 0;
  /** Entries of the present record that are in the index already. */
  #toSkip = 0;
  #unwritten = 0;
  /** Closed, or left behind: what comes now is entered at the next opening. */
  #takesNoMore = false;
  #hasUnsyncedNames = false;
  readonly #queries = new Set<Promise<unknown>>();

  private constructor(surroundings: KeyIndexSurroundings) {
    this.#surroundings = surroundings;
  }

  /** See {@link openKeyIndex}. */
  static async open(surroundings: KeyIndexSurroundings): Promise<OpenedKeyIndex> {
    const { files, missingFrom } = await findIndex(surroundings);
    const index = new KeyIndex(surroundings);
    index.#files = files;
    index.#last = files.at(-1);
    index.#lastOffset = index.#resumeOffset = index.#last?.header.endPhyOffset ?? -1;
    index.#resumeEntries = await entriesOfLastRecord(files);
    return { keyIndex: index, missingFrom };
  }

  /** Entries that are in memory alone. */
  get unwrittenCount(): number {
    return this.#unwritten;
  }

  /** Enters a record. What is there already is left alone, so that recovery may go over the same records again. */
  add(
    topic: string,
    uniqKey: string | undefined,
    keys: string | undefined,
    physicalOffset: number,
    storeTimestampMs: number,
  ): void {
    if (!this.#begin(physicalOffset)) return;
    if (uniqKey !== undefined) this.#enter(this.#keys.hash(topic, uniqKey), physicalOffset, storeTimestampMs);
    if (keys === undefined) return;
    for (let start = 0; start < keys.length;) {
      const end = keyEnd(keys, start);
      if (end > start) this.#enter(this.#keys.hashPart(topic, keys, start, end), physicalOffset, storeTimestampMs);
      start = end + 1;
    }
  }

  /** The same for a record of the disk. @param topicHash see `indexTopicHash` */
  addScanned(
    { bytes, uniqKey, keys, storeTimestampMs }: ScannedRecord,
    topicHash: number,
    physicalOffset: number,
  ): void {
    if (!this.#begin(physicalOffset)) return;
    if (!uniqKey.isEmpty) {
      this.#enter(hashKeyUtf8(topicHash, bytes, uniqKey.start, uniqKey.end), physicalOffset, storeTimestampMs);
    }
    for (let { start } = keys; start < keys.end;) {
      const end = keyEndUtf8(bytes, start, keys.end);
      if (end > start) this.#enter(hashKeyUtf8(topicHash, bytes, start, end), physicalOffset, storeTimestampMs);
      start = end + 1;
    }
  }

  /**
   * Places of the records that may have a key, youngest first. Two keys may have one hash, so the caller looks whether the record has the key.
   *
   * @param accepts says whether a place counts; places that do not are not among the `maxCount`
   */
  async query(
    query: KeyQuery,
    accepts: (physicalOffset: number) => MaybePromise<boolean> = () => true,
  ): Promise<readonly number[]> {
    const running = this.#query(query, accepts);
    this.#queries.add(running);
    try {
      return await running;
    } finally {
      this.#queries.delete(running);
    }
  }

  /** What is to be written next. Has to be taken when all records that were entered are in the log, and will be synced there before {@link write}. */
  state(): KeyIndexState {
    return {
      files: this.#files.filter((file) => !file.isFinished).map((file) => file.state()),
      endTimestampMs: this.#last?.header.endTimestampMs ?? 0,
    };
  }

  /** Brings the entries of a state to the disk. One at a time, as {@link confirm}: the caller sees to that. */
  async write(state: KeyIndexState): Promise<void> {
    const { directory, fileSystem } = this.#surroundings;
    for (const fileState of state.files) {
      if (!fileState.file.isOnDisk) {
        // Until the directory is synced, however many attempts that takes: without one of its files the index would have a hole.
        this.#hasUnsyncedNames = true;
        await makeDurableDirectory(fileSystem, directory);
      }
      const unwrittenBefore = fileState.file.unwrittenCount;
      await fileState.file.writeEntries(fileState);
      this.#unwritten -= unwrittenBefore - fileState.file.unwrittenCount;
    }
    if (!this.#hasUnsyncedNames) return;
    await fileSystem.syncDirectory(directory);
    this.#hasUnsyncedNames = false;
  }

  /** While the log is read again no checkpoint is written: brings what has gathered to the disk. */
  async relieve(): Promise<void> {
    if (this.#unwritten >= MOST_ENTRIES_OF_RECOVERY) await this.write(this.state());
  }

  /** Says that a checkpoint covers the state by now. */
  async confirm(state: KeyIndexState): Promise<void> {
    for (const fileState of state.files) await fileState.file.confirm(fileState, false);
  }

  /** Finishes the files, once all is written and covered by a checkpoint; waits for running queries. */
  async close(): Promise<void> {
    this.#takesNoMore = true;
    await Promise.allSettled(this.#queries);
    for (const fileState of this.state().files) {
      if (fileState.file.isOnDisk && fileState.file.unwrittenCount === 0) await fileState.file.confirm(fileState, true);
    }
  }

  /** Removes files that speak only of records before the beginning of the log; never the last one. */
  async trim(minPhysicalOffset: number): Promise<void> {
    const { pool, fileSystem, directory } = this.#surroundings;
    const kept = this.#files.findIndex(
      (file) => file === this.#last || !file.isFinished || file.header.endPhyOffset >= minPhysicalOffset,
    );
    const expired = this.#files.slice(0, Math.max(kept, 0));
    if (expired.length === 0) return;
    this.#files = this.#files.slice(expired.length);
    // Those that run go through the list as it was.
    await Promise.allSettled(this.#queries);
    for (const { path } of expired) {
      await pool.forget(path);
      await fileSystem.remove(path);
    }
    await fileSystem.syncDirectory(directory);
  }

  /** @returns false when the record is there already, or nothing more is taken up */
  #begin(physicalOffset: number): boolean {
    if (physicalOffset < this.#lastOffset || this.#takesNoMore) return false;
    if (this.#unwritten >= MAX_UNWRITTEN_ENTRIES) {
      this.#fallBehind();
      return false;
    }
    this.#lastOffset = physicalOffset;
    this.#toSkip = physicalOffset === this.#resumeOffset ? this.#resumeEntries : 0;
    return true;
  }

  #enter(keyHash: number, physicalOffset: number, storeTimestampMs: number): void {
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return;
    }
    const last = this.#last;
    const file = last === undefined || last.isFull ? this.#addFile() : last;
    file.add(keyHash, physicalOffset, storeTimestampMs);
    this.#unwritten++;
  }

  #addFile(): IndexFile {
    const { directory, layout, pool, clock } = this.#surroundings;
    const previous = this.#last;
    const name = indexFileName(clock.now(), previous?.path.slice(directory.length + 1));
    const file = IndexFile.create(`${directory}/${name}`, layout, pool, previous);
    this.#files = [...this.#files, file];
    this.#last = file;
    return file;
  }

  #fallBehind(): void {
    this.#takesNoMore = true;
    this.#surroundings.logger.error(
      'The key index could not be written for long, and takes up no more messages. They can be found by key again after the next opening of the store.',
    );
  }

  async #query(
    { topic, key, maxCount, beginMs, endMs }: KeyQuery,
    accepts: (physicalOffset: number) => MaybePromise<boolean>,
  ): Promise<readonly number[]> {
    const keyHash = this.#keys.hash(topic, key);
    const found: number[] = [];
    let previous = -1;
    for (const file of this.#files.toReversed()) {
      const { beginTimestampMs, endTimestampMs } = file.header;
      if (beginTimestampMs <= endMs && endTimestampMs >= beginMs) {
        for await (const physicalOffset of candidates(file, keyHash, beginMs, endMs)) {
          // A record may have a key twice.
          if (physicalOffset === previous) continue;
          previous = physicalOffset;
          if (await accepts(physicalOffset)) found.push(physicalOffset);
          if (found.length >= maxCount) return found;
        }
      }
      if (beginTimestampMs < beginMs) break;
    }
    return found;
  }
}
