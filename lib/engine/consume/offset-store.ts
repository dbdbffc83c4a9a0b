import {
  dataVersionOf,
  firstDataVersion,
  isObject,
  nextDataVersion,
  tableOf,
  type DataVersion,
} from '../store/index.js';
import type { Clock, EngineLogger, StateDirectory, StateFile } from '../types/index.js';
import { OffsetCell } from './offset-cell.js';

/** `flushConsumerOffsetInterval`. A crash repeats at most what was done in this time. */
const FLUSH_INTERVAL_MS = 5000;

/** How far groups have consumed queues, by `topic@group`. Neither name may hold an `@`. */
const keyOf = (topic: string, group: string): string => `${topic}@${group}`;

/** The offsets of one group in one topic. */
export interface GroupOffsets {
  readonly topic: string;
  readonly group: string;
  /** Offset by queue id. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** What an offset store needs of its broker. */
export interface OffsetStoreContext {
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly logger: EngineLogger;
}

/**
 * `config/consumerOffset.json` (RocketMQ: `ConsumerOffsetManager`): from where each group goes on in each queue after a restart. Changes are in memory at
 * once and on disk within {@link FLUSH_INTERVAL_MS}. Entries of groups and topics that nobody here knows are kept.
 */
export class OffsetStore {
  readonly #context: OffsetStoreContext;
  readonly #fileName: string;
  readonly #cells = new Map<string, Map<number, OffsetCell>>();
  /** Where groups begin, as long as that may not be on disk. */
  readonly #unwrittenStarts = new Set<OffsetCell>();
  /** Other members of the file; kept as they are. */
  #rest: Readonly<Record<string, unknown>> = {};
  #dataVersion: DataVersion;
  #file: StateFile | undefined;
  /** True when a change happened since the last snapshot, so that further ones need not be told. */
  #dirty = false;
  readonly #onChange = (): void => {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#file?.markDirty();
  };

  constructor(context: OffsetStoreContext, fileName = 'consumerOffset.json') {
    this.#context = context;
    this.#fileName = fileName;
    this.#dataVersion = firstDataVersion(context.clock.now());
  }

  /** Reads the file. Nothing may be asked or set before. */
  async open(): Promise<void> {
    const file = await this.#context.state.open(this.#fileName, {
      snapshot: () => this.#snapshot(),
      flushIntervalMs: FLUSH_INTERVAL_MS,
    });
    this.#file = file;
    // RocketMQ writes `groupTopicMap`, too, and makes it anew from the offsets; a stale one would say nothing.
    if (isObject(file.initial)) this.#rest = { ...file.initial, groupTopicMap: undefined };
    this.#dataVersion = dataVersionOf(file.initial, this.#context.clock.now());
    for (const [key, offsets] of Object.entries(tableOf(file.initial, 'offsetTable'))) this.#load(key, offsets);
  }

  /** Undefined: the group has never consumed this queue. */
  get(topic: string, group: string, queueId: number): number | undefined {
    return this.#cells.get(keyOf(topic, group))?.get(queueId)?.offset;
  }

  set(topic: string, group: string, queueId: number, offset: number): void {
    this.cell(topic, group, queueId).commit(offset);
  }

  /**
   * Lets a group begin in a queue that it has never consumed. Nobody may go on from there before it is on disk: whoever comes after a crash would look anew for
   * the place to begin, and pass over what came meanwhile.
   */
  start(topic: string, group: string, queueId: number, offset: number): void {
    const cell = this.cell(topic, group, queueId);
    cell.commit(offset);
    this.#unwrittenStarts.add(cell);
  }

  /** The group begins in this queue, and that may not be on disk: {@link flush} brings it there. */
  isUnwrittenStart(topic: string, group: string, queueId: number): boolean {
    return this.#unwrittenStarts.size > 0 && this.#unwrittenStarts.has(this.cell(topic, group, queueId));
  }

  /** The place of one offset, for those who write it often. The same object at every call. */
  cell(topic: string, group: string, queueId: number): OffsetCell {
    const key = keyOf(topic, group);
    let queues = this.#cells.get(key);
    if (queues === undefined) this.#cells.set(key, (queues = new Map<number, OffsetCell>()));
    let cell = queues.get(queueId);
    if (cell === undefined) queues.set(queueId, (cell = new OffsetCell(undefined, this.#onChange)));
    return cell;
  }

  /** Forgets how far groups have consumed a topic that is no more. */
  removeTopic(topic: string): void {
    for (const key of this.#cells.keys()) if (key.startsWith(`${topic}@`)) this.#cells.delete(key);
    this.#onChange();
  }

  /** All offsets, sorted by topic and group. */
  list(): readonly GroupOffsets[] {
    return [...this.#cells.keys()]
      .toSorted()
      .map((key) => {
        const at = key.indexOf('@');
        return { topic: key.slice(0, at), group: key.slice(at + 1), offsets: this.#offsetsOf(key) };
      })
      .filter(({ offsets }) => offsets.size > 0);
  }

  /** Resolves when all that was committed before is on disk. */
  async flush(): Promise<void> {
    const starts = [...this.#unwrittenStarts];
    await this.#file?.flush();
    for (const cell of starts) this.#unwrittenStarts.delete(cell);
  }

  #offsetsOf(key: string): ReadonlyMap<number, number> {
    const offsets = new Map<number, number>();
    for (const [queueId, { offset }] of this.#cells.get(key) ?? []) {
      if (offset !== undefined) offsets.set(queueId, offset);
    }
    return offsets;
  }

  #load(key: string, offsets: unknown): void {
    const at = key.indexOf('@');
    for (const [queueText, offset] of Object.entries(isObject(offsets) ? offsets : {})) {
      const queueId = Number(queueText);
      if (at > 0 && Number.isSafeInteger(queueId) && Number.isSafeInteger(offset) && (offset as number) >= 0) {
        this.set(key.slice(0, at), key.slice(at + 1), queueId, offset as number);
      } else {
        const entry = `${key}, queue ${queueText}: ${JSON.stringify(offset)}`;
        this.#context.logger.warn(`An offset in ${this.#fileName} can not be used and is left out: ${entry}.`);
      }
    }
    this.#dirty = false;
  }

  #snapshot(): unknown {
    this.#dirty = false;
    this.#dataVersion = nextDataVersion(this.#dataVersion, this.#context.clock.now());
    const entries = this.list().map(({ topic, group, offsets }): [string, unknown] => [
      keyOf(topic, group),
      Object.fromEntries(offsets),
    ]);
    return { ...this.#rest, dataVersion: this.#dataVersion, offsetTable: Object.fromEntries(entries) };
  }
}
