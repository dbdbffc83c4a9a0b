import type { DiskUsage, FileHandle, FileLock, FileStat, FileSystem } from '../types/file-system.js';
import { DirectoryTree } from './directory-tree.js';
import { LOCK_FILE_CONTENT } from './file-locker.js';
import { fileSystemError } from './file-system-error.js';
import { LockTable } from './lock-table.js';
import { MemoryFile } from './memory-node.js';
import { MemoryFileHandle } from './memory-file-handle.js';
import type { PageBudget } from './sparse-pages.js';
import { SystemClock } from './system-clock.js';

export interface MemoryFileSystemOptions {
  /** Size of the disk. Writes beyond it fail with `ENOSPC`. Only pages that were written count. Default: 4 GiB. */
  readonly totalBytes?: number;
  /** Gives the files their time of modification. Default: the system's clock. */
  readonly clock?: { now(): number };
}

const DEFAULT_TOTAL_BYTES = 4 * 1024 ** 3;

/**
 * A disk in memory with the behaviour of a real one, error codes included. Files and locks belong to the instance: a broker that is
 * closed and opened again on the same instance finds what it left. Relative paths start at the root.
 *
 * Nothing here waits for anything but microtasks, so the same calls always take the same course.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #tree: DirectoryTree<MemoryFile>;
  readonly #budget: PageBudget;
  readonly #locks = new LockTable();
  readonly #now: () => number;

  constructor(options: MemoryFileSystemOptions = {}) {
    const clock = options.clock ?? new SystemClock();
    this.#now = () => clock.now();
    this.#budget = { totalBytes: options.totalBytes ?? DEFAULT_TOTAL_BYTES, usedBytes: 0 };
    this.#tree = new DirectoryTree({ now: this.#now, makeFile: () => new MemoryFile(this.#budget, this.#now()) });
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    return new MemoryFileHandle(path, this.#tree.openFile(path, mode), mode !== 'read', this.#now);
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const file = this.#tree.findFile(path);
    if (file === undefined) return undefined;
    const content = Buffer.allocUnsafe(file.sizeBytes);
    file.pages.read(content, 0);
    return content;
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const node = this.#tree.find(path, 'stat');
    return node && { kind: node.kind, sizeBytes: node.sizeBytes, modifiedMs: node.modifiedMs };
  }

  async list(path: string): Promise<readonly string[]> {
    return this.#tree.list(path);
  }

  async makeDirectory(path: string): Promise<void> {
    this.#tree.makeDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#tree.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    this.#tree.remove(path);
  }

  async syncDirectory(path: string): Promise<void> {
    if (this.#tree.findDirectory(path, 'open') === undefined) throw fileSystemError('ENOENT', 'open', path);
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    if (this.#tree.find(path, 'statfs') === undefined) throw fileSystemError('ENOENT', 'statfs', path);
    const { totalBytes, usedBytes } = this.#budget;
    return { totalBytes, freeBytes: totalBytes - usedBytes };
  }

  async tryLock(path: string): Promise<FileLock | undefined> {
    const file = await this.open(path, 'create');
    const free = this.#locks.take(path);
    if (free === undefined) {
      await file.close();
      return undefined;
    }
    const release = async (): Promise<void> => {
      free();
      await file.close();
    };
    try {
      if ((await file.sizeBytes()) === 0) await file.write(Buffer.from(LOCK_FILE_CONTENT), 0);
    } catch (error) {
      await release();
      throw error;
    }
    return { release };
  }
}
