import type { FileLock } from '../types/file-system.js';

/** One way to take a lock file for one owner, among processes and inside one. */
export interface FileLocker {
  /** Makes the file when it is missing. Undefined when another owner has it. */
  tryLock(path: string): Promise<FileLock | undefined>;
}

/** What RocketMQ writes into a new lock file (`DefaultMessageStore.start`). */
export const LOCK_FILE_CONTENT = 'lock';
