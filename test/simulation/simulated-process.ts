import type { Clock, DiskUsage, FileHandle, FileLock, FileSystem, TimerHandle } from '../../lib/engine/types/index.js';

/** Sees what a process does to the disk. */
export interface DiskWatcher {
  beforeRemoval(path: string): Promise<void>;
  /** @param usage undefined: the disk did not answer */
  lookedAtDisk(usage: DiskUsage | undefined): void;
}

/**
 * The life of one process: a view of the clock and the disk that ends when it is killed. From then on nothing of it happens any more: its timers do not
 * fire, its calls have no effect, and what it waits for never comes.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly #watcher: DiskWatcher | undefined;
  #alive = true;

  constructor(clock: Clock, fileSystem: FileSystem, watcher?: DiskWatcher) {
    this.#watcher = watcher;
    this.clock = this.#mortalClock(clock);
    this.fileSystem = this.#mortalFileSystem(fileSystem);
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  kill(): void {
    this.#alive = false;
  }

  /** What the process hears of the end of some work. */
  heard<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => {
          if (this.#alive) resolve(value);
        },
        (error: unknown) => {
          if (this.#alive) reject(error);
        },
      );
    });
  }

  #call<T>(work: () => Promise<T>): Promise<T> {
    return this.#alive ? this.heard(work()) : new Promise<never>(() => undefined);
  }

  #whileAlive(callback: () => void): () => void {
    return () => {
      if (this.#alive) callback();
    };
  }

  #mortalClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (callback, delayMs): TimerHandle =>
        this.#alive ? clock.setTimer(this.#whileAlive(callback), delayMs) : { cancel: () => undefined },
      defer: (callback) => {
        if (this.#alive) clock.defer(this.#whileAlive(callback));
      },
    };
  }

  #mortalFileSystem(files: FileSystem): FileSystem {
    return {
      open: (path, mode) => this.#call(async () => this.#mortalHandle(await files.open(path, mode))),
      readFile: (path) => this.#call(() => files.readFile(path)),
      stat: (path) => this.#call(() => files.stat(path)),
      list: (path) => this.#call(() => files.list(path)),
      makeDirectory: (path) => this.#call(() => files.makeDirectory(path)),
      rename: (from, to) => this.#call(() => files.rename(from, to)),
      remove: (path) => this.#call(() => this.#remove(files, path)),
      syncDirectory: (path) => this.#call(() => files.syncDirectory(path)),
      diskUsage: (path) => this.#call(() => this.#diskUsage(files, path)),
      tryLock: (path) =>
        this.#call(async () => {
          const lock = await files.tryLock(path);
          return lock && this.#mortalLock(lock);
        }),
    };
  }

  #remove(files: FileSystem, path: string): Promise<void> {
    if (this.#watcher === undefined) return files.remove(path);
    return this.#watcher.beforeRemoval(path).then(() => (this.#alive ? files.remove(path) : undefined));
  }

  #diskUsage(files: FileSystem, path: string): Promise<DiskUsage> {
    const asking = files.diskUsage(path);
    const watcher = this.#watcher;
    if (watcher === undefined) return asking;
    return asking.then(
      (usage) => {
        watcher.lookedAtDisk(usage);
        return usage;
      },
      (error: unknown) => {
        watcher.lookedAtDisk(undefined);
        throw error;
      },
    );
  }

  #mortalHandle(file: FileHandle): FileHandle {
    return {
      read: (target, position) => this.#call(() => file.read(target, position)),
      write: (source, position) => this.#call(() => file.write(source, position)),
      truncate: (sizeBytes) => this.#call(() => file.truncate(sizeBytes)),
      sizeBytes: () => this.#call(() => file.sizeBytes()),
      datasync: () => this.#call(() => file.datasync()),
      close: () => this.#call(() => file.close()),
    };
  }

  #mortalLock(lock: FileLock): FileLock {
    return { release: () => this.#call(() => lock.release()) };
  }
}
