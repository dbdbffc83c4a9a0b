import { ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import { DEFAULT_MESSAGE_DELAY_LEVEL, DelayLevelTable } from '../../../lib/engine/delivery/index.js';
import { formatProperties, openStore, type OpenStore } from '../../../lib/engine/store/index.js';
import { resolveBrokerOptions } from '../../../lib/engine/broker-options.js';
import { DiskFullError } from '../../../lib/errors/index.js';
import type {
  Activity,
  EngineLogger,
  MessageStore,
  RecordDraft,
  ServiceContext,
  StoredRecord,
  SubmitRecord,
} from '../../../lib/engine/types/index.js';

/** Keeps what was logged, so that a test can say what must be told and what must not be repeated. */
export class RecordingLogger implements EngineLogger {
  readonly errors: string[] = [];
  readonly warnings: string[] = [];

  debug(): void {}
  log(): void {}

  warn(message: string): void {
    this.warnings.push(message);
  }

  error(message: string): void {
    this.errors.push(message);
  }
}

/** Counts what is under way and can wait until nothing is. */
class WorkCounter implements Activity {
  #active = 0;

  get isBusy(): boolean {
    return this.#active > 0;
  }

  begin(): () => void {
    this.#active += 1;
    return () => {
      this.#active -= 1;
    };
  }

  /** Ends when nothing has been under way for a few turns, or after so many that something will not end by itself. */
  async settle(): Promise<void> {
    let quietTurns = 0;
    for (let turn = 0; turn < 3000 && quietTurns < 3; turn++) {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      quietTurns = this.#active === 0 ? quietTurns + 1 : 0;
    }
  }
}

export interface HarnessOptions {
  readonly clock?: ManualClock;
  readonly fileSystem?: MemoryFileSystem;
  readonly messageDelayLevel?: string;
  readonly diskBytes?: number;
}

/** A real store on a disk in memory and a clock that the test moves. */
export class StoreHarness {
  readonly clock: ManualClock;
  readonly fileSystem: MemoryFileSystem;
  readonly logger = new RecordingLogger();
  readonly levels: DelayLevelTable;
  readonly #work = new WorkCounter();
  #store!: OpenStore;
  context!: ServiceContext;

  private constructor(options: HarnessOptions) {
    this.clock = options.clock ?? new ManualClock();
    this.fileSystem =
      options.fileSystem ??
      new MemoryFileSystem({
        clock: this.clock,
        ...(options.diskBytes !== undefined && { totalBytes: options.diskBytes }),
      });
    this.levels = DelayLevelTable.parse(options.messageDelayLevel ?? DEFAULT_MESSAGE_DELAY_LEVEL);
  }

  static async open(options: HarnessOptions = {}): Promise<StoreHarness> {
    const harness = new StoreHarness(options);
    const { clock, fileSystem, logger } = harness;
    harness.#store = await openStore(
      {
        ...resolveBrokerOptions().store,
        path: '/store',
        flushDiskType: 'SYNC_FLUSH',
        mappedFileSizeCommitLogBytes: 4 * 1024 * 1024,
        consumeQueueFileEntries: 1000,
        tailCacheBytes: 1024 * 1024,
        maxUnflushedBytes: 4 * 1024 * 1024,
        checkpointIntervalMs: 1000,
        maxOpenFiles: 16,
        messageIndexEnable: false,
        brokerName: 'broker-a',
        storeHost: Buffer.from([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]),
        delayLevelsMs: harness.levels.delaysMs,
        processId: 4711,
      },
      { fileSystem, clock, logger, activity: harness.#work },
    );
    harness.context = {
      store: harness.#store.messages,
      topics: harness.#store.topics,
      groups: harness.#store.groups,
      state: harness.#store.state,
      clock,
      random: new SeededRandom(1),
      logger,
      activity: harness.#work,
      brokerName: 'broker-a',
    };
    return harness;
  }

  /** Lets time pass, with everything that it sets off. */
  async advance(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs, () => this.settle());
  }

  settle(): Promise<void> {
    return this.#work.settle();
  }

  /** Something is under way that ends by itself. */
  get isBusy(): boolean {
    return this.#work.isBusy;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  /** Opens the same directory again; the caller has closed this store. */
  reopened(options: Pick<HarnessOptions, 'messageDelayLevel'> = {}): Promise<StoreHarness> {
    return StoreHarness.open({ ...options, clock: this.clock, fileSystem: this.fileSystem });
  }

  /** The disk as a process finds it that starts after this one was killed now. This one goes on, on a disk that nobody sees any more. */
  async crashed(): Promise<StoreHarness> {
    return StoreHarness.open({ clock: this.clock, fileSystem: await this.copyOfDisk() });
  }

  async copyOfDisk(): Promise<MemoryFileSystem> {
    const fileSystem = new MemoryFileSystem({ clock: this.clock });
    await copyDirectory(this.fileSystem, fileSystem, '/store');
    return fileSystem;
  }

  /**
   * The disk after a power cut within the last write to the log, which left some of it.
   *
   * @param before a copy of the disk from before the write
   * @param left the first file of the log as it is now, with everything gone that did not get to the disk
   */
  async tornWrite(before: MemoryFileSystem, left: (log: Buffer) => Buffer): Promise<StoreHarness> {
    const path = '/store/commitlog/00000000000000000000';
    const torn = new StoreHarness({ clock: this.clock, fileSystem: before });
    const fileSystem = await torn.copyOfDisk();
    const file = await fileSystem.open(path, 'write');
    await file.write(left((await this.fileSystem.readFile(path))!), 0);
    await file.close();
    return StoreHarness.open({ clock: this.clock, fileSystem });
  }

  /** Appends of these drafts fail from now on, for services that are made later. */
  refuseAppends(isRefused: (draft: RecordDraft) => boolean): void {
    const { store } = this.context;
    const guarded =
      (submit: SubmitRecord): SubmitRecord =>
      (draft, waiter) => {
        if (isRefused(draft)) waiter.onFailed(new DiskFullError({ path: '/store' }));
        else submit(draft, waiter);
      };
    this.#replaceStore({
      append: async (draft) => {
        if (isRefused(draft)) throw new DiskFullError({ path: '/store' });
        return store.append(draft);
      },
      submit: guarded((draft, waiter) => store.submit(draft, waiter)),
      onGroupClosing: (listener) => store.onGroupClosing((add) => listener(guarded(add))),
    });
  }

  /** Records are gone from the log, as after retention, for services that are made later. Pulls still find them. */
  loseRecords(): void {
    this.#replaceStore({ readRecord: () => Promise.resolve(undefined) });
  }

  /** Entries come some turns of the event loop after they were read, as from a disk, for services that are made later. */
  slowDownEntries(): void {
    const { store } = this.context;
    this.#replaceStore({
      entries: async (topic, queueId, offset, maxCount) => {
        const entries = await store.entries(topic, queueId, offset, maxCount);
        for (let turn = 0; turn < 5; turn++) {
          await new Promise<void>((resolve) => {
            setImmediate(resolve);
          });
        }
        return entries;
      },
    });
  }

  #replaceStore(changes: Partial<MessageStore>): void {
    const { store } = this.context;
    const changed: MessageStore = {
      append: (draft) => store.append(draft),
      submit: (draft, waiter) => store.submit(draft, waiter),
      onGroupClosing: (listener) => store.onGroupClosing(listener),
      pull: (request) => store.pull(request),
      entries: (topic, queueId, offset, maxCount) => store.entries(topic, queueId, offset, maxCount),
      readRecord: (physicalOffset) => store.readRecord(physicalOffset),
      queueRange: (topic, queueId) => store.queueRange(topic, queueId),
      offsetByTime: (topic, queueId, timestampMs) => store.offsetByTime(topic, queueId, timestampMs),
      onArrival: (topic, listener) => store.onArrival(topic, listener),
      syncWritten: () => store.syncWritten(),
      ...changes,
    };
    this.context = { ...this.context, store: changed };
  }

  /** Leaves no room on the disk. @returns gives it free again */
  async fillDisk(): Promise<() => Promise<void>> {
    const path = '/ballast';
    const file = await this.fileSystem.open(path, 'create');
    for (let at = 0; ; at += 4096) {
      const full = await file.write(Buffer.alloc(4096, 1), at).then(
        () => false,
        () => true,
      );
      if (full) break;
    }
    await file.close();
    return () => this.fileSystem.remove(path);
  }

  async append(draft: RecordDraft): Promise<StoredRecord> {
    const { physicalOffset } = await this.context.store.append(draft);
    // It can be read when it is on disk, which an append need not have waited for.
    await this.settle();
    return (await this.context.store.readRecord(physicalOffset))!;
  }

  /** All messages of one queue, or of all queues of a topic, in order. */
  async read(topic: string, queueId?: number): Promise<readonly StoredRecord[]> {
    const queueNums = this.context.topics.get(topic)?.readQueueNums ?? 8;
    const queueIds = queueId === undefined ? Array.from({ length: queueNums }, (_, id) => id) : [queueId];
    const messages: StoredRecord[] = [];
    for (const id of queueIds) {
      const { minOffset, maxOffset } = this.context.store.queueRange(topic, id);
      for (let offset = minOffset; offset < maxOffset;) {
        const batch = await this.context.store.pull({
          topic,
          queueId: id,
          offset,
          maxCount: 1000,
          maxBytes: 64 * 1024 * 1024,
        });
        messages.push(...batch.messages);
        offset = batch.nextOffset;
      }
    }
    return messages;
  }

  async readConfig(name: string): Promise<unknown> {
    const content = await this.fileSystem.readFile(`/store/config/${name}`);
    return content && JSON.parse(content.toString('utf8'));
  }
}

/** A record as a sender's message becomes one. */
export function draftOf(topic: string, body: string, properties: Record<string, string> = {}): RecordDraft {
  return {
    topic,
    queueId: 0,
    body: Buffer.from(body),
    properties: formatProperties(properties),
    tags: properties['TAGS'],
    keys: properties['KEYS'],
    uniqKey: properties['UNIQ_KEY'],
    delayLevel: 0,
    flag: 0,
    sysFlag: 0,
    bornTimestampMs: 1_700_000_000_000,
    bornHost: Buffer.from([10, 0, 0, 7, 0, 0, 0xd4, 0x31]),
    reconsumeTimes: 0,
    preparedTransactionOffset: 0,
    waitStoreMsgOK: true,
  };
}

export const bodiesOf = (messages: readonly StoredRecord[]): readonly string[] =>
  messages.map((message) => message.body.toString());

async function copyDirectory(from: MemoryFileSystem, to: MemoryFileSystem, path: string): Promise<void> {
  await to.makeDirectory(path);
  for (const name of await from.list(path)) {
    const child = `${path}/${name}`;
    if ((await from.stat(child))?.kind === 'directory') {
      await copyDirectory(from, to, child);
      continue;
    }
    const content = await from.readFile(child);
    const file = await to.open(child, 'create');
    await file.write(content!, 0);
    await file.close();
  }
}
