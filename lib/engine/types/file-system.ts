/**
 * All that the engine asks of a disk. Every path is absolute or relative to the process; separators are `/`.
 *
 * Errors of the operating system come through as they are, with their `code` (`ENOENT`, `ENOSPC`, `EACCES`, …): callers branch
 * on `code`, never on `instanceof Error`, because an I/O error may come from another realm (a test runner's sandbox).
 */
export interface FileSystem {
  /**
   * Opens a file. `read` and `write` refuse a missing file with `ENOENT`; `create` makes it when it is missing and keeps its
   * content when it is there. `write` and `create` can read as well.
   */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle>;
  /** The whole file, or undefined when there is none. */
  readFile(path: string): Promise<Buffer | undefined>;
  /** Undefined when nothing is at that path. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a directory, sorted by code unit; empty when the directory does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** Makes a directory and its parents; harmless when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or an empty directory; harmless when nothing is there. */
  remove(path: string): Promise<void>;
  /** Makes names created, renamed or removed in this directory survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** Size and room of the disk that holds `path`, in bytes. */
  diskUsage(path: string): Promise<DiskUsage>;
  /**
   * Takes the lock file at `path` (made when missing, its content left alone) for this owner alone, among processes and among brokers of one process.
   * Undefined when another owner holds it. The lock of a dead process is free.
   */
  tryLock(path: string): Promise<FileLock | undefined>;
}

export interface FileHandle {
  /**
   * Fills `target` from `position`; resolves with the number of bytes read, which is short only at the end of the file.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `source` at `position`. A rejection may leave any part of it written. */
  write(source: Uint8Array, position: number): Promise<void>;
  /**
   * As {@link write} followed by {@link datasync}, in one call. A rejection says that the writing failed; when it was the sync that did, or may have been, the promise
   * resolves with its error. Undefined where the operating system has no such call.
   */
  readonly writeAndSync?: ((source: Uint8Array, position: number) => Promise<SyncOutcome>) | undefined;
  /** Sets the length; new bytes read as zero and take no room on a disk that knows sparse files. */
  truncate(sizeBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  /** Resolves when all that was written is on the disk (`fdatasync`). */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** Undefined: all is on the disk. Else nobody knows what is. */
export type SyncOutcome = { readonly syncError: unknown } | undefined;

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export interface DiskUsage {
  readonly totalBytes: number;
  /** What this process may still use. */
  readonly freeBytes: number;
}

export interface FileLock {
  release(): Promise<void>;
}
