import { NodeFileSystem } from '../engine/io/index.js';
import type { FileHandle, FileLock } from '../engine/types/index.js';

/**
 * Files that can't be changed. What is written is taken and forgotten: so the engine's own recovery can work out what a store holds, in memory, beside an app
 * that has the store open, on a read-only mount, or on evidence that nobody may touch.
 */
export class ReadOnlyFileSystem extends NodeFileSystem {
  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    if (mode === 'create' && (await this.stat(path)) === undefined) return NOTHING;
    return new ReadOnlyHandle(await super.open(path, 'read'));
  }

  override async makeDirectory(): Promise<void> {}
  override async rename(): Promise<void> {}
  override async remove(): Promise<void> {}
  override async syncDirectory(): Promise<void> {}

  /** Who changes nothing needs no lock. */
  override async tryLock(): Promise<FileLock> {
    return { release: async () => undefined };
  }
}

class ReadOnlyHandle implements FileHandle {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#file.read(target, position);
  }

  sizeBytes(): Promise<number> {
    return this.#file.sizeBytes();
  }

  async write(): Promise<void> {}
  async truncate(): Promise<void> {}
  async datasync(): Promise<void> {}

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A file that was made and forgotten. */
const NOTHING: FileHandle = {
  read: async () => 0,
  write: async () => undefined,
  truncate: async () => undefined,
  sizeBytes: async () => 0,
  datasync: async () => undefined,
  close: async () => undefined,
};
