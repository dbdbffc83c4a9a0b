import { FilePool } from '../engine/store/file-pool.js';
import { storePaths } from '../engine/store/file-names.js';
import { SegmentFiles } from '../engine/store/segment-files.js';
import type { FileSystem } from '../engine/types/index.js';
import type { StoreShape } from './store-shape.js';

const MAX_OPEN_FILES = 64;

/** The files of a store's log, for a while. As the engine does, takes a last file that is too short for one that a crash has left so, if the store was not closed cleanly. */
export async function withLog<T>(
  fileSystem: FileSystem,
  shape: StoreShape,
  work: (segments: SegmentFiles, pool: FilePool) => Promise<T>,
): Promise<T> {
  const pool = new FilePool(fileSystem, MAX_OPEN_FILES);
  const paths = storePaths(shape.path);
  const segments = new SegmentFiles(paths.commitLog, shape.segmentBytes, fileSystem, pool);
  try {
    await segments.load((await fileSystem.stat(paths.abort)) !== undefined);
    return await work(segments, pool);
  } finally {
    await pool.close();
  }
}
