import { StoreCorruptError } from '../../../errors/index.js';
import { FilePool } from '../../store/file-pool.js';
import { SegmentFiles } from '../../store/segment-files.js';
import type { FileSystem, MaybePromise } from '../../types/index.js';
import { UNIT_BYTES, unitFault, unitPrevious } from './timer-unit.js';

/** Room at the end of each file for what says that it is full (RocketMQ: `MIN_BLANK_LEN`): i32 rest, i64 0, i32 magic. */
const BLANK_BYTES = 16;
/** RocketMQ: `TimerLog.BLANK_MAGIC_CODE`. */
const BLANK_MAGIC = 0xcbd43194 | 0;
/** Units are gathered in memory in pieces of this size. */
const CHUNK_BYTES = 64 * 1024;
const MAX_OPEN_FILES = 4;

/** Reading back a chain costs one read a unit when the units of other slots lie between, and few reads when they do not. */
const MIN_WINDOW_BYTES = 4096;
const MAX_WINDOW_BYTES = 256 * 1024;
/** A window in which a chain had this many units was too small. */
const DENSE_UNITS = 8;

interface Chunk {
  readonly startPosition: number;
  readonly bytes: Buffer;
  usedBytes: number;
}

export type UnitVisitor = (bytes: Buffer, at: number, position: number) => boolean | void;

/** A piece of the log. */
interface Window {
  readonly startPosition: number;
  readonly bytes: Buffer;
}

/**
 * The units of all timers, in the order of their records; those of one slot are a chain from the newest to the oldest. Appending is a matter of memory:
 * what is there is written when somebody asks for it, since it can be made again from the commit log.
 */
export class TimerLog {
  readonly #files: SegmentFiles;
  readonly #fileSystem: FileSystem;
  readonly #pool: FilePool;
  #endPosition = 0;
  /** What is not written yet, ascending. */
  readonly #chunks: Chunk[] = [];
  /** The last chunk is on its way to the disk and takes no more units. */
  #lastIsSealed = false;
  #writing: Promise<void> = Promise.resolve();
  /** Starts of files that were written and not synced since. */
  readonly #unsynced = new Set<number>();

  constructor(directory: string, fileSizeBytes: number, fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
    this.#pool = new FilePool(fileSystem, MAX_OPEN_FILES);
    this.#files = new SegmentFiles(directory, fileSizeBytes, fileSystem, this.#pool);
  }

  get directory(): string {
    return this.#files.directory;
  }

  /** Where the next unit goes. */
  get endPosition(): number {
    return this.#endPosition;
  }

  get unwrittenBytes(): number {
    const first = this.#chunks[0];
    return first === undefined ? 0 : this.#endPosition - first.startPosition;
  }

  /**
   * Learns which files are there, and goes on at `endPosition`.
   *
   * @returns false when the files do not reach that far
   * @throws StoreFormatError the files are of another size
   */
  async open(endPosition: number): Promise<boolean> {
    await this.#files.load();
    this.#endPosition = endPosition;
    return endPosition === 0 || this.#files.has(endPosition - 1);
  }

  /** Clears what stands behind the end: units that were written after the last checkpoint. */
  async cutTail(): Promise<void> {
    const next = Buffer.alloc(UNIT_BYTES);
    await this.#files.read(next, this.#endPosition);
    if (this.#files.endOffset > this.#nextFileStart() || next.some((byte) => byte !== 0)) {
      await this.#files.clearFrom(this.#endPosition);
    }
  }

  /** Puts a unit at the end. @param encode writes its {@link UNIT_BYTES} bytes @returns its position */
  append(encode: (bytes: Buffer, at: number) => void): number {
    if (this.#fileRestBytes() < UNIT_BYTES + BLANK_BYTES) this.#endFile();
    const chunk = this.#chunkWithRoom(UNIT_BYTES);
    encode(chunk.bytes, chunk.usedBytes);
    chunk.usedBytes += UNIT_BYTES;
    const position = this.#endPosition;
    this.#endPosition += UNIT_BYTES;
    return position;
  }

  /** Writes all units that are there now, and none that comes while it waits: a checkpoint says where the log ended when it asked. */
  write(): Promise<void> {
    const endPosition = this.#endPosition;
    this.#lastIsSealed = true;
    const run = this.#writing.then(() => this.#writeChunks(endPosition));
    // Whoever comes next tries again; who asked is told.
    this.#writing = run.catch(() => undefined);
    return run;
  }

  /** Brings all units that are there now to the disk. */
  async sync(): Promise<void> {
    await this.write();
    for (const start of this.#unsynced) {
      this.#unsynced.delete(start);
      try {
        await this.#files.datasync(start);
      } catch (error) {
        this.#unsynced.add(start);
        throw error;
      }
    }
  }

  /**
   * Visits the units of one slot, newest first, until a visit returns false.
   *
   * @param visit gets the unit's place in a buffer that is gone afterwards, and its position in the log
   * @throws StoreCorruptError the chain leads to something that is no unit of the slot
   */
  async walk(slotSec: number, lastPosition: number, visit: UnitVisitor): Promise<void> {
    let wantedBytes = MIN_WINDOW_BYTES;
    for (let position = lastPosition; position >= 0;) {
      const read = this.#windowAt(position, wantedBytes);
      const window = read instanceof Promise ? await read : read;
      let units = 0;
      while (position >= window.startPosition) {
        const at = position - window.startPosition;
        const isThere = at + UNIT_BYTES <= window.bytes.length;
        const fault = isThere ? unitFault(window.bytes, at, slotSec) : 'the log ends before it';
        if (fault !== undefined) throw this.#corrupt(position, fault);
        if (visit(window.bytes, at, position) === false) return;
        const previous = unitPrevious(window.bytes, at);
        if (previous >= position) throw this.#corrupt(position, 'a chain of units goes forward');
        position = previous;
        units += 1;
      }
      wantedBytes = units < DENSE_UNITS ? MIN_WINDOW_BYTES : Math.min(wantedBytes * 2, MAX_WINDOW_BYTES);
    }
  }

  /** Removes the files that end at or before `position`. */
  async removeBefore(position: number): Promise<void> {
    await this.#files.removeBefore(position);
  }

  /** True when there is a file that ends at or before the one that is written now. */
  get hasOldFiles(): boolean {
    return this.#files.starts.length > 1;
  }

  /** Removes everything. The caller sees to it that nobody reads. */
  async clear(): Promise<void> {
    await this.#writing;
    this.#chunks.length = 0;
    this.#unsynced.clear();
    // Also files of another size, which were not opened.
    for (const name of await this.#fileSystem.list(this.directory)) {
      const path = `${this.directory}/${name}`;
      await this.#pool.forget(path);
      await this.#fileSystem.remove(path);
    }
    await this.#files.load();
    this.#endPosition = 0;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#pool.close();
  }

  #fileRestBytes(): number {
    return this.#nextFileStart() - this.#endPosition;
  }

  #nextFileStart(): number {
    return this.#files.startOf(this.#endPosition) + this.#files.fileSizeBytes;
  }

  #endFile(): void {
    const restBytes = this.#fileRestBytes();
    const chunk = this.#chunkWithRoom(BLANK_BYTES);
    chunk.bytes.writeInt32BE(restBytes, chunk.usedBytes);
    chunk.bytes.fill(0, chunk.usedBytes + 4, chunk.usedBytes + 12);
    chunk.bytes.writeInt32BE(BLANK_MAGIC, chunk.usedBytes + 12);
    chunk.usedBytes += BLANK_BYTES;
    this.#endPosition += restBytes;
  }

  #chunkWithRoom(sizeBytes: number): Chunk {
    const last = this.#chunks.at(-1);
    if (
      last !== undefined &&
      !this.#lastIsSealed &&
      last.startPosition + last.usedBytes === this.#endPosition &&
      last.usedBytes + sizeBytes <= last.bytes.length
    ) {
      return last;
    }
    const chunk = {
      startPosition: this.#endPosition,
      bytes: Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, this.#fileRestBytes())),
      usedBytes: 0,
    };
    this.#chunks.push(chunk);
    this.#lastIsSealed = false;
    return chunk;
  }

  async #writeChunks(endPosition: number): Promise<void> {
    while ((this.#chunks[0]?.startPosition ?? Infinity) < endPosition) {
      const chunk = this.#chunks[0]!;
      await this.#files.ensure(chunk.startPosition);
      await this.#files.write(chunk.bytes.subarray(0, chunk.usedBytes), chunk.startPosition);
      this.#unsynced.add(this.#files.startOf(chunk.startPosition));
      this.#chunks.shift();
    }
  }

  /** A piece that holds the unit at `position`, and what is before it. */
  #windowAt(position: number, wantedBytes: number): MaybePromise<Window> {
    const first = this.#chunks[0];
    if (first === undefined || position < first.startPosition) return this.#readWindow(position, wantedBytes);
    const chunk = this.#chunks.findLast(({ startPosition }) => startPosition <= position)!;
    return { startPosition: chunk.startPosition, bytes: chunk.bytes.subarray(0, chunk.usedBytes) };
  }

  async #readWindow(position: number, wantedBytes: number): Promise<Window> {
    const endPosition = position + UNIT_BYTES;
    const startPosition = Math.max(this.#files.startOf(position), endPosition - wantedBytes);
    const bytes = Buffer.allocUnsafe(endPosition - startPosition);
    const readBytes = await this.#files.read(bytes, startPosition);
    if (readBytes < bytes.length) throw this.#corrupt(position, 'the file is missing or too short');
    return { startPosition, bytes };
  }

  #corrupt(position: number, reason: string): StoreCorruptError {
    return new StoreCorruptError({
      file: this.#files.path(position),
      offset: position % this.#files.fileSizeBytes,
      reason,
    });
  }
}
