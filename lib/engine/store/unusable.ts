import { StoreUnusableError } from '../../errors/index.js';

/** What the codes of the operating system mean for someone who gave a directory. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this process may not read or write it (EACCES)',
  EPERM: 'this process may not read or write it (EPERM)',
  EROFS: 'it is on a file system that is mounted read-only (EROFS)',
  ENOTDIR: 'it, or a part of its path, is a file and no directory (ENOTDIR)',
  EISDIR: 'a directory is in the place of a file (EISDIR)',
  EEXIST: 'it, or a part of its path, is a file and no directory (EEXIST)',
  ENAMETOOLONG: 'its name is too long (ENAMETOOLONG)',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is used up (EDQUOT)',
  EMFILE: 'this process has too many files open (EMFILE)',
};

/** An error of the operating system becomes one that names the store; any other comes back as it is. */
export function asUnusable(error: unknown, path: string): unknown {
  const { code, message, path: file } = (error ?? {}) as { code?: unknown; message?: unknown; path?: unknown };
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  const meaning = REASONS[code];
  if (meaning === undefined) return new StoreUnusableError({ path, reason: String(message) }, error);
  // One file of many may be the one that belongs to somebody else.
  const where = typeof file === 'string' && file !== path ? `: "${file}"` : '';
  return new StoreUnusableError({ path, reason: meaning + where }, error);
}
