import { MemoryFileSystem } from '../../lib/engine/io/index.js';
import type { FileHandle } from '../../lib/engine/types/index.js';

/** Counts what is read of its files, and how often the name of a directory is synced. */
export class CountingFileSystem extends MemoryFileSystem {
  readBytes = 0;
  /** The file of each read. */
  readonly reads: string[] = [];
  readonly syncedDirectories: string[] = [];

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => {
      this.reads.push(path);
      const readBytes = await read(target, position);
      this.readBytes += readBytes;
      return readBytes;
    };
    return file;
  }

  override async syncDirectory(path: string): Promise<void> {
    this.syncedDirectories.push(path);
    await super.syncDirectory(path);
  }
}
