import { StoreLockedError } from '../../errors/index.js';
import type { FileLock, FileSystem } from '../types/index.js';
import { makeDurableDirectory } from './durable-directory.js';
import type { StorePaths } from './file-names.js';
import { asUnusable } from './unusable.js';

/**
 * One process owns a store at a time. Two files say so, as in RocketMQ: `lock` is locked by the owner, `abort` holds its process id and is there from the
 * opening to the end of a clean close.
 */
export class StoreOwner {
  readonly #fileSystem: FileSystem;
  readonly #paths: StorePaths;
  readonly #lock: FileLock;
  /** False: the store was not closed cleanly, so its derived files can't be trusted behind the checkpoint. */
  readonly wasClosedCleanly: boolean;

  private constructor(fileSystem: FileSystem, paths: StorePaths, lock: FileLock, wasClosedCleanly: boolean) {
    this.#fileSystem = fileSystem;
    this.#paths = paths;
    this.#lock = lock;
    this.wasClosedCleanly = wasClosedCleanly;
  }

  /**
   * @throws StoreLockedError another broker has the store open
   * @throws StoreUnusableError the directory can not be made or written
   */
  static async acquire(fileSystem: FileSystem, paths: StorePaths): Promise<StoreOwner> {
    const lock = await takeLock(fileSystem, paths);
    try {
      const wasClosedCleanly = (await fileSystem.stat(paths.abort)) === undefined;
      return new StoreOwner(fileSystem, paths, lock, wasClosedCleanly);
    } catch (error) {
      await lock.release();
      throw asUnusable(error, paths.root);
    }
  }

  /**
   * Marks the store as open. Until {@link release}, an end of the process counts as a crash. A mark that is there is written over and never removed: a
   * crash in between would make an unclean store look clean.
   */
  async markOpen(processId: number): Promise<void> {
    const text = Buffer.from(String(processId));
    const file = await this.#fileSystem.open(this.#paths.abort, 'create');
    try {
      await file.write(text, 0);
      await file.truncate(text.length);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#fileSystem.syncDirectory(this.#paths.root);
  }

  /** @param clean everything is on disk and in the derived files */
  async release(clean: boolean): Promise<void> {
    try {
      if (clean) {
        await this.#fileSystem.remove(this.#paths.abort);
        await this.#fileSystem.syncDirectory(this.#paths.root);
      }
    } finally {
      await this.#lock.release();
    }
  }
}

async function takeLock(fileSystem: FileSystem, paths: StorePaths): Promise<FileLock> {
  let lock: FileLock | undefined;
  try {
    await makeDurableDirectory(fileSystem, paths.root);
    lock = await fileSystem.tryLock(paths.lock);
  } catch (error) {
    throw asUnusable(error, paths.root);
  }
  if (lock !== undefined) return lock;
  const ownerText = (await fileSystem.readFile(paths.abort))?.toString('latin1').trim() ?? '';
  throw new StoreLockedError({ path: paths.root, ownerPid: /^\d+$/.test(ownerText) ? Number(ownerText) : undefined });
}
