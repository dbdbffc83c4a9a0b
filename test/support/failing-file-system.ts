import type { FileHandle, FileSystem } from '../../lib/engine/types/index.js';

type Call = (...args: unknown[]) => Promise<unknown>;

/** A file system of which one call fails, counted from the first, and that knows which files are open. */
export class FailingFileSystem {
  /** Calls so far, those of open files among them. */
  calls = 0;
  readonly openPaths = new Set<object>();
  readonly fileSystem: FileSystem;
  readonly #failing: number;
  readonly #error: () => Error;

  constructor(files: FileSystem, failing: number, error: () => Error) {
    this.#failing = failing;
    this.#error = error;
    this.fileSystem = this.#counted(files, async (name, args, result) =>
      name === 'open' ? this.#opened(String(args[0]), result as FileHandle) : result,
    );
  }

  #opened(path: string, file: FileHandle): FileHandle {
    const opened = { path };
    this.openPaths.add(opened);
    return this.#counted(file, async (name, _, result) => {
      if (name === 'close') this.openPaths.delete(opened);
      return result;
    });
  }

  /** The same object, with each of its calls counted, and made to take a turn of the event loop. */
  #counted<T extends object>(
    target: T,
    after: (name: string, args: unknown[], result: unknown) => Promise<unknown>,
  ): T {
    return new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          this.calls++;
          const fails = this.calls === this.#failing;
          await new Promise((resolve) => setImmediate(resolve));
          // A descriptor is free also when its close reports an error.
          if (fails && name !== 'close') throw this.#error();
          const result = await after(String(name), args, await (member as Call).apply(target, args));
          if (fails) throw this.#error();
          return result;
        };
      },
    });
  }
}
