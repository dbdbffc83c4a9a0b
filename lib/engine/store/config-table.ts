import type { Clock, StateDirectory, StateFile } from '../types/index.js';
import {
  dataVersionOf,
  firstDataVersion,
  isObject,
  nextDataVersion,
  tableOf,
  type DataVersion,
} from './data-version.js';

/** Changes of these tables are awaited, so the interval only covers a write that failed and is tried again. */
const RETRY_INTERVAL_MS = 1000;

/** A JSON file that holds one table of named entries, and whatever a real broker keeps beside it. */
export class ConfigTable<Entry> {
  readonly #tableName: string;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** Other members of the file; kept as they are. */
  #rest: Readonly<Record<string, unknown>> = {};
  #dataVersion: DataVersion;
  #file: StateFile | undefined;

  constructor(tableName: string, clock: Clock) {
    this.#tableName = tableName;
    this.#clock = clock;
    this.#dataVersion = firstDataVersion(clock.now());
  }

  /** @param complete makes an entry of what the file says, with defaults for what it leaves out */
  async open(
    directory: StateDirectory,
    fileName: string,
    complete: (name: string, stated: Readonly<Record<string, unknown>>) => Entry,
  ): Promise<void> {
    this.#file = await directory.open(fileName, {
      snapshot: () => this.#snapshot(),
      flushIntervalMs: RETRY_INTERVAL_MS,
    });
    const content = this.#file.initial;
    if (isObject(content)) this.#rest = content;
    this.#dataVersion = dataVersionOf(content, this.#clock.now());
    for (const [name, stated] of Object.entries(tableOf(content, this.#tableName))) {
      if (isObject(stated)) this.#entries.set(name, complete(name, stated));
    }
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  list(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Resolves when the entry is on disk. When it can't be written, the entry is as it was before: nobody may build on one that a restart would not find. */
  async put(name: string, entry: Entry): Promise<void> {
    const before = this.#entries.get(name);
    this.#entries.set(name, entry);
    try {
      await this.#changed();
    } catch (error) {
      if (this.#entries.get(name) === entry) {
        if (before === undefined) this.#entries.delete(name);
        else this.#entries.set(name, before);
      }
      // A later change may have taken the entry to the disk meanwhile.
      this.#file?.markDirty();
      throw error;
    }
  }

  /** Resolves when the entry is gone from the disk. When that can't be written, the entry stays. */
  async delete(name: string): Promise<void> {
    const before = this.#entries.get(name);
    if (before === undefined) return;
    this.#entries.delete(name);
    try {
      await this.#changed();
    } catch (error) {
      if (!this.#entries.has(name)) this.#entries.set(name, before);
      this.#file?.markDirty();
      throw error;
    }
  }

  async #changed(): Promise<void> {
    this.#dataVersion = nextDataVersion(this.#dataVersion, this.#clock.now());
    this.#file?.markDirty();
    await this.#file?.flush();
  }

  #snapshot(): unknown {
    const names = [...this.#entries.keys()].toSorted();
    return {
      ...this.#rest,
      dataVersion: this.#dataVersion,
      [this.#tableName]: Object.fromEntries(names.map((name) => [name, this.#entries.get(name)])),
    };
  }
}
