import { FaultyFileSystem, ManualClock, SeededRandom } from '../../lib/engine/io/index.js';
import type { FileHandle } from '../../lib/engine/types/index.js';

/** What is about to happen to a file. A hook that throws makes it fail; one that waits holds it up. */
export type FileHook = (operation: 'open' | 'write' | 'truncate' | 'datasync', path: string) => void | Promise<void>;

/** A disk that asks before each change, for tests that need one certain fault at one certain moment. */
export class HookedFileSystem extends FaultyFileSystem {
  hook: FileHook = () => undefined;

  constructor(clock = new ManualClock()) {
    super({ random: new SeededRandom(1), clock });
  }

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    await this.hook('open', path);
    const file = await super.open(path, mode);
    const hook: FileHook = (operation, of) => this.hook(operation, of);
    return {
      read: (target, position) => file.read(target, position),
      sizeBytes: () => file.sizeBytes(),
      close: () => file.close(),
      write: async (source, position) => {
        await hook('write', path);
        await file.write(source, position);
      },
      truncate: async (sizeBytes) => {
        await hook('truncate', path);
        await file.truncate(sizeBytes);
      },
      datasync: async () => {
        await hook('datasync', path);
        await file.datasync();
      },
    };
  }
}

export function diskError(code: 'EIO' | 'ENOSPC'): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
