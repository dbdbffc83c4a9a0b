import { makeDurableDirectory } from '../engine/store/durable-directory.js';
import { offsetFileName, type StorePaths } from '../engine/store/file-names.js';
import type { SegmentFiles } from '../engine/store/segment-files.js';
import type { FileHandle, FileSystem } from '../engine/types/index.js';

const COPY_BYTES = 1024 * 1024;

/** Copies a part of the log to `broken/`, without zeros at its end. */
export async function keepBytes(
  fileSystem: FileSystem,
  segments: SegmentFiles,
  from: number,
  to: number,
  directory: string,
  nowMs: number,
): Promise<void> {
  await keepCopy(fileSystem, directory, `${offsetFileName(from)}-${nowMs}.broken`, async (copy) => {
    const block = Buffer.allocUnsafeSlow(COPY_BYTES);
    for (let offset = from; offset < to;) {
      const fileRest = segments.startOf(offset) + segments.fileSizeBytes - offset;
      const wanted = block.subarray(0, Math.min(block.length, to - offset, fileRest));
      wanted.fill(0);
      await segments.read(wanted, offset);
      if (wanted.some((byte) => byte !== 0)) await copy.write(wanted, offset - from);
      offset += wanted.length;
    }
  });
}

/** Copies what a file has behind `from` to `broken/`, if there is something. */
export async function keepExcess(
  fileSystem: FileSystem,
  file: FileHandle,
  from: number,
  directory: string,
  copyName: string,
): Promise<void> {
  const sizeBytes = await file.sizeBytes();
  if (sizeBytes <= from) return;
  await keepCopy(fileSystem, directory, copyName, async (copy) => {
    const block = Buffer.allocUnsafeSlow(COPY_BYTES);
    for (let offset = from; offset < sizeBytes; offset += block.length) {
      const readBytes = await file.read(block, offset);
      await copy.write(block.subarray(0, readBytes), offset - from);
    }
  });
}

/** Makes a file in `broken/` that is on the disk, by its name too, when this resolves. */
async function keepCopy(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  fill: (copy: FileHandle) => Promise<void>,
): Promise<void> {
  await makeDurableDirectory(fileSystem, directory);
  const copy = await fileSystem.open(`${directory}/${name}`, 'create');
  try {
    await fill(copy);
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await fileSystem.syncDirectory(directory);
}

/** Moves a file or directory of the store to `broken/<now>-repair/`. */
export async function keepPath(fileSystem: FileSystem, paths: StorePaths, name: string, nowMs: number): Promise<void> {
  const from = `${paths.root}/${name}`;
  if ((await fileSystem.stat(from)) === undefined) return;
  const to = `${paths.broken}/${nowMs}-repair/${name}`;
  const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
  await makeDurableDirectory(fileSystem, directoryOf(to));
  await fileSystem.rename(from, to);
  await fileSystem.syncDirectory(directoryOf(to));
  await fileSystem.syncDirectory(directoryOf(from));
}
