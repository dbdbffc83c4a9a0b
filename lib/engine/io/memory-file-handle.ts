import type { FileHandle } from '../types/file-system.js';
import { fileSystemError, type FileSystemErrorCode } from './file-system-error.js';
import type { MemoryFile } from './memory-node.js';

/** An open file of a {@link MemoryFileSystem}. What it is asked for happens at the call; only the answer waits for a microtask. */
export class MemoryFileHandle implements FileHandle {
  readonly #path: string;
  readonly #file: MemoryFile;
  readonly #writable: boolean;
  readonly #now: () => number;
  #isOpen = true;

  constructor(path: string, file: MemoryFile, writable: boolean, now: () => number) {
    this.#path = path;
    this.#file = file;
    this.#writable = writable;
    this.#now = now;
    file.opened();
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    if (!this.#isOpen) throw this.#error('EBADF', 'read');
    this.#checkOffset(position, 'read');
    return this.#file.pages.read(target, position);
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    this.#checkWritable('EBADF', 'write');
    this.#checkOffset(position, 'write');
    if (source.byteLength === 0) return;
    const hadRoom = this.#file.pages.write(source, position);
    this.#file.modifiedMs = this.#now();
    if (!hadRoom) throw this.#error('ENOSPC', 'write');
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#checkWritable('EINVAL', 'ftruncate');
    this.#checkOffset(sizeBytes, 'ftruncate');
    this.#file.pages.truncate(sizeBytes);
    this.#file.modifiedMs = this.#now();
  }

  async sizeBytes(): Promise<number> {
    if (!this.#isOpen) throw this.#error('EBADF', 'fstat');
    return this.#file.sizeBytes;
  }

  async datasync(): Promise<void> {
    if (!this.#isOpen) throw this.#error('EBADF', 'fdatasync');
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.closed();
  }

  /** @param codeWhenReadOnly the two system calls do not agree on it */
  #checkWritable(codeWhenReadOnly: FileSystemErrorCode, syscall: string): void {
    if (!this.#isOpen) throw this.#error('EBADF', syscall);
    if (!this.#writable) throw this.#error(codeWhenReadOnly, syscall);
  }

  #checkOffset(offset: number, syscall: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw this.#error('EINVAL', syscall);
  }

  #error(code: FileSystemErrorCode, syscall: string): NodeJS.ErrnoException {
    return fileSystemError(code, syscall, this.#path);
  }
}
