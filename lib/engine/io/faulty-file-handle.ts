import type { FileHandle } from '../types/file-system.js';
import type { CachedFile } from './cached-file.js';
import type { FileOperation, InjectedErrorCode } from './fault-plan.js';
import { fileSystemError, type FileSystemErrorCode } from './file-system-error.js';

/** What a faulty disk does to the calls of an open file. */
export interface FaultyDisk {
  /**
   * Runs one call: waits as long as the disk takes, fails if it is to fail, lets `effect` happen, and waits again. The effect is told of the
   * error that is to follow it.
   */
  call<T>(operation: FileOperation, path: string, effect: (error: InjectedErrorCode | undefined) => T): Promise<T>;
  /** Waits some turns of the event loop. */
  pause(): Promise<void>;
  /** A number below the bound, by chance. */
  chance(bound: number): number;
  now(): number;
}

/** An open file of a {@link FaultyFileSystem}. */
export class FaultyFileHandle implements FileHandle {
  readonly #path: string;
  readonly #file: CachedFile;
  readonly #writable: boolean;
  readonly #disk: FaultyDisk;
  /** False once its process has died. */
  readonly #isAlive: () => boolean;
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(path: string, file: CachedFile, writable: boolean, disk: FaultyDisk, isAlive: () => boolean) {
    this.#path = path;
    this.#file = file;
    this.#writable = writable;
    this.#disk = disk;
    this.#isAlive = isAlive;
    file.opened();
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#run('read', () => {
      this.#checkOffset(position, 'read');
      return this.#file.read(target, position);
    });
  }

  write(source: Uint8Array, position: number): Promise<void> {
    return this.#track('write', async () => {
      this.#checkWritable('EBADF', 'write');
      this.#checkOffset(position, 'write');
      // The cache takes a write in pieces, and what ends a program between two of them leaves the first.
      let doneBytes = 0;
      do {
        const pieceBytes = this.#pieceBytes(source.byteLength - doneBytes);
        await this.#disk.call('write', this.#path, (error) => {
          if (!this.#isAlive()) throw this.#error('EIO', 'write');
          const takenBytes = error === undefined ? pieceBytes : this.#disk.chance(pieceBytes + 1);
          this.#writePiece(source.subarray(doneBytes, doneBytes + takenBytes), position + doneBytes);
        });
        doneBytes += pieceBytes;
      } while (doneBytes < source.byteLength);
    });
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#run('truncate', (error) => {
      this.#checkWritable('EINVAL', 'ftruncate');
      this.#checkOffset(sizeBytes, 'ftruncate');
      if (error !== undefined) return;
      this.#file.truncate(sizeBytes);
      this.#file.modifiedMs = this.#disk.now();
    });
  }

  sizeBytes(): Promise<number> {
    return this.#run('sizeBytes', () => this.#file.sizeBytes);
  }

  datasync(): Promise<void> {
    return this.#run('datasync', (error) => (error === undefined ? this.#file.sync() : this.#file.syncFailed()));
  }

  /** Waits for operations that are under way. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #run<T>(operation: FileOperation, effect: (error: InjectedErrorCode | undefined) => T): Promise<T> {
    return this.#track(operation, () => this.#disk.call(operation, this.#path, effect));
  }

  async #track<T>(operation: FileOperation, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined || !this.#isAlive()) throw this.#error('EBADF', operation);
    this.#inFlight += 1;
    try {
      return await work();
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#onIdle?.();
    }
  }

  async #close(): Promise<void> {
    if (!this.#isAlive()) return;
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    // The descriptor is free even when close(2) reports an error.
    await this.#disk.call('close', this.#path, () => {
      if (this.#isAlive()) this.#file.closed();
    });
  }

  /** Usually all of it. */
  #pieceBytes(restBytes: number): number {
    if (restBytes < 2 || this.#disk.chance(8) > 0) return restBytes;
    return 1 + this.#disk.chance(restBytes);
  }

  #writePiece(source: Uint8Array, position: number): void {
    if (source.byteLength === 0) return;
    const hadRoom = this.#file.write(source, position);
    this.#file.modifiedMs = this.#disk.now();
    if (!hadRoom) throw this.#error('ENOSPC', 'write');
  }

  /** @param codeWhenReadOnly the two system calls do not agree on it */
  #checkWritable(codeWhenReadOnly: FileSystemErrorCode, syscall: string): void {
    if (!this.#writable) throw this.#error(codeWhenReadOnly, syscall);
  }

  #checkOffset(offset: number, syscall: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw this.#error('EINVAL', syscall);
  }

  #error(code: FileSystemErrorCode, syscall: string): NodeJS.ErrnoException {
    return fileSystemError(code, syscall, this.#path);
  }
}
