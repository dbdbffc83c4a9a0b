import { posix } from 'node:path';

import type { FileSystem } from '../types/index.js';

/**
 * Makes a directory and its parents so that a power cut leaves them there: a name is on the disk when the directory that holds it is synced. What lies in
 * a directory whose own name is lost is lost with it, however well it was synced.
 */
export async function makeDurableDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; (await fileSystem.stat(at)) === undefined; at = posix.dirname(at)) missing.push(at);
  if (missing.length === 0) return;
  await fileSystem.makeDirectory(path);
  for (const made of missing.toReversed()) await fileSystem.syncDirectory(posix.dirname(made));
}
