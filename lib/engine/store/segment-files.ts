import { StoreFormatError } from '../../errors/index.js';
import type { FileSystem } from '../types/index.js';
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

  constructor(directory: string, fileSizeBytes: number, fileSystem: FileSystem, pool: FilePool) {
    this.directory = directory;
    this.fileSizeBytes = fileSizeBytes;
    this.#fileSystem = fileSystem;
    this.#pool = pool;
  }

  /**
   * Learns which files exist. As RocketMQ does: an empty last file is removed, any other file of a wrong size is refused.
   *
   * @param mendsShortFile the store was not closed cleanly: a last file that is too short may be one that {@link clearFrom} had cut and not yet given
   * back its size
   * @throws StoreFormatError the files were written with another file size
   */
  async load(mendsShortFile = false): Promise<void> {
    const names = await this.#fileSystem.list(this.directory);
    const starts: number[] = [];
    for (const name of names) {
      const start = parseOffsetFileName(name);
      if (start === undefined) continue;
      const path = `${this.directory}/${name}`;
      const sizeBytes = (await this.#fileSystem.stat(path))?.sizeBytes ?? 0;
      if (sizeBytes === 0 && name === names.at(-1)) {
        await this.#fileSystem.remove(path);
        continue;
      }
      const isCut = mendsShortFile && sizeBytes < this.fileSizeBytes && name === names.at(-1);
      if (isCut) await this.#pool.use(path, 'write', (file) => file.truncate(this.fileSizeBytes));
      if ((sizeBytes !== this.fileSizeBytes && !isCut) || start % this.fileSizeBytes !== 0) {
        throw new StoreFormatError({
          file: path,
          expected: `a file of ${this.fileSizeBytes} bytes that starts at a multiple of it`,
          found: `${sizeBytes} bytes at offset ${start}`,
        });
      }
      starts.push(start);
    }
    this.#starts = starts;
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

  startOf(offset: number): number {
    return offset - (offset % this.fileSizeBytes);
  }

  has(offset: number): boolean {
    return this.#starts.includes(this.startOf(offset));
  }

  path(offset: number): string {
    return `${this.directory}/${offsetFileName(this.startOf(offset))}`;
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

  /** Makes everything from `offset` on zero: later files are removed, the one that holds it is cut and given back its size. */
  async clearFrom(offset: number): Promise<void> {
    for (const start of this.#starts.filter((s) => s >= offset && s !== this.startOf(offset)))
      await this.#remove(start);
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

  /** Removes all files, and the directory. */
  async removeAll(): Promise<void> {
    await this.removeBefore(Infinity);
    await this.#fileSystem.remove(this.directory);
  }

  async #remove(start: number): Promise<void> {
    this.#starts = this.#starts.filter((s) => s !== start);
    await this.#pool.forget(this.path(start));
    await this.#fileSystem.remove(this.path(start));
    await this.#fileSystem.syncDirectory(this.directory);
  }
}
