import type { Clock } from '../types/clock.js';
import type { DiskUsage, FileHandle, FileLock, FileStat, FileSystem } from '../types/file-system.js';
import type { Random } from '../types/random.js';
import { CachedFile } from './cached-file.js';
import { DirectoryTree, TreeDirectory, type TreeNode } from './directory-tree.js';
import {
  FaultPlan,
  type FaultRates,
  type FileOperation,
  type InjectedErrorCode,
  type OrderedFault,
} from './fault-plan.js';
import { FaultyFileHandle, type FaultyDisk } from './faulty-file-handle.js';
import { LOCK_FILE_CONTENT } from './file-locker.js';
import { fileSystemError } from './file-system-error.js';
import { LockTable } from './lock-table.js';
import { NameJournal } from './name-journal.js';
import { SystemClock } from './system-clock.js';

export interface FaultyFileSystemOptions {
  /** All chance comes from here. */
  readonly random: Random;
  /** Gives the files their time of modification, and the turns that a slow call waits. Default: the system's clock. */
  readonly clock?: Pick<Clock, 'now' | 'defer'>;
  /** Size of the disk. Writes beyond it fail with `ENOSPC`. Default: 4 GiB. */
  readonly totalBytes?: number;
}

/** `power`: the machine stops; what was not synced may be lost. `process`: the process is killed; the operating system keeps what it was given. */
export type CrashKind = 'power' | 'process';

const DEFAULT_TOTAL_BYTES = 4 * 1024 ** 3;
/** From "nothing but what was synced" to "everything": chances that something unsynced is on the disk by luck. */
const SURVIVAL_PERCENTS = [0, 0, 20, 50, 80, 100] as const;

/**
 * A disk in memory that keeps no more than a disk must. What was written is safe after a sync of its file, and a name after a sync of its directory; at a
 * {@link crash} each unsynced page is there, or not, or in parts, and each unsynced name likewise. Calls fail and take time as they are told to.
 *
 * The same calls on the same random numbers always take the same course.
 */
export class FaultyFileSystem implements FileSystem {
  readonly #random: Random;
  readonly #clock: Pick<Clock, 'now' | 'defer'>;
  readonly #plan: FaultPlan;
  readonly #budget: { totalBytes: number; usedBytes: number };
  readonly #locks = new LockTable();
  readonly #disk: FaultyDisk;
  #tree: DirectoryTree<CachedFile>;
  #names: NameJournal<CachedFile>;
  /** Replaced at each crash: handles and calls of an earlier one are dead. */
  #life = {};

  constructor(options: FaultyFileSystemOptions) {
    this.#random = options.random;
    this.#clock = options.clock ?? new SystemClock();
    this.#plan = new FaultPlan(options.random);
    this.#budget = { totalBytes: options.totalBytes ?? DEFAULT_TOTAL_BYTES, usedBytes: 0 };
    this.#names = new NameJournal();
    this.#tree = this.#makeTree();
    this.#disk = {
      call: (operation, path, effect) => this.#call(operation, path, effect),
      pause: () => this.#pause(),
      chance: (bound) => this.#random.nextInt(bound),
      now: () => this.#clock.now(),
    };
  }

  /** Sets what goes wrong by chance from now on. At first nothing does. */
  setFaults(rates: Partial<FaultRates>): void {
    this.#plan.rates = { ...this.#plan.rates, ...rates };
  }

  /** Makes the next fitting calls fail. */
  failNext(fault: OrderedFault): void {
    this.#plan.order(fault);
  }

  /** Makes the disk larger or smaller. What is on it stays, also when it is more than the disk holds now: then there is no room for more. */
  resize(totalBytes: number): void {
    this.#budget.totalBytes = totalBytes;
  }

  /** True while calls may fail. */
  get hasFaults(): boolean {
    return this.#plan.isActive;
  }

  /** Nothing goes wrong any more, until the next crash. */
  clearFaults(): void {
    this.#plan.clear();
  }

  /**
   * Ends all who use the disk: their handles are dead, their locks free. The disk can be used again at once.
   *
   * @param survivalPercent `power`: chance that something unsynced is on the disk nevertheless. Default: by chance.
   */
  crash(kind: CrashKind = 'power', survivalPercent = this.#oneOf(SURVIVAL_PERCENTS)): void {
    this.#life = {};
    this.#locks.clear();
    if (kind === 'power') this.#names.powerCut(this.#tree.root, this.#random, survivalPercent);
    this.#budget.usedBytes = 0;
    for (const { file } of this.#files()) {
      if (kind === 'power') file.powerCut(this.#random, survivalPercent);
      file.processEnded();
      this.#budget.usedBytes += file.usedBytes;
    }
  }

  /** A disk of its own in the same state, with nobody who uses it, and without faults. */
  fork(random: Random): FaultyFileSystem {
    const { totalBytes } = this.#budget;
    const fork = new FaultyFileSystem({ random, clock: this.#clock, totalBytes });
    const copies = new Map<TreeNode<CachedFile>, TreeNode<CachedFile>>();
    const copyOf = (node: TreeNode<CachedFile>): TreeNode<CachedFile> => {
      const known = copies.get(node);
      if (known !== undefined) return known;
      const copy = node.kind === 'file' ? node.copy(fork.#budget) : new TreeDirectory<CachedFile>(node.modifiedMs);
      copies.set(node, copy);
      if (node.kind === 'directory') {
        for (const [name, child] of node.entries) (copy as TreeDirectory<CachedFile>).entries.set(name, copyOf(child));
      }
      return copy;
    };
    const copyOfDirectory = (node: TreeDirectory<CachedFile>): TreeDirectory<CachedFile> =>
      copyOf(node) as TreeDirectory<CachedFile>;
    fork.#tree = fork.#makeTree(copyOfDirectory(this.#tree.root));
    fork.#names = this.#names.copy(copyOf, copyOfDirectory);
    fork.crash('process');
    return fork;
  }

  /** Paths of files of which a power cut could take something. */
  unsyncedPaths(): readonly string[] {
    return this.#files()
      .filter(({ file }) => !file.isSynced)
      .map(({ path }) => path);
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const life = this.#life;
    const file = await this.#change('open', path, () => this.#tree.openFile(path, mode));
    return new FaultyFileHandle(path, file, mode !== 'read', this.#disk, () => life === this.#life);
  }

  async readFile(path: string): Promise<Buffer | undefined> {
    return this.#call('readFile', path, () => {
      const file = this.#tree.findFile(path);
      if (file === undefined) return undefined;
      const content = Buffer.allocUnsafe(file.sizeBytes);
      file.read(content, 0);
      return content;
    });
  }

  async stat(path: string): Promise<FileStat | undefined> {
    return this.#call('stat', path, () => {
      const node = this.#tree.find(path, 'stat');
      return node && { kind: node.kind, sizeBytes: node.sizeBytes, modifiedMs: node.modifiedMs };
    });
  }

  async list(path: string): Promise<readonly string[]> {
    return this.#call('list', path, () => this.#tree.list(path));
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#change('makeDirectory', path, () => this.#tree.makeDirectory(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change('rename', from, () => this.#tree.rename(from, to));
  }

  async remove(path: string): Promise<void> {
    await this.#change('remove', path, () => this.#tree.remove(path));
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#call('syncDirectory', path, (error) => {
      const directory = this.#tree.findDirectory(path, 'open');
      if (directory === undefined) throw fileSystemError('ENOENT', 'open', path);
      if (error === undefined) this.#names.sync(directory);
    });
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    return this.#call('diskUsage', path, () => {
      if (this.#tree.find(path, 'statfs') === undefined) throw fileSystemError('ENOENT', 'statfs', path);
      const { totalBytes, usedBytes } = this.#budget;
      return { totalBytes, freeBytes: Math.max(0, totalBytes - usedBytes) };
    });
  }

  async tryLock(path: string): Promise<FileLock | undefined> {
    return this.#call('tryLock', path, (error) => {
      if (error !== undefined) return undefined;
      const file = this.#tree.openFile(path, 'create');
      const free = this.#locks.take(path);
      if (free === undefined) return undefined;
      if (file.sizeBytes === 0 && !file.write(Buffer.from(LOCK_FILE_CONTENT), 0)) {
        free();
        throw fileSystemError('ENOSPC', 'write', path);
      }
      return { release: async () => free() };
    });
  }

  async #call<T>(
    operation: FileOperation,
    path: string,
    effect: (error: InjectedErrorCode | undefined) => T,
  ): Promise<T> {
    const life = this.#life;
    await this.#pause();
    if (life !== this.#life) throw fileSystemError('EIO', operation, path);
    const error = this.#plan.errorOf(operation, path);
    const result = effect(error);
    await this.#pause();
    if (error !== undefined) throw fileSystemError(error, operation, path);
    return result;
  }

  /** A call that changes names. One that fails with EIO may have been carried out. */
  #change<T>(operation: FileOperation, path: string, effect: () => T): Promise<T> {
    return this.#call(operation, path, (error) => {
      const happens = error === undefined || (error === 'EIO' && this.#random.nextInt(4) === 0);
      const result = happens ? effect() : undefined;
      // When there is an error the caller never sees the result.
      return result as T;
    });
  }

  async #pause(): Promise<void> {
    for (let turns = this.#plan.latencyTurns(); turns > 0; turns--) {
      await new Promise<void>((resolve) => {
        this.#clock.defer(resolve);
      });
    }
  }

  #makeTree(root?: TreeDirectory<CachedFile>): DirectoryTree<CachedFile> {
    const options = {
      now: () => this.#clock.now(),
      makeFile: () => new CachedFile(this.#budget, this.#clock.now()),
      onChange: (changes: Parameters<NameJournal<CachedFile>['record']>[0]) => this.#names.record(changes),
    };
    return root === undefined ? new DirectoryTree(options) : new DirectoryTree(options, root);
  }

  /** All files that have a name, each once. */
  #files(): { readonly path: string; readonly file: CachedFile }[] {
    const found = new Map<CachedFile, string>();
    const visit = (directory: TreeDirectory<CachedFile>, path: string): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === 'directory') visit(node, `${path}/${name}`);
        else found.set(node, `${path}/${name}`);
      }
    };
    visit(this.#tree.root, '');
    return [...found].map(([file, path]) => ({ path, file }));
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[this.#random.nextInt(values.length)]!;
  }
}
