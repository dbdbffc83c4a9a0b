import * as fs from 'node:fs';
import type { FileLock } from '../types/file-system.js';
import { errorCode } from './file-system-error.js';
import { LOCK_FILE_CONTENT, type FileLocker } from './file-locker.js';
import { NodeFileHandle } from './node-file-handle.js';
import { openDescriptor } from './open-descriptor.js';

type TryLock = (fd: number, offset: number, length: number) => boolean;

// RocketMQ locks byte 0 alone, by a POSIX record lock. Linux checks those and ours against each other, so a running RocketMQ broker
// and this one never share a store.
const LOCK_OFFSET = 0;
const LOCK_LENGTH = 1;

/**
 * Locks through the kernel: on Linux by an open file description lock. It belongs to the open file, so two brokers of one process
 * exclude each other too, and the kernel frees it when the process dies, however it dies.
 */
export class NativeFileLocker implements FileLocker {
  readonly #tryLock: TryLock;

  constructor(tryLock: TryLock) {
    this.#tryLock = tryLock;
  }

  /**
   * Undefined where the optional dependency `fs-native-extensions` is not installed or has no binary for this platform.
   *
   * @throws EMFILE, ENFILE it may be there, but no file can be opened to see. A lock of another kind would not be seen by whoever holds this one.
   */
  static async load(): Promise<NativeFileLocker | undefined> {
    try {
      const { tryLock } = await import('fs-native-extensions');
      return new NativeFileLocker(tryLock);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EMFILE' || code === 'ENFILE') throw error;
      return undefined;
    }
  }

  async tryLock(path: string): Promise<FileLock | undefined> {
    // A plain descriptor, not a `FileHandle` of `fs.promises`: that one closes when it is collected, and the lock would go with it.
    const fd = await openDescriptor(path, fs.constants.O_RDWR | fs.constants.O_CREAT);
    const file = new NodeFileHandle(path, fd);
    try {
      if (!this.#tryLock(fd, LOCK_OFFSET, LOCK_LENGTH)) {
        await file.close();
        return undefined;
      }
      if ((await file.sizeBytes()) === 0) await file.write(Buffer.from(LOCK_FILE_CONTENT), 0);
    } catch (error) {
      await file.close();
      throw error;
    }
    return { release: () => file.close() };
  }
}
