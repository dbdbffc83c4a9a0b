import { ManualClock } from '../../../lib/engine/io/index.js';
import type { FileSystem, StateFile } from '../../../lib/engine/types/index.js';
import { openTestStore, testDraft, type TestStore, type TestStoreParts } from '../../support/test-store.js';
import { SimulatedProcess } from '../../simulation/simulated-process.js';
import { QUEUE_IDS, type Place, type TopicView } from './topic-life-model.js';

/** Stands for what others keep of topics, as groups do with their offsets. */
class Notes {
  readonly #lives: Map<string, number>;
  readonly #file: StateFile;

  private constructor(lives: Map<string, number>, file: StateFile) {
    this.#lives = lives;
    this.#file = file;
  }

  static async open({ state }: TestStore): Promise<Notes> {
    const lives = new Map<string, number>();
    const file = await state.open('notes.json', { snapshot: () => [...lives], flushIntervalMs: 5000 });
    for (const [topic, life] of (file.initial ?? []) as [string, number][]) lives.set(topic, life);
    return new Notes(lives, file);
  }

  get(topic: string): number | undefined {
    return this.#lives.get(topic);
  }

  set(topic: string, life: number): void {
    this.#lives.set(topic, life);
    this.#file.markDirty();
  }

  readonly forget = async (topic: string): Promise<void> => {
    this.#lives.delete(topic);
    this.#file.markDirty();
    await this.#file.flush();
  };
}

export type ProcessOptions = Omit<TestStoreParts, 'path' | 'clock' | 'fileSystem'>;

/** A process that has the store open, until it closes it or is killed. */
export class StoreProcess {
  readonly clock: ManualClock;
  readonly #process: SimulatedProcess;
  #store: TestStore | undefined;
  #notes: Notes | undefined;
  #callsUnderWay = 0;

  /** @param startMs what the wall clock shows. The clock is the process's own: one that is killed leaves it behind, and nobody sets it on. */
  constructor(files: FileSystem, startMs: number) {
    this.clock = new ManualClock(startMs);
    this.#process = new SimulatedProcess(this.clock, files);
  }

  get store(): TestStore {
    return this.#store!;
  }

  get notes(): Notes {
    return this.#notes!;
  }

  get hasFailed(): boolean {
    return this.store.logStatus().hasFailed;
  }

  get isIdle(): boolean {
    return this.#callsUnderWay === 0;
  }

  /** Opens the store; what was begun with its topics has to be finished after that. */
  async open(options: ProcessOptions): Promise<void> {
    const { fileSystem } = this.#process;
    this.#store = await openTestStore({ ...options, path: '/store', clock: this.clock, fileSystem });
  }

  async openNotes(): Promise<void> {
    this.#notes = await Notes.open(this.store);
  }

  finishDeletions(): Promise<void> {
    return this.store.finishDeletions(this.notes.forget);
  }

  deleteTopic(topic: string): Promise<void> {
    return this.store.deleteTopic(topic, this.notes.forget);
  }

  /** The message has its topic for a key. */
  async send(topic: string, queueId: number, id: string, bytes: number): Promise<Place> {
    const draft = testDraft(`${id}|`.padEnd(bytes), { topic, queueId, uniqKey: id, keys: topic, bornTimestampMs: 1 });
    const { queueOffset, physicalOffset } = await this.store.messages.append(draft);
    return { queueId, queueOffset, physicalOffset };
  }

  /** Hears the end of a call, unless the process is killed before. */
  follow<T>(work: Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void): void {
    this.#callsUnderWay += 1;
    this.#process
      .heard(work)
      .finally(() => (this.#callsUnderWay -= 1))
      .then(onValue, onError);
  }

  kill(): void {
    this.#process.kill();
  }

  /** Files of the log are named after the offset at which they begin. */
  async logBegin(): Promise<number> {
    const [first = '0'] = await this.#process.fileSystem.list('/store/commitlog');
    return Number(first);
  }

  async view(topic: string): Promise<TopicView> {
    const { store } = this;
    const logBegin = await this.logBegin();
    const messages = (await Promise.all(QUEUE_IDS.map((queueId) => this.#read(topic, queueId)))).flat();
    const maxOffsets = new Map(QUEUE_IDS.map((id) => [id, store.messages.queueRange(topic, id).maxOffset]));
    const [idsByKey, note] = [await this.#find(topic), this.notes.get(topic)];
    return { logBegin, messages, maxOffsets, idsByKey, note };
  }

  async #read(topic: string, queueId: number): Promise<{ readonly id: string; readonly place: Place }[]> {
    const { messages } = this.store;
    const { minOffset, maxOffset } = messages.queueRange(topic, queueId);
    const read: { id: string; place: Place }[] = [];
    for (let offset = minOffset; offset < maxOffset;) {
      const batch = await messages.pull({ topic, queueId, offset, maxCount: 50, maxBytes: 1 << 20 });
      for (const { body, queueOffset, commitLogOffset } of batch.messages) {
        read.push({ id: idOf(body), place: { queueId, queueOffset, physicalOffset: commitLogOffset } });
      }
      if (batch.nextOffset <= offset)
        throw new Error(`the queue ${topic}/${queueId} can not be read from ${offset} on`);
      offset = batch.nextOffset;
    }
    return read;
  }

  /** As the admin API does it: two keys may have one hash, and records of topics that were deleted stay in the log. */
  async #find(topic: string): Promise<string[]> {
    const { store } = this;
    const query = { topic, key: topic, maxCount: 1000, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
    const found: string[] = [];
    for (const offset of (await store.keyIndex?.query(query)) ?? []) {
      const record = store.isOfDeletedTopic(topic, offset) ? undefined : await store.messages.readRecord(offset);
      if (record?.topic === topic) found.push(idOf(record.body));
    }
    return found;
  }
}

const idOf = (body: Buffer): string => body.toString().split('|')[0]!;
