import { FilePool } from '../engine/store/file-pool.js';
import { storePaths } from '../engine/store/file-names.js';
import { SegmentFiles } from '../engine/store/segment-files.js';
import type { FileSystem } from '../engine/types/index.js';
import type { StoreShape } from './store-shape.js';

const MAX_OPEN_FILES = 64;

/** The files of a store's log, for a while. */
export async function withLog<T>(
  fileSystem: FileSystem,
  shape: StoreShape,
  work: (segments: SegmentFiles, pool: FilePool) => Promise<T>,
): Promise<T> {
  const pool = new FilePool(fileSystem, MAX_OPEN_FILES);
  const segments = new SegmentFiles(storePaths(shape.path).commitLog, shape.segmentBytes, fileSystem, pool);
  try {
    await segments.load();
    return await work(segments, pool);
  } finally {
    await pool.close();
  }
}
