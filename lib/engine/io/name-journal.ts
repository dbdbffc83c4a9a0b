import type { Random } from '../types/random.js';
import { TreeDirectory, type EntryChange, type TreeFile, type TreeNode } from './directory-tree.js';

type Changes<F extends TreeFile> = readonly EntryChange<F>[];
type Entries<F extends TreeFile> = Map<string, TreeNode<F>>;

/**
 * Which names of a tree are on the disk. A change of names is there when a directory that it touches has been synced; until then a power cut may
 * take it back. What one call changed, such as a rename, stays or goes as a whole.
 */
export class NameJournal<F extends TreeFile> {
  readonly #onDisk = new Map<TreeDirectory<F>, Entries<F>>();
  /** In the order in which they were made. */
  #unsynced: Changes<F>[] = [];

  /** To be called before each change. */
  record(changes: Changes<F>): void {
    this.#unsynced.push(changes);
  }

  sync(directory: TreeDirectory<F>): void {
    const touches = (changes: Changes<F>): boolean => changes.some((change) => change.directory === directory);
    for (const changes of this.#unsynced) if (touches(changes)) this.#apply(changes);
    this.#unsynced = this.#unsynced.filter((changes) => !touches(changes));
  }

  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  /**
   * Gives the directories the names that the disk holds after a power cut: half of the times the changes up to some moment, as journaling file systems leave them, else
   * any of them.
   *
   * @param root keeps its place; what can't be reached from it is gone
   * @param survivalPercent chance that a change is on the disk by luck
   */
  powerCut(root: TreeDirectory<F>, random: Random, survivalPercent: number): void {
    const inOrder = random.nextInt(2) === 0;
    for (const changes of this.#unsynced) {
      if (random.nextInt(100) < survivalPercent) this.#apply(changes);
      else if (inOrder) break;
    }
    this.#unsynced = [];
    const reachable = new Set<TreeDirectory<F>>();
    this.#restore(root, reachable);
    for (const directory of this.#onDisk.keys()) if (!reachable.has(directory)) this.#onDisk.delete(directory);
  }

  /** The same journal for a copy of the tree. @param copyOf gives the copy of each node */
  copy(
    copyOf: (node: TreeNode<F>) => TreeNode<F>,
    copyOfDirectory: (node: TreeDirectory<F>) => TreeDirectory<F>,
  ): NameJournal<F> {
    const copy = new NameJournal<F>();
    for (const [directory, entries] of this.#onDisk) {
      const copied = [...entries].map(([name, node]) => [name, copyOf(node)] as const);
      copy.#onDisk.set(copyOfDirectory(directory), new Map(copied));
    }
    copy.#unsynced = this.#unsynced.map((changes) =>
      changes.map(({ directory, name, node }) => ({
        directory: copyOfDirectory(directory),
        name,
        node: node && copyOf(node),
      })),
    );
    return copy;
  }

  #apply(changes: Changes<F>): void {
    for (const { directory, name, node } of changes) {
      const entries = this.#onDisk.get(directory) ?? new Map<string, TreeNode<F>>();
      this.#onDisk.set(directory, entries);
      if (node === undefined) entries.delete(name);
      else entries.set(name, node);
    }
  }

  #restore(directory: TreeDirectory<F>, reached: Set<TreeDirectory<F>>): void {
    reached.add(directory);
    directory.entries.clear();
    for (const [name, node] of this.#onDisk.get(directory) ?? []) {
      directory.entries.set(name, node);
      if (node.kind === 'directory') this.#restore(node, reached);
    }
  }
}
