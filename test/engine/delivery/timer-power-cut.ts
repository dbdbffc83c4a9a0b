import { MemoryFileSystem } from '../../../lib/engine/io/index.js';
import type {
  Clock,
  DiskUsage,
  FileHandle,
  FileLock,
  FileStat,
  FileSystem,
  Random,
} from '../../../lib/engine/types/index.js';

const PAGE_BYTES = 64 * 1024;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

interface UnsyncedWrite {
  readonly path: string;
  readonly position: number;
  readonly before: Buffer;
  readonly after: Buffer;
}

/**
 * A disk in memory whose power can be cut after any number of changes. From then on it answers nothing, so whoever uses it comes to a standstill. Of the writes that
 * were not synced, those to the files in which `losesUnsynced` is true may be lost, each for itself and in any combination; renames, removals and lengths last.
 */
export class PowerCutFileSystem implements FileSystem {
  readonly disk: MemoryFileSystem;
  /** Resolves when the power is cut. */
  readonly gone: Promise<void>;
  readonly #losesUnsynced: (path: string) => boolean;
  #unsynced: UnsyncedWrite[] = [];
  #changesLeft = Infinity;
  #isCut = false;
  #cut!: () => void;

  constructor(disk: MemoryFileSystem, losesUnsynced: (path: string) => boolean) {
    this.disk = disk;
    this.#losesUnsynced = losesUnsynced;
    this.gone = new Promise((resolve) => {
      this.#cut = resolve;
    });
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** The power goes when this many more changes have been made. */
  cutAfter(changes: number): void {
    this.#changesLeft = changes;
    if (changes === 0) this.cutNow();
  }

  cutNow(): void {
    this.#isCut = true;
    this.#cut();
  }

  /** The disk as the next start finds it. The power has been cut. */
  async afterwards(clock: Clock, random: Random): Promise<MemoryFileSystem> {
    const after = new MemoryFileSystem({ clock });
    await copyTree(this.disk, after, '/');
    for (const write of this.#unsynced.toReversed()) await overwrite(after, write.path, write.before, write.position);
    for (const write of this.#unsynced) {
      if (random.nextInt(2) === 0) await overwrite(after, write.path, write.after, write.position);
    }
    return after;
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    await this.#change(mode === 'create');
    const file = await this.disk.open(path, mode);
    return {
      read: (target, position) => this.#run(() => file.read(target, position)),
      write: async (source, position) => {
        await this.#change(true);
        if (this.#losesUnsynced(path)) {
          const before = Buffer.alloc(source.length);
          await file.read(before, position);
          this.#unsynced.push({ path, position, before, after: Buffer.from(source) });
        }
        await file.write(source, position);
      },
      truncate: async (sizeBytes) => {
        await this.#change(true);
        await file.truncate(sizeBytes);
      },
      sizeBytes: () => this.#run(() => file.sizeBytes()),
      datasync: async () => {
        const covered = new Set(this.#unsynced.filter((write) => write.path === path));
        await this.#change(true);
        this.#unsynced = this.#unsynced.filter((write) => !covered.has(write));
      },
      close: () => this.#run(() => file.close()),
    };
  }

  readFile(path: string): Promise<Buffer | undefined> {
    return this.#run(() => this.disk.readFile(path));
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#run(() => this.disk.stat(path));
  }

  list(path: string): Promise<readonly string[]> {
    return this.#run(() => this.disk.list(path));
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#change(true);
    await this.disk.makeDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change(true);
    await this.disk.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#change(true);
    this.#unsynced = this.#unsynced.filter((write) => write.path !== path);
    await this.disk.remove(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#run(() => this.disk.syncDirectory(path));
  }

  diskUsage(path: string): Promise<DiskUsage> {
    return this.#run(() => this.disk.diskUsage(path));
  }

  tryLock(path: string): Promise<FileLock | undefined> {
    return this.#run(() => this.disk.tryLock(path));
  }

  #run<T>(operation: () => Promise<T>): Promise<T> {
    return this.#isCut ? never() : operation();
  }

  async #change(isOne: boolean): Promise<void> {
    if (this.#isCut) await never();
    if (!isOne) return;
    if (this.#changesLeft <= 0) {
      this.cutNow();
      await never();
    }
    this.#changesLeft -= 1;
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

async function overwrite(disk: MemoryFileSystem, path: string, bytes: Buffer, position: number): Promise<void> {
  const file = await disk.open(path, 'write');
  await file.write(bytes, position);
  await file.close();
}

/** Copies files as sparse as they are. */
export async function copyTree(from: MemoryFileSystem, to: MemoryFileSystem, path: string): Promise<void> {
  await to.makeDirectory(path);
  for (const name of await from.list(path)) {
    const child = `${path}/${name}`;
    if ((await from.stat(child))?.kind === 'directory') await copyTree(from, to, child);
    else await copyFile(from, to, child);
  }
}

async function copyFile(from: MemoryFileSystem, to: MemoryFileSystem, path: string): Promise<void> {
  const content = (await from.readFile(path))!;
  const copy = await to.open(path, 'create');
  await copy.truncate(content.length);
  for (let at = 0; at < content.length; at += PAGE_BYTES) {
    const page = content.subarray(at, at + PAGE_BYTES);
    if (!page.equals(ZERO_PAGE.subarray(0, page.length))) await copy.write(page, at);
  }
  await copy.close();
}
