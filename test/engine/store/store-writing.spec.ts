import {
  DiskFullError,
  MessageTooLargeError,
  StoreClosedError,
  StoreWriteFailedError,
} from '../../../lib/errors/index.js';
import { ManualClock, MemoryFileSystem } from '../../../lib/engine/io/index.js';
import type { AppendWaiter, FileHandle, FileSystem, StoredRecord } from '../../../lib/engine/types/index.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** The memory file system, with every sync counted, held up, or failed on demand. */
class WatchedFileSystem extends MemoryFileSystem {
  syncs: string[] = [];
  logWrites = 0;
  failSyncsOf: string | undefined;
  #gate: Promise<void> | undefined;
  #openGate: () => void = () => undefined;

  holdSyncs(): void {
    this.#gate = new Promise((resolve) => (this.#openGate = resolve));
  }

  releaseSyncs(): void {
    this.#openGate();
    this.#gate = undefined;
  }

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    const datasync = file.datasync.bind(file);
    const write = file.write.bind(file);
    file.write = (source, position) => {
      if (path.includes('/commitlog/')) this.logWrites++;
      return write(source, position);
    };
    file.datasync = async () => {
      if (path.includes('/commitlog/')) await this.#gate;
      if (this.failSyncsOf !== undefined && path.includes(this.failSyncsOf)) {
        throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
      }
      this.syncs.push(path);
      await datasync();
    };
    return file;
  }
}

/** Time that passes while the process works. */
class WorkingClock extends ManualClock {
  #workedMs = 0;

  work(durationMs: number): void {
    this.#workedMs += durationMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#workedMs;
  }
}

describe('writing to the store', () => {
  let files: WatchedFileSystem;
  let store: TestStore;
  const open = async (fileSystem: FileSystem = files, more: object = {}): Promise<TestStore> =>
    (store = await openTestStore({ path: '/store', fileSystem, clock: new ManualClock(), ...more }));
  const logSyncs = (): number => files.syncs.filter((path) => path.includes('/commitlog/')).length;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    files = new WatchedFileSystem();
  });

  afterEach(async () => {
    files.releaseSyncs();
    await store.close();
  });

  it('shares one sync among all appends of a burst', async () => {
    await open();
    await store.messages.append(testDraft('first: makes the file'));
    files.syncs = [];
    const appended = await Promise.all(Array.from({ length: 50 }, (_, i) => store.messages.append(testDraft(`${i}`))));
    expect(logSyncs()).toBe(1);
    expect(appended.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('begins to write within a burst when the senders take longer than the disk', async () => {
    const clock = new WorkingClock();
    await open(files, { clock, mappedFileSizeCommitLogBytes: 1024 * 1024 });
    const appendAll = (texts: readonly string[]): Promise<unknown> =>
      Promise.all(texts.map((text) => store.messages.append(testDraft(text)).then(() => clock.work(1))));
    const texts = Array.from({ length: 40 }, (_, i) => `${i}`);
    const begunInBurst: number[] = [];
    for (let burst = 0; burst < 3; burst++) {
      files.logWrites = 0;
      const appends = appendAll(texts);
      begunInBurst.push(files.logWrites);
      await appends;
    }
    // What the senders and the disk take is known after the first burst and the write of the second.
    expect(begunInBurst).toEqual([0, 0, 1]);
    expect(await bodiesOf(store)).toEqual([...texts, ...texts, ...texts]);
  });

  it('acknowledges and shows a message only when it is on disk', async () => {
    await open();
    files.holdSyncs();
    let acknowledged = false;
    const append = store.messages.append(testDraft('x')).then(() => (acknowledged = true));
    for (let i = 0; i < 20; i++) await turn();
    expect(acknowledged).toBe(false);
    expect(await bodiesOf(store)).toEqual([]);
    files.releaseSyncs();
    await append;
    expect(await bodiesOf(store)).toEqual(['x']);
  });

  it('does not let a message wait that asks not to (waitStoreMsgOK), and still keeps order and place', async () => {
    await open();
    files.holdSyncs();
    const unsynced = await store.messages.append(testDraft('no wait', { waitStoreMsgOK: false }));
    expect(unsynced.queueOffset).toBe(0);
    files.releaseSyncs();
    await store.messages.append(testDraft('wait'));
    expect(await bodiesOf(store)).toEqual(['no wait', 'wait']);
  });

  it('acknowledges before the sync under ASYNC_FLUSH, and syncs within half a second', async () => {
    await open(files, { flushDiskType: 'ASYNC_FLUSH' });
    await store.messages.append(testDraft('x'));
    files.syncs = [];
    await store.messages.append(testDraft('y'));
    expect(logSyncs()).toBe(0);
    await store.clock.advance(500, () => store.activity.whenIdle());
    expect(logSyncs()).toBe(1);
  });

  it('syncs every file it leaves under ASYNC_FLUSH', async () => {
    await open(files, { flushDiskType: 'ASYNC_FLUSH' });
    for (let i = 0; i < 5; i++) await store.messages.append(testDraft(Buffer.alloc(7000, `${i}`)));
    await store.clock.advance(500, () => store.activity.whenIdle());
    const synced = new Set(files.syncs.filter((path) => path.includes('/commitlog/')));
    expect(synced.size).toBe(3);
  });

  it('takes no more messages after a failed sync, and says what to do', async () => {
    await open();
    await store.messages.append(testDraft('before'));
    files.failSyncsOf = '/commitlog/';
    const failures = await Promise.all(
      ['a', 'b'].map((body) => store.messages.append(testDraft(body)).catch((e: unknown) => e)),
    );
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(StoreWriteFailedError);
      expect(failure).toMatchObject({
        code: 'STORE_WRITE_FAILED',
        fields: { operation: 'sync' },
        cause: { code: 'EIO' },
      });
    }
    files.failSyncsOf = undefined;
    await expect(store.messages.append(testDraft('after'))).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' });
    expect(await bodiesOf(store)).toEqual(['before']);
  });

  it('refuses messages while the disk is full, loses nothing, and goes on when there is room', async () => {
    const budget = { totalBytes: 24 * 64 * 1024 };
    const small = new MemoryFileSystem(budget);
    await open(small, { mappedFileSizeCommitLogBytes: 256 * 1024 });
    const ballast = await small.open('/ballast', 'create');
    const acknowledged: string[] = [];
    const refused: unknown[] = [];
    for (let i = 0; i < 30; i++) {
      if (i === 3) await fill(ballast);
      await store.messages.append(testDraft(`${i}`.padEnd(20_000))).then(
        () => acknowledged.push(`${i}`),
        (error: unknown) => refused.push(error),
      );
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((error) => error instanceof DiskFullError)).toBe(true);
    expect((await bodiesOf(store)).map((body) => body.trim())).toEqual(acknowledged);
    await ballast.truncate(0);
    await ballast.close();
    await store.messages.append(testDraft('again'));
    expect((await bodiesOf(store)).map((body) => body.trim())).toEqual([...acknowledged, 'again']);
    await store.close();
    await open(small, { mappedFileSizeCommitLogBytes: 256 * 1024 });
    expect((await bodiesOf(store)).map((body) => body.trim())).toEqual([...acknowledged, 'again']);
  });

  it('lets appends wait, in order, while too much is on its way to the disk', async () => {
    await open(files, { maxUnflushedBytes: 1024 * 1024, mappedFileSizeCommitLogBytes: 8 * 1024 * 1024 });
    files.holdSyncs();
    const appends = Array.from({ length: 40 }, (_, i) => store.messages.append(testDraft(`${i}`.padEnd(100_000))));
    for (let i = 0; i < 10; i++) await turn();
    files.releaseSyncs();
    await Promise.all(appends);
    expect((await bodiesOf(store)).map((body) => body.trim())).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
  });

  describe('tells when a group closes, and what is added then', () => {
    /** Ends of appends, in the order in which they were told. */
    let told: string[];

    const submit = (text: string): void => store.messages.submit(testDraft(text), waiterOf(text));
    const waiterOf = (text: string): AppendWaiter => ({
      onStored: () => told.push(text.trim()),
      onFailed: (error) => told.push(`${text.trim()} ${(error as DiskFullError).code}`),
    });
    const endEachGroup = (text: string): void => {
      store.messages.onGroupClosing((add) => add(testDraft(text), waiterOf(text)));
    };

    beforeEach(() => {
      told = [];
    });

    it('is the end of the group: behind all others, in one sync with them, and told after them', async () => {
      await open();
      await store.messages.append(testDraft('first: makes the file'));
      endEachGroup('end');
      files.syncs = [];
      for (const text of ['0', '1', '2']) submit(text);
      await store.activity.whenIdle();
      expect(told).toEqual(['0', '1', '2', 'end']);
      expect((await bodiesOf(store)).slice(1)).toEqual(['0', '1', '2', 'end']);
      expect(logSyncs()).toBe(1);
    });

    it('is the end of each part of a burst that is written in parts', async () => {
      const clock = new WorkingClock();
      await open(files, { clock, mappedFileSizeCommitLogBytes: 1024 * 1024 });
      const texts = Array.from({ length: 40 }, (_, i) => `${i}`);
      const appendAll = (): Promise<unknown> =>
        Promise.all(texts.map((text) => store.messages.append(testDraft(text)).then(() => clock.work(1))));
      await appendAll();
      await appendAll();
      endEachGroup('end');
      await appendAll();
      const bodies = (await bodiesOf(store)).slice(2 * texts.length);
      expect(bodies.filter((body) => body !== 'end')).toEqual(texts);
      expect(bodies.filter((body) => body === 'end').length).toBeGreaterThan(1);
      expect(bodies.at(-1)).toBe('end');
    });

    it('does not wait for room, as what came before it does', async () => {
      await open(files, { maxUnflushedBytes: 1024 * 1024, mappedFileSizeCommitLogBytes: 8 * 1024 * 1024 });
      endEachGroup('end');
      const texts = Array.from({ length: 16 }, (_, i) => `${i}`);
      for (const text of texts) submit(text.padEnd(100_000));
      await store.activity.whenIdle();
      expect(told).toEqual([...texts.slice(0, 11), 'end', ...texts.slice(11), 'end']);
      expect((await bodiesOf(store)).map((body) => body.trim())).toEqual(told);
    });

    it('is lost with the group, and told after it', async () => {
      const small = new MemoryFileSystem({ totalBytes: 24 * 64 * 1024 });
      await open(small, { mappedFileSizeCommitLogBytes: 256 * 1024 });
      await store.messages.append(testDraft('before'));
      const ballast = await small.open('/ballast', 'create');
      await fill(ballast);
      endEachGroup('end');
      submit('large'.padEnd(100_000));
      await store.activity.whenIdle();
      expect(told).toEqual(['large DISK_FULL', 'end DISK_FULL']);
      await ballast.truncate(0);
      await ballast.close();
      submit('after');
      await store.activity.whenIdle();
      expect(await bodiesOf(store)).toEqual(['before', 'after', 'end']);
    });

    it('ends when it is no longer wanted', async () => {
      await open();
      const stop = store.messages.onGroupClosing((add) => add(testDraft('end'), waiterOf('end')));
      submit('0');
      await store.activity.whenIdle();
      stop();
      submit('1');
      await store.activity.whenIdle();
      expect(told).toEqual(['0', 'end', '1']);
    });
  });

  it('refuses what can never fit into a file, and goes on', async () => {
    await open();
    await expect(store.messages.append(testDraft(Buffer.alloc(17 * 1024)))).rejects.toBeInstanceOf(
      MessageTooLargeError,
    );
    await store.messages.append(testDraft('fits'));
    expect(await bodiesOf(store)).toEqual(['fits']);
  });

  it('refuses messages once it is closed, and closes twice without harm', async () => {
    await open();
    await Promise.all([store.close(), store.close()]);
    await expect(store.messages.append(testDraft('x'))).rejects.toBeInstanceOf(StoreClosedError);
  });

  it('never gives a record an earlier time than the one before, also when the clock goes back', async () => {
    await open();
    const first = await store.messages.append(testDraft('x'));
    store.clock.stepWallClock(-60_000);
    const second = await store.messages.append(testDraft('y'));
    expect(second.storeTimestampMs).toBe(first.storeTimestampMs);
  });

  it.each([
    ['its memory', 8],
    ['the disk', 1],
  ])(
    'leaves a message that was read from %s as it is, however much is written and read after it',
    async (_from, tailMiB) => {
      const mebibyte = 1024 * 1024;
      await open(files, { tailCacheBytes: tailMiB * mebibyte, mappedFileSizeCommitLogBytes: 64 * mebibyte });
      const read = async (offset: number): Promise<readonly StoredRecord[]> => {
        const request = { topic: 'test-topic', queueId: 0, offset, maxCount: 4, maxBytes: mebibyte };
        return (await store.messages.pull(request)).messages;
      };
      const bodyOf = (index: number): Buffer => Buffer.alloc(100_000, index);
      for (let index = 0; index < 40; index++) await store.messages.append(testDraft(bodyOf(index)));
      const kept = await read(0);
      // Enough for every block and window to be used again.
      for (let index = 40; index < 200; index++) await store.messages.append(testDraft(bodyOf(index)));
      for (let offset = 0; offset < 200; offset += 4) await read(offset);
      expect(kept.map(({ body }) => body.equals(bodyOf(body[0]!)))).toEqual([true, true, true, true]);
      expect(kept.map(({ body, queueOffset, msgId }) => [body[0], queueOffset, typeof msgId])).toEqual(
        [0, 1, 2, 3].map((index) => [index, index, 'string']),
      );
    },
  );

  it('finds the first message of a time', async () => {
    await open();
    const start = store.clock.now();
    for (let i = 0; i < 40; i++) {
      await store.messages.append(testDraft(`${i}`));
      await store.clock.advance(10, () => store.activity.whenIdle());
    }
    expect(await store.messages.offsetByTime('test-topic', 0, start - 1)).toBe(0);
    expect(await store.messages.offsetByTime('test-topic', 0, start + 100)).toBe(10);
    expect(await store.messages.offsetByTime('test-topic', 0, start + 101)).toBe(11);
    expect(await store.messages.offsetByTime('test-topic', 0, start + 10_000)).toBe(40);
  });

  it('reads one message by its place in the log, and nothing where none is', async () => {
    await open();
    const { physicalOffset } = await store.messages.append(testDraft('x'));
    expect((await store.messages.readRecord(physicalOffset))?.body.toString()).toBe('x');
    expect(await store.messages.readRecord(-1)).toBeUndefined();
    expect(await store.messages.readRecord(1_000_000)).toBeUndefined();
  });

  it.each([
    ['in memory', 1024 * 1024],
    ['on the disk', 1],
  ])('reads nothing at a place of the log %s where no record begins', async (_, bodyBytes) => {
    await open(files, { mappedFileSizeCommitLogBytes: 4 * 1024 * 1024 });
    const places = new Set<number>();
    const bodies = ['x'.padEnd(100, '\u0000'), 'y'.repeat(100), 'z'.repeat(bodyBytes)];
    for (const body of bodies) places.add((await store.messages.append(testDraft(body))).physicalOffset);
    if (bodyBytes === 1) {
      await store.close();
      await open(files, { mappedFileSizeCommitLogBytes: 4 * 1024 * 1024 });
    }
    const [, , last] = places;
    for (let place = 0; place < last! + 300; place++) {
      const record = await store.messages.readRecord(place);
      expect(record?.commitLogOffset).toBe(places.has(place) ? place : undefined);
    }
  });

  it('makes no queue that no topic can have', async () => {
    await open();
    for (const wrong of [{ topic: '../outside' }, { topic: '..' }, { topic: '' }, { topic: 'new', queueId: 4e8 }]) {
      await expect(store.messages.append(testDraft('x', wrong))).rejects.toMatchObject({ code: 'NAME_ILLEGAL' });
    }
  });
});

async function fill(ballast: FileHandle): Promise<void> {
  const page = Buffer.alloc(64 * 1024, 1);
  for (let position = 0; ; position += page.length) {
    try {
      await ballast.write(page, position);
    } catch {
      return;
    }
  }
}
