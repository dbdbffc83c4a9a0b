import { StoreUnusableError } from '../../errors/index.js';

/** What the codes of the operating system mean for someone who gave a directory. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this process may not read or write it (EACCES)',
  EPERM: 'this process may not read or write it (EPERM)',
  EROFS: 'it is on a file system that is mounted read-only (EROFS)',
  ENOTDIR: 'it, or a part of its path, is a file and no directory (ENOTDIR)',
  EEXIST: 'it, or a part of its path, is a file and no directory (EEXIST)',
  ENAMETOOLONG: 'its name is too long (ENAMETOOLONG)',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is used up (EDQUOT)',
  EMFILE: 'this process has too many files open (EMFILE)',
};

/** An error of the operating system becomes one that names the store; any other comes back as it is. */
export function asUnusable(error: unknown, path: string): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new StoreUnusableError({ path, reason: REASONS[code] ?? String(message) }, error);
}
