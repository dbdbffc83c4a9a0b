import { posix } from 'node:path';
import type { DiskUsage, FileHandle, FileLock, FileStat, FileSystem } from '../types/file-system.js';
import { LOCK_FILE_CONTENT } from './file-locker.js';
import { fileSystemError } from './file-system-error.js';
import { MemoryDirectory, MemoryFile, type MemoryNode } from './memory-node.js';
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
  readonly #root: MemoryDirectory;
  readonly #budget: PageBudget;
  readonly #locked = new Set<string>();
  readonly #now: () => number;

  constructor(options: MemoryFileSystemOptions = {}) {
    const clock = options.clock ?? new SystemClock();
    this.#now = () => clock.now();
    this.#budget = { totalBytes: options.totalBytes ?? DEFAULT_TOTAL_BYTES, usedBytes: 0 };
    this.#root = new MemoryDirectory(this.#now());
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = mode === 'create' ? this.#ensureFile(path) : this.#find(path, 'open');
    if (file === undefined) throw fileSystemError('ENOENT', 'open', path);
    if (file.kind === 'directory') throw fileSystemError('EISDIR', 'open', path);
    return new MemoryFileHandle(path, file, mode !== 'read', this.#now);
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    const file = this.#find(path, 'open');
    if (file === undefined) return undefined;
    if (file.kind === 'directory') throw fileSystemError('EISDIR', 'read', path);
    const content = Buffer.allocUnsafe(file.sizeBytes);
    file.pages.read(content, 0);
    return content;
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const node = this.#find(path, 'stat');
    return node && { kind: node.kind, sizeBytes: node.sizeBytes, modifiedMs: node.modifiedMs };
  }

  async list(path: string): Promise<readonly string[]> {
    const node = this.#find(path, 'scandir');
    if (node === undefined) return [];
    if (node.kind !== 'directory') throw fileSystemError('ENOTDIR', 'scandir', path);
    return [...node.entries.keys()].toSorted();
  }

  async makeDirectory(path: string): Promise<void> {
    const names = namesOf(path);
    let directory = this.#root;
    for (const [index, name] of names.entries()) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = new MemoryDirectory(this.#now());
        this.#addEntry(directory, name, next);
      } else if (next.kind !== 'directory') {
        throw fileSystemError(index === names.length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path);
      }
      directory = next;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.#entry(from, 'rename');
    const moved = source.directory.entries.get(source.name);
    if (moved === undefined) throw fileSystemError('ENOENT', 'rename', from);
    const target = this.#entry(to, 'rename');
    const replaced = target.directory.entries.get(target.name);
    if (moved === replaced) return;
    if (moved.kind === 'directory' && isInside(to, from)) throw fileSystemError('EINVAL', 'rename', from);
    if (replaced !== undefined) checkReplaceable(moved, replaced, from);
    this.#removeEntry(source.directory, source.name);
    this.#addEntry(target.directory, target.name, moved);
    if (replaced?.kind === 'file') replaced.nameRemoved();
  }

  async remove(path: string): Promise<void> {
    if (this.#find(path, 'unlink') === undefined) return;
    const { directory, name } = this.#entry(path, 'unlink');
    const node = directory.entries.get(name);
    if (node?.kind === 'directory' && node.entries.size > 0) throw fileSystemError('ENOTEMPTY', 'rmdir', path);
    this.#removeEntry(directory, name);
    if (node?.kind === 'file') node.nameRemoved();
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.#find(path, 'open');
    if (node === undefined) throw fileSystemError('ENOENT', 'open', path);
    if (node.kind !== 'directory') throw fileSystemError('ENOTDIR', 'open', path);
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    if (this.#find(path, 'statfs') === undefined) throw fileSystemError('ENOENT', 'statfs', path);
    const { totalBytes, usedBytes } = this.#budget;
    return { totalBytes, freeBytes: totalBytes - usedBytes };
  }

  async tryLock(path: string): Promise<FileLock | undefined> {
    const file = await this.open(path, 'create');
    const key = namesOf(path).join('/');
    if (this.#locked.has(key)) {
      await file.close();
      return undefined;
    }
    // Before the next await, so that of two callers one wins.
    this.#locked.add(key);
    let released = false;
    const release = async (): Promise<void> => {
      if (released) return;
      released = true;
      this.#locked.delete(key);
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

  /** The node at a path, undefined when there is none. A file in the place of a parent directory is an error. */
  #find(path: string, syscall: string): MemoryNode | undefined {
    let node: MemoryNode = this.#root;
    for (const name of namesOf(path)) {
      if (node.kind !== 'directory') throw fileSystemError('ENOTDIR', syscall, path);
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  /** Where the name of a path stands, or would stand. */
  #entry(path: string, syscall: string): { readonly directory: MemoryDirectory; readonly name: string } {
    const name = namesOf(path).at(-1);
    if (name === undefined) throw fileSystemError('EPERM', syscall, path);
    const directory = this.#find(posix.dirname(posix.resolve('/', path)), syscall);
    if (directory === undefined) throw fileSystemError('ENOENT', syscall, path);
    if (directory.kind !== 'directory') throw fileSystemError('ENOTDIR', syscall, path);
    return { directory, name };
  }

  #ensureFile(path: string): MemoryNode {
    const present = this.#find(path, 'open');
    if (present !== undefined) return present;
    const { directory, name } = this.#entry(path, 'open');
    const file = new MemoryFile(this.#budget, this.#now());
    this.#addEntry(directory, name, file);
    return file;
  }

  #addEntry(directory: MemoryDirectory, name: string, node: MemoryNode): void {
    directory.entries.set(name, node);
    directory.modifiedMs = this.#now();
  }

  #removeEntry(directory: MemoryDirectory, name: string): void {
    directory.entries.delete(name);
    directory.modifiedMs = this.#now();
  }
}

function namesOf(path: string): string[] {
  return posix
    .resolve('/', path)
    .split('/')
    .filter((name) => name !== '');
}

function isInside(path: string, directory: string): boolean {
  return posix.resolve('/', path).startsWith(`${posix.resolve('/', directory)}/`);
}

/** The rules of rename(2). */
function checkReplaceable(moved: MemoryNode, replaced: MemoryNode, path: string): void {
  if (replaced.kind === 'directory') {
    if (moved.kind !== 'directory') throw fileSystemError('EISDIR', 'rename', path);
    if (replaced.entries.size > 0) throw fileSystemError('ENOTEMPTY', 'rename', path);
  } else if (moved.kind === 'directory') {
    throw fileSystemError('ENOTDIR', 'rename', path);
  }
}
