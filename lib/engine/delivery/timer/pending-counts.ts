import { firstDataVersion, isObject, tableOf } from '../../store/index.js';
import type { FileSystem } from '../../types/index.js';

type Counts = ReadonlyMap<string, number>;

/** Timers that wait to be delivered. */
export interface PendingTimers {
  readonly total: number;
  /** By the topic that they go to. Topics without timers are left out. */
  readonly byTopic: Readonly<Record<string, number>>;
}

/**
 * How many timers wait, by topic, kept in `config/timermetrics` in RocketMQ's shape: `{"dataVersion":{...},"timingCount":{"T":{"count":1,"timeStamp":0}}}`.
 * Here the data version's counter is the number of the checkpoint that the counts belong to, and the file holds those of the checkpoint before as
 * well (`previous`): it is written first, so those count after a crash in between. Deliveries whose slot got to the disk before such a crash are not counted down.
 */
export class PendingCounts {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #counts = new Map<string, number>();
  #total = 0;
  #written: { readonly generation: number; readonly counts: Counts } = { generation: 0, counts: new Map() };

  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /** Reads the counts that belong to checkpoint number `generation`. @returns false when there are none */
  async read(generation: number): Promise<boolean> {
    const text = (await this.#fileSystem.readFile(this.#path))?.toString('utf8');
    const counts = text === undefined ? undefined : countsOf(parse(text), generation);
    this.clear();
    for (const [topic, count] of counts ?? []) this.add(topic, count);
    this.#written = { generation, counts: counts ?? new Map() };
    return counts !== undefined;
  }

  get pending(): PendingTimers {
    return { total: this.#total, byTopic: Object.fromEntries(this.#counts) };
  }

  /** Never below zero: what a crash repeats is counted down twice. */
  add(topic: string, change: number): void {
    const before = this.#counts.get(topic) ?? 0;
    const after = Math.max(0, before + change);
    this.#total += after - before;
    if (after === 0) this.#counts.delete(topic);
    else this.#counts.set(topic, after);
  }

  clear(): void {
    this.#counts.clear();
    this.#total = 0;
  }

  /** The counts as they are now, for {@link write}. */
  copy(): Counts {
    return new Map(this.#counts);
  }

  /**
   * Brings the counts of checkpoint number `generation` to the disk; to be called before the checkpoint itself is written.
   *
   * @returns a function to call when it has been
   */
  async write(generation: number, counts: Counts, nowMs: number): Promise<() => void> {
    const content = {
      dataVersion: { ...firstDataVersion(nowMs), counter: generation },
      timingCount: Object.fromEntries([...counts].map(([topic, count]) => [topic, { count, timeStamp: nowMs }])),
      previous: { counter: this.#written.generation, timingCount: Object.fromEntries(this.#written.counts) },
    };
    await this.#replaceFile(JSON.stringify(content));
    return () => {
      this.#written = { generation, counts };
    };
  }

  get #path(): string {
    return `${this.#directory}/timermetrics`;
  }

  /** By way of a second file, so that there is a whole one at every moment. */
  async #replaceFile(text: string): Promise<void> {
    const temporary = `${this.#path}.tmp`;
    await this.#fileSystem.remove(temporary);
    const file = await this.#fileSystem.open(temporary, 'create');
    try {
      await file.write(Buffer.from(text, 'utf8'), 0);
      await file.datasync();
    } finally {
      await file.close();
    }
    await this.#fileSystem.rename(temporary, this.#path);
    await this.#fileSystem.syncDirectory(this.#directory);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Damaged counts are counted again, as if there were none.
    return undefined;
  }
}

function countsOf(content: unknown, generation: number): Counts | undefined {
  if (tableOf(content, 'dataVersion')['counter'] === generation) {
    return countMap(tableOf(content, 'timingCount'), (entry) => (isObject(entry) ? entry['count'] : undefined));
  }
  const previous = tableOf(content, 'previous');
  if (previous['counter'] !== generation) return undefined;
  return countMap(tableOf(previous, 'timingCount'), (count) => count);
}

function countMap(table: Readonly<Record<string, unknown>>, countOf: (entry: unknown) => unknown): Counts | undefined {
  const counts = new Map<string, number>();
  for (const [topic, entry] of Object.entries(table)) {
    const count = countOf(entry);
    if (!Number.isSafeInteger(count) || (count as number) < 0) return undefined;
    counts.set(topic, count as number);
  }
  return counts;
}
