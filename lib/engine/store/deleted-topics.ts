import type { StateDirectory, StateFile } from '../types/index.js';
import { isObject, tableOf } from './data-version.js';

const FILE_NAME = 'deletedTopics.json';
/** Each change is awaited, so the interval only covers a write that failed and is tried again. */
const RETRY_INTERVAL_MS = 1000;

interface Deletion {
  /** Where the log ended at the deletion: the topic's records before it are deleted. */
  readonly endOffset: number;
  /** Nothing but records in the log is left of the topic. False: a crash or an error came in between. */
  readonly isFinished: boolean;
}

/**
 * Which topics were deleted, and where the log ended then: `config/deletedTopics.json`, ours. Their records stay in the log until retention removes them; when
 * queues are made again from the log, these records have to be left out, or the topics would come back.
 *
 * A topic is closed from the beginning of its deletion to the end. That a topic of that name is made anew after a deletion that is finished, never before, is what
 * tells old queue files from new ones.
 */
export class DeletedTopics {
  readonly #deletions = new Map<string, Deletion>();
  readonly #closed = new Set<string>();
  #file: StateFile | undefined;

  async open(directory: StateDirectory): Promise<void> {
    const file = await directory.open(FILE_NAME, {
      snapshot: () => ({ deletedTopics: Object.fromEntries(this.#deletions) }),
      flushIntervalMs: RETRY_INTERVAL_MS,
    });
    this.#file = file;
    for (const [topic, stated] of Object.entries(tableOf(file.initial, 'deletedTopics'))) {
      const endOffset = isObject(stated) ? stated['endOffset'] : undefined;
      if (typeof endOffset !== 'number') continue;
      const isFinished = isObject(stated) && stated['isFinished'] === true;
      this.#deletions.set(topic, { endOffset, isFinished });
      if (!isFinished) this.#closed.add(topic);
    }
  }

  /** Forgets deletions of which nothing speaks any more: no record in the log, nor the list of queues. */
  forgetBefore(offset: number): void {
    for (const [topic, { endOffset, isFinished }] of this.#deletions) {
      if (!isFinished || !(endOffset < offset)) continue;
      this.#deletions.delete(topic);
      this.#file?.markDirty();
    }
  }

  /** The log ends here: a repair may have cut it behind deletions, and what is stored from now on comes after them. Resolves when that is on disk. */
  async endAt(offset: number): Promise<void> {
    const beyond = [...this.#deletions].filter(([, { endOffset }]) => endOffset > offset);
    if (beyond.length === 0) return;
    for (const [topic, deletion] of beyond) this.#deletions.set(topic, { ...deletion, endOffset: offset });
    await this.#flush();
  }

  /** True for a record of a topic that was deleted after the record was stored. */
  covers(topic: string, physicalOffset: number): boolean {
    const deletion = this.#deletions.get(topic);
    return deletion !== undefined && physicalOffset < deletion.endOffset;
  }

  /** True from the beginning of a deletion to its end: nothing may be stored in the topic, nor may it be made anew. */
  isClosed(topic: string): boolean {
    return this.#closed.size > 0 && this.#closed.has(topic);
  }

  /** Begins a deletion: closes the topic, in memory alone. */
  close(topic: string): void {
    this.#closed.add(topic);
  }

  /** Gives a topic free whose deletion has not been decided. */
  reopen(topic: string): void {
    this.#closed.delete(topic);
  }

  /** True when the deletion is on disk and not finished: it has to be. */
  isDecided(topic: string): boolean {
    return this.#deletions.get(topic)?.isFinished === false;
  }

  /** Deletions that were decided and not finished. */
  unfinished(): readonly string[] {
    return [...this.#closed].filter((topic) => this.isDecided(topic));
  }

  /**
   * Decides a deletion; resolves when it is on disk. A write that fails may have got there all the same, so it is undone by another one.
   *
   * @throws what the write fails with. The topic has been given free if it is certain that the disk does not say that it is deleted.
   */
  async decide(topic: string, endOffset: number): Promise<void> {
    const before = this.#deletions.get(topic);
    this.#deletions.set(topic, { endOffset, isFinished: false });
    try {
      await this.#flush();
    } catch (error) {
      if (before === undefined) this.#deletions.delete(topic);
      else this.#deletions.set(topic, before);
      await this.#flush().then(
        () => this.reopen(topic),
        () => undefined,
      );
      throw error;
    }
  }

  /** Ends a deletion: the topic can be made anew when that is on disk. */
  async finish(topic: string): Promise<void> {
    const decided = this.#deletions.get(topic)!;
    this.#deletions.set(topic, { ...decided, isFinished: true });
    try {
      await this.#flush();
    } catch (error) {
      this.#deletions.set(topic, decided);
      throw error;
    }
    this.#closed.delete(topic);
  }

  async #flush(): Promise<void> {
    this.#file?.markDirty();
    await this.#file?.flush();
  }
}
