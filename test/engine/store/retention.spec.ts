import { mkdir, open as openFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ManualClock, SeededRandom, type FaultyFileSystem } from '../../../lib/engine/io/index.js';
import { diskError, HookedFileSystem } from '../../support/hooked-file-system.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';
import { bodiesOf, crashImage, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

const HOUR_MS = 3_600_000;

describe('retention', () => {
  let directory: TemporaryDirectory;
  let clock: ManualClock;
  let store: TestStore;
  let opened: TestStore[];

  beforeEach(async () => {
    directory = await temporaryDirectory();
    clock = new ManualClock();
    opened = [];
  });

  afterEach(async () => {
    for (const one of opened) await one.close();
    await directory.remove();
  });

  const open = async (more: object = {}, name = 'a'): Promise<TestStore> => {
    store = await openTestStore({ path: join(directory.path, name), clock, ...more });
    opened.push(store);
    return store;
  };
  const append = async (from: number, to: number, more: object = {}): Promise<void> => {
    for (let i = from; i < to; i++) await store.messages.append(testDraft(`${i}`.padEnd(1000), more));
  };
  const pass = (hours: number): Promise<void> => clock.advance(hours * HOUR_MS, () => store.activity.whenIdle());
  const filesOf = async (part: string): Promise<string[]> => (await readdir(join(store.path, part))).toSorted();
  const bodies = async (): Promise<number[]> => (await bodiesOf(store)).map(Number);
  const upTo = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

  it('removes files whose last record is older than the reserved time, and no others', async () => {
    await open({ fileReservedTimeHours: 2 });
    await append(0, 40);
    await pass(1);
    await append(40, 80);
    await pass(0.5);
    await store.retention.clean();
    expect(await bodies()).toEqual(upTo(0, 80));
    await pass(1);
    await store.retention.clean();
    const left = await bodies();
    expect(left[0]).toBeGreaterThan(16);
    expect(left[0]).toBeLessThanOrEqual(40);
    expect(left).toEqual(upTo(left[0]!, 80));
  });

  it('is not stopped by a file that begins with no record', async () => {
    await open({ fileReservedTimeHours: 2 });
    await append(0, 80);
    const [, second, ...others] = await filesOf('commitlog');
    const file = await openFile(join(store.path, 'commitlog', second!), 'r+');
    await file.write(Buffer.alloc(8), 0, 8, 0);
    await file.close();
    await pass(1);
    await store.retention.clean();
    expect(await filesOf('commitlog')).toContain(second);
    await pass(2);
    await store.retention.clean();
    expect(await filesOf('commitlog')).toEqual(others.slice(-1));
  });

  it('never removes the file that is written to, however old it is', async () => {
    await open({ fileReservedTimeHours: 1 });
    await append(0, 40);
    await pass(100);
    await store.retention.clean();
    expect(await filesOf('commitlog')).toHaveLength(1);
    const left = await bodies();
    expect(left.length).toBeGreaterThan(0);
    await append(40, 41);
    expect(await bodies()).toEqual([...left, 40]);
  });

  it('lets queues and key index follow, and a queue without messages keeps its end', async () => {
    await open({ fileReservedTimeHours: 1, messageIndexEnable: true });
    await append(0, 60, { queueId: 1, keys: 'k', uniqKey: 'u' });
    await append(60, 160, { keys: 'k', uniqKey: 'u' });
    await pass(2);
    const indexFiles = (await filesOf('index')).length;
    await store.retention.clean();
    expect(await filesOf('consumequeue/test-topic/1')).toHaveLength(1);
    expect((await filesOf('index')).length).toBeLessThan(indexFiles);
    expect(store.messages.queueRange('test-topic', 1)).toEqual({ minOffset: 60, maxOffset: 60 });
    const { minOffset } = store.messages.queueRange('test-topic', 0);
    expect(minOffset).toBeGreaterThan(0);
    const found = await store.keyIndex!.query({
      topic: 'test-topic',
      key: 'k',
      maxCount: 1000,
      beginMs: 0,
      endMs: 1e15,
    });
    for (const place of found) expect(await store.messages.readRecord(place)).toBeDefined();
    await append(160, 161, { queueId: 1 });
    expect(store.messages.queueRange('test-topic', 1)).toEqual({ minOffset: 60, maxOffset: 61 });
  });

  it('lets whoever reads below the first offset go on at the first', async () => {
    await open({ fileReservedTimeHours: 1 });
    await append(0, 40);
    await pass(2);
    await store.retention.clean();
    const { minOffset, maxOffset } = store.messages.queueRange('test-topic', 0);
    expect(minOffset).toBeGreaterThan(0);
    const batch = await store.messages.pull({ topic: 'test-topic', queueId: 0, offset: 3, maxCount: 9, maxBytes: 1e6 });
    expect(batch).toMatchObject({ status: 'OFFSET_TOO_SMALL', nextOffset: minOffset, minOffset, maxOffset });
    expect(await store.messages.entries('test-topic', 0, minOffset - 1, 1)).toEqual([]);
  });

  it('finishes what is being read from a file that goes', async () => {
    await open({ fileReservedTimeHours: 1, tailCacheBytes: 1024 * 1024 });
    await append(0, 40);
    await store.close();
    await open({ fileReservedTimeHours: 1 });
    await pass(2);
    const request = { topic: 'test-topic', queueId: 0, offset: 0, maxCount: 8, maxBytes: 1e6 };
    const reading = Promise.all(Array.from({ length: 20 }, async () => store.messages.pull(request)));
    await store.retention.clean();
    for (const batch of await reading) {
      const read = batch.messages.map((message) => Number(message.body.toString()));
      // Read before the file went, or told that it is gone: nothing half, nothing wrong.
      expect(read).toEqual(upTo(0, read.length));
      if (read.length === 0) expect(['MESSAGE_WAS_REMOVING', 'OFFSET_TOO_SMALL']).toContain(batch.status);
    }
  });

  it('is the same store after a restart, and after a crash right behind a removal', async () => {
    await open({ fileReservedTimeHours: 1 });
    await append(0, 100);
    await pass(2);
    await append(100, 110);
    await store.retention.clean();
    const left = await bodies();
    expect(left.length).toBeLessThan(110);
    const range = store.messages.queueRange('test-topic', 0);
    await crashImage(store, join(directory.path, 'crashed'));
    await store.close();
    for (const name of ['a', 'crashed']) {
      await open({}, name);
      expect(store.messages.queueRange('test-topic', 0)).toEqual(range);
      expect(await bodies()).toEqual(left);
    }
  });

  describe('of a queue whose messages end with the file of the log', () => {
    /** As many messages as a file of a consume queue has entries fill a file of the log, so that both files go at once. */
    const fillFiles = async (): Promise<void> => {
      await open();
      await store.messages.append(testDraft(''));
      const overheadBytes = store.logStatus().sizeBytes;
      const body = Buffer.alloc(1023 - overheadBytes, 'x');
      await store.close();
      await rm(store.path, { recursive: true });
      await open({ fileReservedTimeHours: 1 });
      for (let i = 0; i < 40; i++) await store.messages.append(testDraft(body));
      await pass(2);
    };

    it('takes nothing for missing after a crash right behind the removal', async () => {
      await fillFiles();
      await store.retention.clean();
      expect(store.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 32, maxOffset: 40 });
      expect(await filesOf('consumequeue/test-topic/0')).toEqual([String(32 * 20).padStart(20, '0')]);
      await crashImage(store, join(directory.path, 'crashed'));
      const warnings: string[] = [];
      const logger = { debug() {}, log() {}, warn: (text: string) => void warnings.push(text), error() {} };
      await open({ logger }, 'crashed');
      expect(warnings).toEqual([]);
      expect(store.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 32, maxOffset: 40 });
    });

    it('still notices that the file of the first entries is missing', async () => {
      await fillFiles();
      await store.close();
      await rm(join(store.path, 'consumequeue/test-topic/0', String(0).padStart(20, '0')));
      await open({});
      expect(store.messages.queueRange('test-topic', 0)).toEqual({ minOffset: 0, maxOffset: 40 });
      expect(await bodies()).toHaveLength(40);
    });
  });

  it.each(['consumequeue', 'consumequeue/test-topic/1', 'consumequeue/test-topic/0'])(
    'goes on with the numbers of a queue whose messages are all gone when the queues are made again: %s',
    async (missing) => {
      await open({ fileReservedTimeHours: 1 });
      await append(0, 20, { queueId: 1 });
      await append(20, 60);
      await pass(2);
      await store.retention.clean();
      const range = { minOffset: 20, maxOffset: 20 };
      expect(store.messages.queueRange('test-topic', 1)).toEqual(range);
      await store.close();
      await rm(join(store.path, missing), { recursive: true });
      for (let opening = 0; opening < 2; opening++) {
        await open();
        expect(store.messages.queueRange('test-topic', 1)).toEqual(range);
        expect(store.messages.queueRange('test-topic', 0).maxOffset).toBe(40);
        await store.close();
      }
      await open();
      expect(await store.messages.append(testDraft('next', { queueId: 1 }))).toMatchObject({ queueOffset: 20 });
      expect(await bodiesOf(store, 'test-topic', 1)).toEqual(['next']);
    },
  );

  it('lets no number be forgotten that is in the log alone while the checkpoint fails', async () => {
    const files = new HookedFileSystem(clock);
    await open({ path: '/store', fileSystem: files, fileReservedTimeHours: 1, checkpointIntervalMs: 100 * HOUR_MS });
    await append(0, 20, { queueId: 1 });
    await append(20, 60);
    files.hook = (operation, path) => {
      if (operation === 'write' && path.includes('/consumequeue/')) throw diskError('ENOSPC');
    };
    await pass(2);
    await store.retention.clean();
    files.hook = () => undefined;
    files.crash('process');
    opened = [];
    await open({ path: '/store', fileSystem: files });
    expect(store.messages.queueRange('test-topic', 1).maxOffset).toBe(20);
  });

  it('lets no number be forgotten when the log fails after a file was chosen to go', async () => {
    const files = new HookedFileSystem(clock);
    await open({ path: '/store', fileSystem: files, fileReservedTimeHours: 1, checkpointIntervalMs: 100 * HOUR_MS });
    await append(0, 10, { queueId: 1 });
    await append(10, 60);
    await pass(2);
    store.retention.hold('anything', async () => {
      files.hook = (operation, path) => {
        if (path.includes('/commitlog/') && operation !== 'open') throw diskError('EIO');
      };
      await store.messages.append(testDraft('x')).catch(() => undefined);
      files.hook = () => undefined;
      return undefined;
    });
    await store.retention.clean();
    expect(store.logStatus().hasFailed).toBe(true);
    files.crash('process');
    opened = [];
    await open({ path: '/store', fileSystem: files });
    expect(store.messages.queueRange('test-topic', 1).maxOffset).toBe(10);
  });

  it('takes nothing before what may have taken its place is on disk, under ASYNC_FLUSH, too', async () => {
    const files = new HookedFileSystem(clock);
    await open({ path: '/store', fileSystem: files, fileReservedTimeHours: 1, flushDiskType: 'ASYNC_FLUSH' });
    await append(0, 40);
    await pass(2);
    // A delayed message that is due is stored again like this, and its first record is not needed from then on.
    await store.messages.append(testDraft('0 again'));
    await store.retention.clean();
    files.crash('power', 0);
    opened = [];
    await open({ path: '/store', fileSystem: files });
    expect((await bodiesOf(store)).at(-1)).toBe('0 again');
  });

  it('leaves no hole in the log when a file can not be closed', async () => {
    const files = new HookedFileSystem(clock);
    await open({ path: '/store', fileSystem: files, fileReservedTimeHours: 1, deleteFileBatchMax: 1 });
    await append(0, 60);
    await pass(2);
    const [first, ...others] = (await files.list('/store/commitlog')).toSorted();
    files.failNext({ operation: 'close', pathPart: `/commitlog/${first}`, code: 'EIO' });
    await store.retention.clean();
    await store.retention.clean();
    expect((await files.list('/store/commitlog')).toSorted()).toEqual(others.slice(1));
    files.crash('process');
    opened = [];
    await open({ path: '/store', fileSystem: files });
    expect((await bodiesOf(store)).at(-1)?.trim()).toBe('59');
  });

  describe('when the disk does not say that a file is gone for good', () => {
    let files: HookedFileSystem;
    const begin = async (): Promise<void> => {
      files = new HookedFileSystem(clock);
      await open({ path: '/store', fileSystem: files, fileReservedTimeHours: 1, deleteFileBatchMax: 1 });
      await append(0, 60);
      await pass(2);
    };
    const failSyncs = (times: number): void =>
      files.failNext({ operation: 'syncDirectory', pathPart: '/commitlog', code: 'EIO', times });
    const logFiles = (disk: FaultyFileSystem): Promise<readonly string[]> => disk.list('/store/commitlog');

    it('does not find it again after the next clean close and a power cut', async () => {
      await begin();
      const before = await logFiles(files);
      failSyncs(1);
      await store.retention.clean();
      files.crash('process');
      opened = [];
      await open({ path: '/store', fileSystem: files });
      const range = store.messages.queueRange('test-topic', 0);
      await store.close();
      files.crash('power', 0);
      expect((await logFiles(files)).toSorted()).toEqual(before.toSorted().slice(1));
      await open({ path: '/store', fileSystem: files });
      expect(store.messages.queueRange('test-topic', 0)).toEqual(range);
    });

    it('removes none behind it, so that a power cut leaves no hole in the log', async () => {
      await begin();
      failSyncs(2);
      await store.retention.clean();
      await store.retention.clean();
      for (let seed = 0; seed < 30; seed++) {
        const disk = files.fork(new SeededRandom(seed));
        disk.crash('power');
        const copy = await openTestStore({ path: '/store', fileSystem: disk, clock });
        expect((await bodiesOf(copy)).at(-1)?.trim()).toBe('59');
        await copy.close();
      }
      await store.retention.clean();
      expect((await logFiles(files)).toSorted()[0]).toBe(String(2 * 16 * 1024).padStart(20, '0'));
    });
  });

  it('removes at most so many files in one pass', async () => {
    await open({ fileReservedTimeHours: 1, deleteFileBatchMax: 2 });
    await append(0, 100);
    const before = (await filesOf('commitlog')).length;
    await pass(2);
    await store.retention.clean();
    expect(await filesOf('commitlog')).toHaveLength(before - 2);
  });

  it('removes by itself once it is started, in the hours that are given', async () => {
    const hour = new Date(clock.now()).getHours();
    const deleteWhen = String((hour + 5) % 24).padStart(2, '0');
    await open({ fileReservedTimeHours: 1, deleteWhen, cleanResourceIntervalMs: 60_000 });
    await append(0, 40);
    const before = (await filesOf('commitlog')).length;
    store.retention.start();
    await pass(4.5);
    expect(await filesOf('commitlog')).toHaveLength(before);
    await pass(1);
    expect(await filesOf('commitlog')).toHaveLength(1);
  });

  it('keeps what a service still needs, up to twice the reserved time, and says so when it goes', async () => {
    const warnings: string[] = [];
    const logger = { debug() {}, log() {}, warn: (text: string) => void warnings.push(text), error() {} };
    await open({ fileReservedTimeHours: 2, logger });
    await append(0, 60);
    const [, second] = await filesOf('commitlog');
    store.retention.hold('delayed messages', () => Number(second));
    await pass(3);
    await store.retention.clean();
    expect((await filesOf('commitlog'))[0]).toBe(second);
    expect(warnings).toEqual([]);
    await pass(2);
    await store.retention.clean();
    expect(await filesOf('commitlog')).toHaveLength(1);
    expect(warnings[0]).toContain('delayed messages');
  });

  it('asks for each of several reasons of one service', async () => {
    await open({ fileReservedTimeHours: 2 });
    await append(0, 60);
    const [, second] = await filesOf('commitlog');
    store.retention.hold('timers', () => Number(second));
    store.retention.hold('timers', () => undefined);
    await pass(3);
    await store.retention.clean();
    expect((await filesOf('commitlog'))[0]).toBe(second);
  });

  it('tries again what could not be removed', async () => {
    await open({ fileReservedTimeHours: 1 });
    await append(0, 40);
    await pass(2);
    const [first] = await filesOf('commitlog');
    const path = join(store.path, 'commitlog', first!);
    // A directory with something in it can't be unlinked.
    await rm(path);
    await mkdir(join(path, 'in-the-way'), { recursive: true });
    await store.retention.clean();
    expect((await filesOf('commitlog'))[0]).toBe(first);
    await rm(path, { recursive: true });
    await store.retention.clean();
    expect(await filesOf('commitlog')).toHaveLength(1);
    expect((await bodies()).length).toBeGreaterThan(0);
  });
});
