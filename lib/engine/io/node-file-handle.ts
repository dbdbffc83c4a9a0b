import * as fs from 'node:fs';
import type { FileHandle } from '../types/file-system.js';
import { fileSystemError } from './file-system-error.js';

/**
 * A file of the operating system by its descriptor. The callback functions of `fs` are used because writing and syncing are the
 * hot path of the store, and `fs.promises` costs several promises and objects for each call.
 */
export class NodeFileHandle implements FileHandle {
  readonly #path: string;
  readonly #fd: number;
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
    return this.#run<void>('write', (resolve, reject) => {
      const writeOn = (doneBytes: number): void => {
        fs.write(this.#fd, source, doneBytes, source.byteLength - doneBytes, position + doneBytes, (error, count) => {
          if (error) reject(error);
          else if (doneBytes + count === source.byteLength) resolve();
          // No progress without an error: going on could go on forever.
          else if (count === 0) reject(fileSystemError('EIO', 'write', this.#path));
          else writeOn(doneBytes + count);
        });
      };
      writeOn(0);
    });
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
    await new Promise<void>((resolve, reject) => {
      fs.close(this.#fd, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** Node takes every other position for "where the last operation ended", which the store never means. */
function isOffset(position: number): boolean {
  return Number.isSafeInteger(position) && position >= 0;
}
