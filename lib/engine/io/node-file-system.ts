import * as fs from 'node:fs';
import * as fsPromises from 'node:fs/promises';
import type { DiskUsage, FileHandle, FileLock, FileStat, FileSystem } from '../types/file-system.js';
import type { FileLocker } from './file-locker.js';
import { errorCode } from './file-system-error.js';
import { NativeFileLocker } from './native-file-locker.js';
import { NodeFileHandle } from './node-file-handle.js';
import { openDescriptor } from './open-descriptor.js';
import { OwnerFileLocker } from './owner-file-locker.js';

const openFlags = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
} as const;

export interface NodeFileSystemOptions {
  /**
   * How lock files are locked. Default: by the kernel through `fs-native-extensions`, and where that can't be loaded by a companion
   * file that names the owner (see {@link OwnerFileLocker} for what that does not protect against).
   */
  readonly fileLocker?: FileLocker;
}

/** The files of the operating system. */
export class NodeFileSystem implements FileSystem {
  #fileLocker: Promise<FileLocker> | undefined;

  constructor(options: NodeFileSystemOptions = {}) {
    if (options.fileLocker !== undefined) this.#fileLocker = Promise.resolve(options.fileLocker);
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    return new NodeFileHandle(path, await openDescriptor(path, openFlags[mode]));
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return unlessMissing(fsPromises.readFile(path), undefined);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    const stats = await unlessMissing(fsPromises.stat(path), undefined);
    if (stats === undefined) return undefined;
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
    return { kind, sizeBytes: stats.size, modifiedMs: stats.mtimeMs };
  }

  async list(path: string): Promise<readonly string[]> {
    const names: readonly string[] = await unlessMissing(fsPromises.readdir(path), []);
    return names.toSorted();
  }

  async makeDirectory(path: string): Promise<void> {
    await fsPromises.mkdir(path, { recursive: true });
  }

  rename(from: string, to: string): Promise<void> {
    return fsPromises.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    try {
      await unlessMissing(fsPromises.unlink(path), undefined);
    } catch (error) {
      // What unlink says of a directory: EISDIR on Linux, EPERM elsewhere.
      const code = errorCode(error);
      if (code !== 'EISDIR' && code !== 'EPERM') throw error;
      await this.#removeDirectory(path, error);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows opens no directories, and keeps names safe by itself.
    if (process.platform === 'win32') return;
    const directory = await fsPromises.open(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    const stats = await fsPromises.statfs(path);
    return { totalBytes: stats.blocks * stats.bsize, freeBytes: stats.bavail * stats.bsize };
  }

  async tryLock(path: string): Promise<FileLock | undefined> {
    this.#fileLocker ??= this.#loadFileLocker();
    const fileLocker = await this.#fileLocker;
    return fileLocker.tryLock(path);
  }

  async #loadFileLocker(): Promise<FileLocker> {
    try {
      return (await NativeFileLocker.load()) ?? new OwnerFileLocker();
    } catch (error) {
      // What kept it from being loaded may have passed at the next attempt.
      this.#fileLocker = undefined;
      throw error;
    }
  }

  async #removeDirectory(path: string, unlinkError: unknown): Promise<void> {
    try {
      await unlessMissing(fsPromises.rmdir(path), undefined);
    } catch (error) {
      // No directory after all, so what unlink said is the reason.
      throw errorCode(error) === 'ENOTDIR' ? unlinkError : error;
    }
  }
}

/** Only a missing name counts as missing. A file where a directory should be (ENOTDIR) is a fault and comes through. */
async function unlessMissing<T, M>(operation: Promise<T>, whenMissing: M): Promise<T | M> {
  try {
    return await operation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return whenMissing;
    throw error;
  }
}
