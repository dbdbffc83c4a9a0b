import { pathKey } from './directory-tree.js';

/** Which lock files of a disk in memory are held. */
export class LockTable {
  readonly #owners = new Map<string, symbol>();

  /** Takes the lock at a path; returns what frees it, or undefined when it is held. */
  take(path: string): (() => void) | undefined {
    const key = pathKey(path);
    if (this.#owners.has(key)) return undefined;
    const owner = Symbol(key);
    this.#owners.set(key, owner);
    return () => {
      // A late release must not free the lock of whoever has it now.
      if (this.#owners.get(key) === owner) this.#owners.delete(key);
    };
  }

  /** The owners are dead. */
  clear(): void {
    this.#owners.clear();
  }
}
