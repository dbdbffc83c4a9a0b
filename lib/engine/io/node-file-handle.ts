import * as fs from 'node:fs';
import type { FileHandle, SyncOutcome } from '../types/file-system.js';
import { errorCode, fileSystemError } from './file-system-error.js';
import { openDescriptor } from './open-descriptor.js';

/**
 * Whether a descriptor with O_DSYNC is as good as fdatasync after each write. It is on Linux: the kernel ends such a write with the same sync. On macOS it does not
 * empty the cache of the disk, as Node's fdatasync does; Windows has none.
 */
const HAS_DSYNC = process.platform === 'linux';
/** What only the writing itself fails with. Every other error may be one of the sync. */
const NOT_OF_SYNC: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EBADF']);

/**
 * A file of the operating system by its descriptor. The callback functions of `fs` are used because writing and syncing are the
 * hot path of the store, and `fs.promises` costs several promises and objects for each call.
 */
export class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #fd: number;
  /** The same file, opened so that a write ends when it is on the disk; from the first such write on. */
  #syncedFd: number | undefined;
  readonly writeAndSync = HAS_DSYNC
    ? (source: Uint8Array, position: number): Promise<SyncOutcome> => this.#writeAndSync(source, position)
    : undefined;
  /**
   * Operations that the thread pool still has. The descriptor is closed when there are none: the number may be given to another
   * file right after, and a late write would land there.
   */
  #inFlight = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    if (!isOffset(position)) return Promise.reject(fileSystemError('EINVAL', 'read', this.#path));
    return this.#run<number>('read', (resolve, reject) => {
      const readOn = (doneBytes: number): void => {
        fs.read(this.#fd, target, doneBytes, target.byteLength - doneBytes, position + doneBytes, (error, count) => {
          if (error) reject(error);
          else if (count === 0 || doneBytes + count === target.byteLength) resolve(doneBytes + count);
          else readOn(doneBytes + count);
        });
      };
      readOn(0);
    });
  }

  write(source: Uint8Array, position: number): Promise<void> {
    if (!isOffset(position)) return Promise.reject(fileSystemError('EINVAL', 'write', this.#path));
    return this.#run<void>('write', (resolve, reject) => this.#write(this.#fd, source, position, resolve, reject));
  }

  async #writeAndSync(source: Uint8Array, position: number): Promise<SyncOutcome> {
    if (!isOffset(position)) throw fileSystemError('EINVAL', 'write', this.#path);
    const fd = this.#syncedFd ?? (await this.#openSynced());
    try {
      await this.#run<void>('write', (resolve, reject) => this.#write(fd, source, position, resolve, reject));
      return undefined;
    } catch (error) {
      if (NOT_OF_SYNC.has(errorCode(error))) throw error;
      return { syncError: error };
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    // Node takes a negative length for 0.
    if (!isOffset(sizeBytes)) return Promise.reject(fileSystemError('EINVAL', 'ftruncate', this.#path));
    return this.#run<void>('ftruncate', (resolve, reject) => {
      fs.ftruncate(this.#fd, sizeBytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  sizeBytes(): Promise<number> {
    return this.#run<number>('fstat', (resolve, reject) => {
      fs.fstat(this.#fd, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  datasync(): Promise<void> {
    return this.#run<void>('fdatasync', (resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Waits for operations that are under way. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle();
    return this.#closing;
  }

  #write(
    fd: number,
    source: Uint8Array,
    position: number,
    resolve: () => void,
    reject: (error: NodeJS.ErrnoException) => void,
  ): void {
    const writeOn = (doneBytes: number): void => {
      fs.write(fd, source, doneBytes, source.byteLength - doneBytes, position + doneBytes, (error, count) => {
        if (error) reject(error);
        else if (doneBytes + count === source.byteLength) resolve();
        // No progress without an error: going on could go on forever.
        else if (count === 0) reject(fileSystemError('EIO', 'write', this.#path));
        else writeOn(doneBytes + count);
      });
    };
    writeOn(0);
  }

  /** Counts as an operation, so that the close waits for it. */
  #openSynced(): Promise<number> {
    return this.#run<number>('open', (resolve, reject) => {
      openDescriptor(this.#path, fs.constants.O_RDWR | fs.constants.O_DSYNC).then((fd) => {
        if (this.#syncedFd === undefined) this.#syncedFd = fd;
        else fs.close(fd);
        resolve(this.#syncedFd);
      }, reject);
    });
  }

  #run<T>(
    syscall: string,
    start: (resolve: (value: T) => void, reject: (error: NodeJS.ErrnoException) => void) => void,
  ): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(fileSystemError('EBADF', syscall, this.#path));
    this.#inFlight += 1;
    return new Promise<T>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        this.#ended();
        reject(error);
      };
      const succeed = (value: T): void => {
        this.#ended();
        resolve(value);
      };
      try {
        start(succeed, fail);
      } catch (error) {
        // `fs` throws at once when an argument is out of range.
        fail(error as NodeJS.ErrnoException);
      }
    });
  }

  #ended(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    try {
      if (this.#syncedFd !== undefined) await closeDescriptor(this.#syncedFd);
    } finally {
      await closeDescriptor(this.#fd);
    }
  }
}

function closeDescriptor(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** Node takes every other position for "where the last operation ended", which the store never means. */
function isOffset(position: number): boolean {
  return Number.isSafeInteger(position) && position >= 0;
}
