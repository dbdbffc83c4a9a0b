import type { ActivityCount } from '../../../lib/engine/activity-count.js';
import { TimerService, type TimerOptions } from '../../../lib/engine/delivery/timer/index.js';
import { ManualClock, MemoryFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import { formatProperties } from '../../../lib/engine/store/index.js';
import type {
  AppendedRecord,
  FileSystem,
  MessageStore,
  RecordDraft,
  ServiceContext,
  StoredRecord,
} from '../../../lib/engine/types/index.js';
import { openTestStore, testDraft, type TestStore } from '../../support/test-store.js';
import { RecordingLogger } from './store-harness.js';

export const STORE_PATH = '/store';

export interface TimerHarnessOptions {
  readonly clock?: ManualClock;
  readonly fileSystem?: FileSystem;
  readonly timers?: Partial<TimerOptions>;
  /** Small files of the log by default, so that timers are read from the disk. */
  readonly mappedFileSizeCommitLogBytes?: number;
  /** Awaited before each append: may let it wait, or fail. */
  readonly beforeAppend?: (draft: RecordDraft) => Promise<void>;
  /** Awaited before each pull. */
  readonly beforePull?: () => Promise<void>;
  /** Awaited before a record is read by its place in the log. */
  readonly beforeRead?: (physicalOffset: number) => Promise<void>;
  /** Resolves when the disk answers no more. */
  readonly diskGone?: Promise<void>;
  /** Timer log files are this small by default. */
  readonly timerLogFileBytes?: number;
}

/** A real store with timers, on a disk in memory and a clock that the test moves. */
export class TimerHarness {
  readonly clock: ManualClock;
  readonly fileSystem: FileSystem;
  readonly logger = new RecordingLogger();
  readonly options: TimerHarnessOptions;
  store!: TestStore;
  context!: ServiceContext;
  timers!: TimerService;
  #ids = 0;

  constructor(options: TimerHarnessOptions) {
    this.options = options;
    this.clock = options.clock ?? new ManualClock();
    this.fileSystem = options.fileSystem ?? new MemoryFileSystem({ clock: this.clock });
  }

  static async open(options: TimerHarnessOptions = {}): Promise<TimerHarness> {
    const harness = new TimerHarness(options);
    await harness.openStore();
    await harness.openTimers();
    return harness;
  }

  /** Opens the store without its timers. */
  async openStore(): Promise<void> {
    const { clock, fileSystem, logger } = this;
    this.store = await openTestStore({
      path: STORE_PATH,
      clock,
      fileSystem,
      logger,
      mappedFileSizeCommitLogBytes: this.options.mappedFileSizeCommitLogBytes ?? 256 * 1024,
      consumeQueueFileEntries: 1000,
      tailCacheBytes: 1024 * 1024,
    });
    this.context = {
      store: this.#messages(),
      topics: this.store.topics,
      groups: this.store.groups,
      state: this.store.state,
      clock,
      random: new SeededRandom(1),
      logger,
      activity: this.activity,
      brokerName: 'broker-a',
    };
  }

  async openTimers(): Promise<void> {
    const { timers, timerLogFileBytes = 4096 } = this.options;
    this.timers = new TimerService(
      this.context,
      { fileSystem: this.fileSystem, path: STORE_PATH },
      { mappedFileSizeTimerLogBytes: timerLogFileBytes, ...timers },
    );
    await this.timers.start();
    await this.settle();
  }

  get activity(): ActivityCount {
    return this.store.activity;
  }

  recall(handle: string, topic = 'orders'): Promise<string> {
    return this.timers.recall(topic, handle);
  }

  /** Ends when nothing is under way any more, or the disk is gone. */
  async settle(): Promise<void> {
    const idle = this.activity.whenIdle();
    const { diskGone } = this.options;
    await (diskGone === undefined ? idle : Promise.race([idle, diskGone]));
  }

  /** Lets time pass, with everything that it sets off. */
  async advance(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs, () => this.settle());
  }

  /** Sends a message, as the producer does, and says how it is recalled. */
  async send(topic: string, body: string, deliverAtMs: number): Promise<{ handle: string | undefined; msgId: string }> {
    const msgId = `ID-${body}-${(this.#ids += 1)}-${this.clock.now()}`;
    const draft = this.timers.schedule(timerDraft(topic, body, msgId), deliverAtMs);
    const handle = this.timers.recallHandle(draft);
    await this.append(draft);
    return { handle, msgId };
  }

  append(draft: RecordDraft): Promise<AppendedRecord> {
    return this.context.store.append(draft);
  }

  async close(): Promise<void> {
    await this.timers.close();
    await this.store.close();
  }

  /** Closes and opens the same store again. */
  async reopened(options: Partial<TimerHarnessOptions> = {}): Promise<TimerHarness> {
    await this.close();
    return TimerHarness.open({ ...this.options, clock: this.clock, fileSystem: this.fileSystem, ...options });
  }

  /** All messages of a topic's first queue. */
  async messages(topic: string): Promise<StoredRecord[]> {
    const store = this.store.messages;
    const found: StoredRecord[] = [];
    for (let offset = store.queueRange(topic, 0).minOffset; ;) {
      const batch = await store.pull({ topic, queueId: 0, offset, maxCount: 1000, maxBytes: 64 * 1024 * 1024 });
      found.push(...batch.messages);
      if (batch.nextOffset <= offset) return found;
      offset = batch.nextOffset;
    }
  }

  /** What was delivered to a topic, and when. */
  async delivered(topic: string): Promise<{ body: string; atMs: number }[]> {
    const messages = await this.messages(topic);
    return messages.map((message) => ({ body: message.body.toString(), atMs: message.storeTimestamp }));
  }

  #messages(): MessageStore {
    const { messages } = this.store;
    const { beforeAppend, beforePull, beforeRead } = this.options;
    return {
      append: async (draft) => {
        await beforeAppend?.(draft);
        return messages.append(draft);
      },
      submit: (draft, waiter) => messages.submit(draft, waiter),
      onGroupClosing: (listener) => messages.onGroupClosing(listener),
      pull: (request) =>
        beforePull === undefined ? messages.pull(request) : beforePull().then(() => messages.pull(request)),
      entries: (topic, queueId, offset, maxCount) => messages.entries(topic, queueId, offset, maxCount),
      readRecord: (physicalOffset) =>
        beforeRead === undefined
          ? messages.readRecord(physicalOffset)
          : beforeRead(physicalOffset).then(() => messages.readRecord(physicalOffset)),
      queueRange: (topic, queueId) => messages.queueRange(topic, queueId),
      offsetByTime: (topic, queueId, timestampMs) => messages.offsetByTime(topic, queueId, timestampMs),
      onArrival: (topic, listener) => messages.onArrival(topic, listener),
      syncWritten: () => messages.syncWritten(),
    };
  }
}

/** A message as the producer hands it to the timers. */
export function timerDraft(topic: string, body: string, msgId: string): RecordDraft {
  return testDraft(body, {
    topic,
    properties: formatProperties({ UNIQ_KEY: msgId }),
    uniqKey: msgId,
    bornTimestampMs: 1_700_000_000_000,
  });
}
