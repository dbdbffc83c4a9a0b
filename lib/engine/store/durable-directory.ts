import { posix } from 'node:path';

import type { FileSystem } from '../types/index.js';

/**
 * Makes a directory and its parents so that a power cut leaves them there: a name is on the disk when the directory that holds it is synced. What lies in
 * a directory whose own name is lost is lost with it, however well it was synced.
 *
 * Each level is synced before the next one is made. So of the levels that are there only the deepest may have a name that is not on the disk, left by a
 * process that was killed between the two steps.
 */
export async function makeDurableDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  const missing: string[] = [];
  let deepest = path;
  for (; (await fileSystem.stat(deepest)) === undefined; deepest = posix.dirname(deepest)) missing.push(deepest);
  await syncNameOfPresent(fileSystem, deepest);
  for (const level of missing.toReversed()) {
    await fileSystem.makeDirectory(level);
    await fileSystem.syncDirectory(posix.dirname(level));
  }
}

/** What an administrator made may lie in a directory that this process must not open; then it is not for this process to sync. */
async function syncNameOfPresent(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(posix.dirname(path));
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}
