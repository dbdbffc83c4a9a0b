import { StoreFormatError } from '../../errors/index.js';
import type { FileHandle, FileSystem, SyncOutcome } from '../types/index.js';
import { makeDurableDirectory } from './durable-directory.js';
import type { FilePool } from './file-pool.js';
import { offsetFileName, parseOffsetFileName } from './file-names.js';

/**
 * The files of one endless byte sequence: each of the same size and named by the offset of its first byte (RocketMQ: `MappedFileQueue`). Files
 * are made at full size; what was not written reads as zero and takes no room on the disk.
 */
export class SegmentFiles {
  readonly directory: string;
  readonly fileSizeBytes: number;
  readonly #fileSystem: FileSystem;
  readonly #pool: FilePool;
  /** Start offsets of the files that exist, ascending. Replaced, never changed in place: readers may be awaiting. */
  #starts: readonly number[] = [];
  /** A file was removed, and the disk may not know. */
  #hasUnsyncedRemoval = false;

  constructor(directory: string, fileSizeBytes: number, fileSystem: FileSystem, pool: FilePool) {
    this.directory = directory;
    this.fileSizeBytes = fileSizeBytes;
    this.#fileSystem = fileSystem;
    this.#pool = pool;
  }

  /**
   * Learns which files exist. As RocketMQ does: empty last files are removed, any other file of a wrong size is refused.
   *
   * @param mendsShortFile the store was not closed cleanly: a last file that is too short may be one that {@link clearFrom} had cut and not yet given
   * back its size
   * @throws StoreFormatError the files were written with another file size
   */
  async load(mendsShortFile = false): Promise<void> {
    const found: { readonly start: number; readonly sizeBytes: number }[] = [];
    for (const start of await this.#listStarts()) {
      const sizeBytes = (await this.#fileSystem.stat(this.#filePath(start)))?.sizeBytes ?? 0;
      found.push({ start, sizeBytes });
    }
    for (let last = found.at(-1); last?.sizeBytes === 0; last = found.at(-1)) {
      found.pop();
      await this.#fileSystem.remove(this.#filePath(last.start));
    }
    const last = found.at(-1);
    for (const { start, sizeBytes } of found) {
      const isCut = mendsShortFile && start === last?.start && sizeBytes < this.fileSizeBytes;
      if (start % this.fileSizeBytes !== 0 || (sizeBytes !== this.fileSizeBytes && !isCut)) {
        throw new StoreFormatError({
          file: this.#filePath(start),
          expected: `a file of ${this.fileSizeBytes} bytes that starts at a multiple of it`,
          found: `${sizeBytes} bytes at offset ${start}`,
        });
      }
      if (isCut) await this.#giveSize(start);
    }
    this.#starts = found.map(({ start }) => start);
  }

  /** Makes durable which files there are: what an earlier process removed may be gone in the memory of the operating system alone. */
  async syncNames(): Promise<void> {
    // Also where none is left: the only one may have been empty, and removed.
    if ((await this.#fileSystem.stat(this.directory)) !== undefined)
      await this.#fileSystem.syncDirectory(this.directory);
  }

  /** Start offsets of all files, ascending. */
  get starts(): readonly number[] {
    return this.#starts;
  }

  get firstOffset(): number {
    return this.#starts[0] ?? 0;
  }

  /** One past the last byte that the files have room for. */
  get endOffset(): number {
    const last = this.#starts.at(-1);
    return last === undefined ? 0 : last + this.fileSizeBytes;
  }

  /** Start of the first file that is missing between two others. */
  get firstGap(): number | undefined {
    const before = this.#starts.find(
      (start, index) =>
        (this.#starts[index + 1] ?? Infinity) > start + this.fileSizeBytes && index < this.#starts.length - 1,
    );
    return before === undefined ? undefined : before + this.fileSizeBytes;
  }

  startOf(offset: number): number {
    return offset - (offset % this.fileSizeBytes);
  }

  /** False as well for what is no offset: a damaged entry may say anything. */
  has(offset: number): boolean {
    return offset >= 0 && this.#starts.includes(this.startOf(offset));
  }

  path(offset: number): string {
    return this.#filePath(this.startOf(offset));
  }

  /**
   * Makes the file that holds `offset`, if it is missing, so that it survives a power cut. Its name is on the disk before it gets its size: so
   * a file that has its size has its name for good, also when its maker was killed half way.
   */
  async ensure(offset: number): Promise<void> {
    if (this.has(offset)) return;
    if (this.#starts.length === 0) await makeDurableDirectory(this.#fileSystem, this.directory);
    await this.#pool.use(this.path(offset), 'create', async (file) => {
      await this.#fileSystem.syncDirectory(this.directory);
      await file.truncate(this.fileSizeBytes);
      await file.datasync();
    });
    this.#starts = [...this.#starts, this.startOf(offset)].toSorted((a, b) => a - b);
  }

  /** Writes within one file, which exists. */
  async write(source: Uint8Array, offset: number): Promise<void> {
    await this.#pool.use(this.path(offset), 'write', (file) => file.write(source, offset % this.fileSizeBytes));
  }

  /** Writes within one file, which exists, and syncs what it writes. As `FileHandle.writeAndSync`: the outcome is the sync's. */
  writeAndSync(source: Uint8Array, offset: number): Promise<SyncOutcome> {
    const position = offset % this.fileSizeBytes;
    return this.#pool.use(this.path(offset), 'write', (file) =>
      file.writeAndSync === undefined ? writeThenSync(file, source, position) : file.writeAndSync(source, position),
    );
  }

  /** Makes what was written to the file that holds `offset` durable. */
  async datasync(offset: number): Promise<void> {
    await this.#pool.use(this.path(offset), 'write', (file) => file.datasync());
  }

  /** Reads up to the end of `target` or of the file; resolves with the number of bytes. 0 where there is no file. */
  async read(target: Uint8Array, offset: number): Promise<number> {
    if (!this.has(offset)) return 0;
    const rest = this.fileSizeBytes - (offset % this.fileSizeBytes);
    const wanted = target.length > rest ? target.subarray(0, rest) : target;
    return this.#pool.use(this.path(offset), 'read', (file) => file.read(wanted, offset % this.fileSizeBytes));
  }

  /**
   * Makes everything from `offset` on zero: later files are removed, the one that holds it is cut and given back its size. The one that is cut must be the last
   * on the disk, too, for {@link load} to understand what a crash in between leaves; so those count that were never finished. The last file goes first: when one can not be
   * removed, those that are left follow each other.
   */
  async clearFrom(offset: number): Promise<void> {
    const starts = (await this.#listStarts()).toSorted((one, other) => other - one);
    for (const start of starts) {
      if (start >= offset && start !== this.startOf(offset)) await this.#remove(start);
    }
    if (this.has(offset)) {
      await this.#pool.use(this.path(offset), 'write', async (file) => {
        await file.truncate(offset % this.fileSizeBytes);
        await file.truncate(this.fileSizeBytes);
        await file.datasync();
      });
    }
  }

  /** Removes the files that end at or before `offset`. */
  async removeBefore(offset: number): Promise<void> {
    for (const start of this.#starts.filter((s) => s + this.fileSizeBytes <= offset)) await this.#remove(start);
  }

  /** Removes all files that are on the disk, and the directory. When it fails it can be done again. */
  async removeAll(): Promise<void> {
    for (const start of await this.#listStarts()) await this.#remove(start);
    await this.#fileSystem.remove(this.directory);
  }

  async #giveSize(start: number): Promise<void> {
    await this.#pool.use(this.#filePath(start), 'write', async (file) => {
      await file.truncate(this.fileSizeBytes);
      await file.datasync();
    });
  }

  #filePath(start: number): string {
    return `${this.directory}/${offsetFileName(start)}`;
  }

  async #listStarts(): Promise<number[]> {
    const names = await this.#fileSystem.list(this.directory);
    return names.map(parseOffsetFileName).filter((start) => start !== undefined);
  }

  /**
   * The file counts as gone before it is, so that no reader opens it meanwhile. None goes before the disk knows that the one before is gone: a power cut might
   * take back the first removal alone, and leave a hole.
   */
  async #remove(start: number): Promise<void> {
    if (this.#hasUnsyncedRemoval) await this.#syncRemovals();
    const wasThere = this.has(start);
    this.#starts = this.#starts.filter((s) => s !== start);
    // Also a removal that fails may have been carried out.
    this.#hasUnsyncedRemoval = true;
    try {
      await this.#pool.forget(this.path(start));
      await this.#fileSystem.remove(this.path(start));
    } catch (error) {
      if (wasThere) this.#starts = [...this.#starts, start].toSorted((a, b) => a - b);
      throw error;
    }
    await this.#syncRemovals();
  }

  async #syncRemovals(): Promise<void> {
    await this.#fileSystem.syncDirectory(this.directory);
    this.#hasUnsyncedRemoval = false;
  }
}

async function writeThenSync(file: FileHandle, source: Uint8Array, position: number): Promise<SyncOutcome> {
  await file.write(source, position);
  try {
    await file.datasync();
    return undefined;
  } catch (error) {
    return { syncError: error };
  }
}
