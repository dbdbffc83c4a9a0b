import { posix } from 'node:path';
import { fileSystemError } from './file-system-error.js';

/** What a tree asks of the files in it. */
export interface TreeFile {
  readonly kind: 'file';
  readonly sizeBytes: number;
  modifiedMs: number;
  /** The file has lost its name. Like an inode it outlives it while handles are open. */
  nameRemoved(): void;
}

export class TreeDirectory<F extends TreeFile> {
  readonly kind = 'directory';
  readonly entries = new Map<string, TreeNode<F>>();
  readonly sizeBytes = 0;
  modifiedMs: number;

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

export type TreeNode<F extends TreeFile> = F | TreeDirectory<F>;

/** One name of a directory gets a node, or loses it. */
export interface EntryChange<F extends TreeFile> {
  readonly directory: TreeDirectory<F>;
  readonly name: string;
  readonly node: TreeNode<F> | undefined;
}

export interface TreeOptions<F extends TreeFile> {
  readonly now: () => number;
  readonly makeFile: () => F;
  /** Told of each change of names, before it happens. What one call brings happens at once or not at all. */
  readonly onChange?: (changes: readonly EntryChange<F>[]) => void;
}

/** The names of a disk in memory, with the rules and the error codes of a real one. Relative paths start at the root. */
export class DirectoryTree<F extends TreeFile> {
  readonly root: TreeDirectory<F>;
  readonly #options: TreeOptions<F>;

  constructor(options: TreeOptions<F>, root = new TreeDirectory<F>(options.now())) {
    this.#options = options;
    this.root = root;
  }

  /** The node at a path, undefined when there is none. A file in the place of a parent directory is an error. */
  find(path: string, syscall: string): TreeNode<F> | undefined {
    let node: TreeNode<F> = this.root;
    for (const name of namesOf(path)) {
      if (node.kind !== 'directory') throw fileSystemError('ENOTDIR', syscall, path);
      const next = node.entries.get(name);
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  /** As {@link find}, for what takes directories alone. */
  findDirectory(path: string, syscall: string): TreeDirectory<F> | undefined {
    const node = this.find(path, syscall);
    if (node !== undefined && node.kind !== 'directory') throw fileSystemError('ENOTDIR', syscall, path);
    return node;
  }

  /** The file to open; made when `mode` says so. */
  openFile(path: string, mode: 'read' | 'write' | 'create'): F {
    const node = this.find(path, 'open') ?? (mode === 'create' ? this.#create(path) : undefined);
    if (node === undefined) throw fileSystemError('ENOENT', 'open', path);
    if (node.kind === 'directory') throw fileSystemError('EISDIR', 'open', path);
    return node;
  }

  /** The file to read as a whole, undefined when there is none. */
  findFile(path: string): F | undefined {
    const node = this.find(path, 'open');
    if (node?.kind === 'directory') throw fileSystemError('EISDIR', 'read', path);
    return node;
  }

  list(path: string): string[] {
    return [...(this.findDirectory(path, 'scandir')?.entries.keys() ?? [])].toSorted();
  }

  makeDirectory(path: string): void {
    const names = namesOf(path);
    let directory = this.root;
    for (const [index, name] of names.entries()) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = new TreeDirectory<F>(this.#options.now());
        this.#change([{ directory, name, node: next }]);
      } else if (next.kind !== 'directory') {
        throw fileSystemError(index === names.length - 1 ? 'EEXIST' : 'ENOTDIR', 'mkdir', path);
      }
      directory = next;
    }
  }

  rename(from: string, to: string): void {
    const source = this.#entry(from, 'rename');
    const moved = source.directory.entries.get(source.name);
    if (moved === undefined) throw fileSystemError('ENOENT', 'rename', from);
    const target = this.#entry(to, 'rename');
    const replaced = target.directory.entries.get(target.name);
    if (moved === replaced) return;
    if (moved.kind === 'directory' && isInside(to, from)) throw fileSystemError('EINVAL', 'rename', from);
    if (replaced !== undefined) checkReplaceable(moved, replaced, from);
    this.#change([
      { ...source, node: undefined },
      { ...target, node: moved },
    ]);
    if (replaced?.kind === 'file') replaced.nameRemoved();
  }

  remove(path: string): void {
    if (this.find(path, 'unlink') === undefined) return;
    const { directory, name } = this.#entry(path, 'unlink');
    const node = directory.entries.get(name);
    if (node?.kind === 'directory' && node.entries.size > 0) throw fileSystemError('ENOTEMPTY', 'rmdir', path);
    this.#change([{ directory, name, node: undefined }]);
    if (node?.kind === 'file') node.nameRemoved();
  }

  #create(path: string): F {
    const { directory, name } = this.#entry(path, 'open');
    const file = this.#options.makeFile();
    this.#change([{ directory, name, node: file }]);
    return file;
  }

  /** Where the name of a path stands, or would stand. */
  #entry(path: string, syscall: string): { readonly directory: TreeDirectory<F>; readonly name: string } {
    const name = namesOf(path).at(-1);
    if (name === undefined) throw fileSystemError('EPERM', syscall, path);
    const directory = this.findDirectory(posix.dirname(posix.resolve('/', path)), syscall);
    if (directory === undefined) throw fileSystemError('ENOENT', syscall, path);
    return { directory, name };
  }

  #change(changes: readonly EntryChange<F>[]): void {
    this.#options.onChange?.(changes);
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.entries.delete(name);
      else directory.entries.set(name, node);
      directory.modifiedMs = this.#options.now();
    }
  }
}

/** A path without its different spellings. */
export function pathKey(path: string): string {
  return posix.resolve('/', path);
}

function namesOf(path: string): string[] {
  return pathKey(path)
    .split('/')
    .filter((name) => name !== '');
}

function isInside(path: string, directory: string): boolean {
  return pathKey(path).startsWith(`${pathKey(directory)}/`);
}

/** The rules of rename(2). */
function checkReplaceable<F extends TreeFile>(moved: TreeNode<F>, replaced: TreeNode<F>, path: string): void {
  if (replaced.kind === 'directory') {
    if (moved.kind !== 'directory') throw fileSystemError('EISDIR', 'rename', path);
    if (replaced.entries.size > 0) throw fileSystemError('ENOTEMPTY', 'rename', path);
  } else if (moved.kind === 'directory') {
    throw fileSystemError('ENOTDIR', 'rename', path);
  }
}
