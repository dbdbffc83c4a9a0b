import { NodeFileSystem } from '../engine/io/index.js';
import { offsetFileName, parseOffsetFileName, storePaths } from '../engine/store/file-names.js';
import type { FileStat, FileSystem } from '../engine/types/index.js';
import { keepExcess } from './keep.js';
import { ReadOnlyFileSystem } from './read-only-file-system.js';
import type { StoreShape } from './store-shape.js';

/** A file of the log that has another size than the others. */
export interface WrongSize {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
}

/** Files of the log that an opening would refuse for their size. It removes empty ones at the end by itself, and gives the last one its size after a crash. */
export async function wrongSizes(fileSystem: FileSystem, shape: StoreShape): Promise<readonly WrongSize[]> {
  const { commitLog, abort } = storePaths(shape.path);
  const found: WrongSize[] = [];
  for (const name of await fileSystem.list(commitLog)) {
    const start = parseOffsetFileName(name);
    if (start === undefined || start % shape.segmentBytes !== 0) continue;
    const path = `${commitLog}/${name}`;
    found.push({ path, name, sizeBytes: (await fileSystem.stat(path))?.sizeBytes ?? 0 });
  }
  while (found.at(-1)?.sizeBytes === 0) found.pop();
  const wasClosedCleanly = (await fileSystem.stat(abort)) === undefined;
  return found.filter(({ sizeBytes }, index) => {
    const isCutByCrash = !wasClosedCleanly && index === found.length - 1 && sizeBytes < shape.segmentBytes;
    return sizeBytes !== shape.segmentBytes && !isCutByCrash;
  });
}

/** Shows files of the log as if they had their size: what one lacks can't be read, and what it has too much is not seen. */
export class EvenLogFileSystem extends ReadOnlyFileSystem {
  readonly #paths: ReadonlySet<string>;
  readonly #segmentBytes: number;

  constructor(wrong: readonly WrongSize[], { segmentBytes }: StoreShape) {
    super();
    this.#paths = new Set(wrong.map(({ path }) => path));
    this.#segmentBytes = segmentBytes;
  }

  override async stat(path: string): Promise<FileStat | undefined> {
    const stat = await super.stat(path);
    return stat !== undefined && this.#paths.has(path) ? { ...stat, sizeBytes: this.#segmentBytes } : stat;
  }
}

/** Gives files of the log their size: zeros in the place of what is lacking; what is too much is kept. */
export async function giveSizes(
  wrong: readonly WrongSize[],
  { path, segmentBytes }: StoreShape,
  nowMs: number,
): Promise<void> {
  const fileSystem = new NodeFileSystem();
  for (const { path: filePath, name } of wrong) {
    const file = await fileSystem.open(filePath, 'write');
    try {
      const copyName = `${offsetFileName(Number(name) + segmentBytes)}-${nowMs}-excess.broken`;
      await keepExcess(fileSystem, file, segmentBytes, storePaths(path).broken, copyName);
      await file.truncate(segmentBytes);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
