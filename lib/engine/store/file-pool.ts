import type { FileHandle, FileSystem } from '../types/index.js';

/**
 * Open files, at most `maxOpen` of them idle: a store of thousands of queues does not hold thousands of file descriptors. A file in
 * use is never closed under its user.
 */
export class FilePool {
  readonly #fileSystem: FileSystem;
  readonly #maxOpen: number;
  /** In order of last use: the first is the one to close. */
  readonly #files = new Map<string, PooledFile>();

  constructor(fileSystem: FileSystem, maxOpen: number) {
    this.#fileSystem = fileSystem;
    this.#maxOpen = maxOpen;
  }

  /** Runs `work` with the file, opened (made, if `mode` says so) when it is not open. With one that is open it begins at once, before this returns. */
  async use<T>(path: string, mode: 'read' | 'write' | 'create', work: (file: FileHandle) => Promise<T>): Promise<T> {
    const pooled = this.#acquire(path, mode);
    try {
      return await work(pooled.file ?? (await pooled.handle));
    } finally {
      pooled.users--;
      if (pooled.users === 0) pooled.onUnused?.();
      this.#closeIdle();
    }
  }

  /** Closes a file that is to be removed, when those who use it now are done. The caller sees to it that nobody comes to use it after that. */
  async forget(path: string): Promise<void> {
    const pooled = this.#files.get(path);
    if (pooled === undefined) return;
    this.#files.delete(path);
    if (pooled.users > 0) await new Promise<void>((resolve) => (pooled.onUnused = resolve));
    const file = await pooled.handle.catch(() => undefined);
    // A close that fails has nothing left to lose, and its descriptor is free.
    await file?.close().catch(() => undefined);
  }

  /** Closes all files, each also when another can't be closed. The caller sees to it that nobody uses them. */
  async close(): Promise<void> {
    const open = [...this.#files.values()];
    this.#files.clear();
    const results = await Promise.allSettled(open.map(async ({ handle }) => (await handle).close()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #acquire(path: string, mode: 'read' | 'write' | 'create'): PooledFile {
    const known = this.#files.get(path);
    this.#files.delete(path);
    // One handle serves readers and writers, so a pooled file is always opened for writing.
    const pooled = known ?? this.#open(path, mode === 'read' ? 'write' : mode);
    this.#files.set(path, pooled);
    pooled.users++;
    return pooled;
  }

  #open(path: string, mode: 'write' | 'create'): PooledFile {
    const pooled: PooledFile = { handle: this.#fileSystem.open(path, mode), users: 0, file: undefined };
    pooled.handle.then(
      (file) => (pooled.file = file),
      () => {
        if (this.#files.get(path) === pooled) this.#files.delete(path);
      },
    );
    return pooled;
  }

  #closeIdle(): void {
    if (this.#files.size <= this.#maxOpen) return;
    for (const [path, pooled] of this.#files) {
      if (pooled.users > 0) continue;
      this.#files.delete(path);
      // A close that fails has nothing left to lose: what counts was synced before.
      void pooled.handle.then((file) => file.close()).catch(() => undefined);
      if (this.#files.size <= this.#maxOpen) return;
    }
  }
}

interface PooledFile {
  readonly handle: Promise<FileHandle>;
  /** The same, once it is open. */
  file: FileHandle | undefined;
  users: number;
  /** Called when the last user is done. */
  onUnused?: () => void;
}
