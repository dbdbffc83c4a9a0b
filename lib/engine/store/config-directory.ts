import { DiskFullError, StateWriteFailedError, StoreClosedError, StoreCorruptError } from '../../errors/index.js';
import { messageOf } from '../../errors/thrown.js';
import type {
  Activity,
  Clock,
  EngineLogger,
  FileSystem,
  StateDirectory,
  StateFile,
  TimerHandle,
} from '../types/index.js';
import { isOutOfSpace } from './out-of-space.js';
import { makeDurableDirectory } from './durable-directory.js';
import { parseLenientJson } from './lenient-json.js';

export interface ConfigDirectoryEnvironment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: EngineLogger;
  readonly activity: Activity;
}

/** Brings to the disk what the log has written so far. */
type SyncLog = () => Promise<void>;

/** The store's `config/`: JSON files, each with the version before it beside it as `.bak` (RocketMQ: `ConfigManager`). */
export class ConfigDirectory implements StateDirectory {
  readonly #path: string;
  readonly #environment: ConfigDirectoryEnvironment;
  readonly #files: ConfigFile[] = [];
  /** The directory is there, and its name and those of its files are on the disk. */
  #isMade = false;
  #syncLog: SyncLog = () => Promise.resolve();

  constructor(path: string, environment: ConfigDirectoryEnvironment) {
    this.#path = path;
    this.#environment = environment;
  }

  async open(
    name: string,
    options: { readonly snapshot: () => unknown; readonly flushIntervalMs: number },
  ): Promise<StateFile> {
    if (!this.#isMade) {
      await makeDurableDirectory(this.#environment.fileSystem, this.#path);
      // What is read here may be in the memory of the operating system alone: an earlier process wrote it, and ended before its name was on the disk.
      await this.#environment.fileSystem.syncDirectory(this.#path);
      this.#isMade = true;
    }
    const path = `${this.#path}/${name}`;
    const { content, text } = await this.#read(path);
    const syncLog: SyncLog = () => this.#syncLog();
    const file = new ConfigFile(path, this.#path, content, text, options, this.#environment, syncLog);
    this.#files.push(file);
    return file;
  }

  /** From now on no file says what the log has not got on the disk: of a message that was handed on, a power cut would take the copy, and leave the progress behind it. */
  watch(log: { syncWritten: SyncLog }): void {
    this.#syncLog = () => log.syncWritten();
  }

  /** Writes what is dirty, and rejects when nothing is being written any more. A second call finds nothing to do. */
  async close(): Promise<void> {
    const results = await Promise.allSettled(this.#files.map((file) => file.close()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Writes nothing any more, also not what is dirty: the opening has failed, and the directory may soon be another one's. */
  async abandon(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.abandon()));
  }

  async #read(path: string): Promise<{ content: unknown; text: string | undefined }> {
    const { fileSystem, logger } = this.#environment;
    let failure: unknown;
    for (const candidate of [path, `${path}.bak`]) {
      const text = (await fileSystem.readFile(candidate))?.toString('utf8');
      if (text === undefined) continue;
      try {
        const content = parseLenientJson(text);
        if (candidate !== path) logger.warn(`"${path}" is missing or damaged; its copy "${candidate}" is used`);
        return { content, text };
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure === undefined) return { content: undefined, text: undefined };
    throw new StoreCorruptError({ file: path, offset: 0, reason: 'neither it nor its .bak copy is JSON' }, failure);
  }
}

class ConfigFile implements StateFile {
  readonly initial: unknown;
  readonly #path: string;
  readonly #directory: string;
  readonly #options: { readonly snapshot: () => unknown; readonly flushIntervalMs: number };
  readonly #environment: ConfigDirectoryEnvironment;
  readonly #syncLog: SyncLog;
  /** What the file holds now; it becomes the `.bak` of the next version. */
  #written: string | undefined;
  #dirty = false;
  #closed = false;
  /** Set when the last write has ended: the directory may belong to another process by then. */
  #isGivenFree = false;
  #timer: TimerHandle | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    path: string,
    directory: string,
    initial: unknown,
    written: string | undefined,
    options: { readonly snapshot: () => unknown; readonly flushIntervalMs: number },
    environment: ConfigDirectoryEnvironment,
    syncLog: SyncLog,
  ) {
    this.#path = path;
    this.#directory = directory;
    this.initial = initial;
    this.#written = written;
    this.#options = options;
    this.#environment = environment;
    this.#syncLog = syncLog;
  }

  markDirty(): void {
    this.#dirty = true;
    if (this.#closed) return;
    this.#timer ??= this.#environment.clock.setTimer(() => {
      this.#timer = undefined;
      this.flush().catch((error: unknown) => {
        this.#environment.logger.error(`"${this.#path}" could not be written, it is tried again: ${String(error)}`);
        this.markDirty();
      });
    }, this.#options.flushIntervalMs);
  }

  /** @throws DiskFullError, StateWriteFailedError */
  flush(): Promise<void> {
    const done = this.#environment.activity.begin();
    const run = this.#writing.then(() => this.#write()).finally(done);
    this.#writing = run.catch(() => undefined);
    return run;
  }

  async close(): Promise<void> {
    this.#stop();
    try {
      await this.flush();
    } finally {
      this.#isGivenFree = true;
    }
  }

  async abandon(): Promise<void> {
    this.#stop();
    this.#isGivenFree = true;
    await this.#writing;
  }

  #stop(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #write(): Promise<void> {
    if (!this.#dirty) return;
    if (this.#isGivenFree) throw new StoreClosedError({ operation: `write "${this.#path}"`, state: 'closed' });
    this.#dirty = false;
    const text = JSON.stringify(this.#options.snapshot(), null, '\t');
    try {
      await this.#syncLog();
      if (this.#written !== undefined) await this.#replace(`${this.#path}.bak`, this.#written);
      await this.#replace(this.#path, text);
      await this.#environment.fileSystem.syncDirectory(this.#directory);
      this.#written = text;
    } catch (error) {
      this.#dirty = true;
      throw this.#asWriteError(error);
    }
  }

  #asWriteError(error: unknown): Error {
    if (isOutOfSpace(error)) return new DiskFullError({ path: this.#directory }, error);
    return new StateWriteFailedError({ file: this.#path, reason: messageOf(error) }, error);
  }

  /** By way of a second file, so that there is a whole one at every moment. */
  async #replace(path: string, text: string): Promise<void> {
    const { fileSystem } = this.#environment;
    const temporary = `${path}.tmp`;
    await fileSystem.remove(temporary);
    const file = await fileSystem.open(temporary, 'create');
    try {
      await file.write(Buffer.from(text, 'utf8'), 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await fileSystem.rename(temporary, path);
  }
}
