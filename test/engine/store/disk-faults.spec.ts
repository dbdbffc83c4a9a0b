import { ManualClock, SeededRandom } from '../../../lib/engine/io/index.js';
import { FailingFileSystem } from '../../support/failing-file-system.js';
import { diskError, HookedFileSystem, type FileHook } from '../../support/hooked-file-system.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** Three of them are more than a log file holds. */
const LARGE_BYTES = 7000;

describe('a store on a disk that fails', () => {
  let clock: ManualClock;
  let files: HookedFileSystem;
  let store: TestStore;
  const open = async (more: object = {}): Promise<TestStore> =>
    (store = await openTestStore({ path: '/store', fileSystem: files, clock, ...more }));
  const large = (letter: string): Buffer => Buffer.alloc(LARGE_BYTES, letter);
  const turns = async (count = 30): Promise<void> => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const confirmed = async (): Promise<number> => (await files.readFile('/store/checkpoint'))?.readInt32BE(36) ?? 0;
  const reopen = async (): Promise<string[]> => {
    files.hook = () => undefined;
    files.clearFaults();
    files.crash('process');
    await open();
    return (await bodiesOf(store)).map((body) => body.slice(0, 6));
  };

  beforeEach(() => {
    clock = new ManualClock();
    files = new HookedFileSystem(clock);
  });

  afterEach(async () => {
    files.hook = () => undefined;
    files.clearFaults();
    await store.close();
  });

  it('opens again when it could not give a log file its size back after a failed write', async () => {
    await open();
    await store.messages.append(testDraft('before'));
    let truncations = 0;
    files.hook = (operation, path) => {
      if (!path.includes('/commitlog/')) return;
      if (operation === 'write') throw diskError('EIO');
      if (operation === 'truncate' && ++truncations === 2) throw diskError('EIO');
    };
    await expect(store.messages.append(testDraft('failed'))).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' });
    expect(truncations).toBe(2);
    expect(await reopen()).toEqual(['before']);
    await store.messages.append(testDraft('after'));
    expect(await bodiesOf(store)).toEqual(['before', 'after']);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'opens also after a clean close and a power cut when what a failed write had left could not be cleared for good (%i)',
    async (seed) => {
      await open();
      await store.messages.append(testDraft('before'));
      // The checkpoint confirms it, so that the next opening reads and writes nothing of the log again.
      await clock.advance(6000, () => turns());
      expect(await confirmed()).toBeGreaterThan(0);
      const secondFile = '16384';
      files.hook = (operation, path) => {
        if (operation !== 'write' || !path.endsWith(secondFile)) return;
        files.failNext({ operation: 'datasync', pathPart: '/commitlog', code: 'EIO' });
        throw diskError('EIO');
      };
      const sends = ['a', 'b', 'c'].map((letter) => store.messages.append(testDraft(large(letter))));
      const ends = await Promise.allSettled(sends);
      expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
      expect(store.logStatus().hasFailed).toBe(true);
      // Now all of it counts as whole, and as closed cleanly.
      expect(await reopen()).toEqual(['before']);
      await store.close();
      const disk = files.fork(new SeededRandom(seed));
      disk.crash('power');
      const opened = await openTestStore({ path: '/store', fileSystem: disk, clock });
      expect(await bodiesOf(opened)).toEqual(['before']);
      await opened.close();
    },
  );

  it('goes on when a write failed in a log file that had been begun for it', async () => {
    await open();
    await store.messages.append(testDraft('before'));
    const thirdFile = '32768';
    files.hook = (operation, path) => {
      if (operation === 'write' && path.endsWith(thirdFile)) throw diskError('EIO');
    };
    const sends = ['a', 'b', 'c', 'd', 'e'].map((letter) => store.messages.append(testDraft(large(letter))));
    const ends = await Promise.allSettled(sends);
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    files.hook = () => undefined;
    await store.messages.append(testDraft('after'));
    expect(await bodiesOf(store)).toEqual(['before', 'after']);
    expect(await reopen()).toEqual(['before', 'after']);
  });

  it('has no hole in the log when a file that was begun for a failed write can not be removed', async () => {
    await open();
    await store.messages.append(testDraft('before'));
    const thirdFile = '32768';
    files.hook = (operation, path) => {
      if (operation === 'write' && path.endsWith(thirdFile)) throw diskError('EIO');
    };
    files.failNext({ operation: 'remove', pathPart: thirdFile, code: 'EIO' });
    const sends = ['a', 'b', 'c', 'd', 'e'].map((letter) => store.messages.append(testDraft(large(letter))));
    const ends = await Promise.allSettled(sends);
    expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
    files.hook = () => undefined;
    expect((await reopen())[0]).toBe('before');
    await store.messages.append(testDraft('after'));
    expect((await bodiesOf(store)).at(-1)).toBe('after');
  });

  it.each(['process', 'power'] as const)(
    'refuses all sends after a failed sync, says what to do, and loses nothing that was acknowledged (%s)',
    async (crash) => {
      await open();
      await store.messages.append(testDraft('before'));
      files.failNext({ operation: 'datasync', pathPart: '/commitlog', code: 'EIO' });
      const failure = { code: 'STORE_WRITE_FAILED', message: expect.stringContaining('restart the process') };
      await expect(store.messages.append(testDraft('unsure'))).rejects.toMatchObject(failure);
      // The disk works again, and the kernel would call the next sync a success: nothing may be acknowledged on its word.
      await expect(store.messages.append(testDraft('refused'))).rejects.toMatchObject(failure);
      await expect(store.messages.append(testDraft('refused', { waitStoreMsgOK: false }))).rejects.toMatchObject(
        failure,
      );
      expect(await bodiesOf(store)).toEqual(['before']);
      await store.close();
      files.crash(crash, 0);
      await open();
      expect((await bodiesOf(store)).filter((body) => body !== 'unsure')).toEqual(['before']);
      await store.messages.append(testDraft('after'));
      files.crash('power', 0);
      await open();
      expect((await bodiesOf(store)).filter((body) => body !== 'unsure')).toEqual(['before', 'after']);
    },
  );

  it('begins no log file under ASYNC_FLUSH while the one before is still being synced', async () => {
    await open({ flushDiskType: 'ASYNC_FLUSH' });
    await store.messages.append(testDraft(large('a')));
    const sync = heldSync();
    files.hook = sync.hook;
    await clock.advance(500, () => turns());
    expect(sync.isHeld).toBe(true);
    const appends = ['b', 'c', 'd'].map((letter) => store.messages.append(testDraft(large(letter))));
    await turns();
    expect((await files.list('/store/commitlog')).length).toBe(1);
    sync.release();
    await Promise.all(appends);
    expect((await files.list('/store/commitlog')).length).toBe(2);
  });

  it('confirms nothing in the checkpoint under ASYNC_FLUSH that is still being synced', async () => {
    await open({ flushDiskType: 'ASYNC_FLUSH', checkpointIntervalMs: 600 });
    await store.messages.append(testDraft('a'));
    const sync = heldSync();
    files.hook = sync.hook;
    await clock.advance(700, () => turns());
    expect(sync.isHeld).toBe(true);
    expect(await confirmed()).toBe(0);
    sync.release();
    await turns();
    expect(await confirmed()).toBeGreaterThan(0);
  });

  it('syncs under ASYNC_FLUSH also what is written while a sync begins', async () => {
    await open({ flushDiskType: 'ASYNC_FLUSH' });
    await store.messages.append(testDraft('a'));
    const write = heldOn('write');
    files.hook = write.hook;
    const append = store.messages.append(testDraft('b'));
    await turns();
    expect(write.isHeld).toBe(true);
    await clock.advance(500, () => turns());
    write.release();
    await append;
    await clock.advance(500, () => turns());
    files.crash('power', 0);
    await open();
    expect(await bodiesOf(store)).toEqual(['a', 'b']);
  });

  it('names the error when it can not be closed cleanly, gives the directory free, and loses nothing', async () => {
    await open();
    await store.messages.append(testDraft('x'));
    files.failNext({ operation: 'write', pathPart: '/checkpoint', code: 'ENOSPC' });
    await expect(store.close()).rejects.toMatchObject({
      code: 'STORE_CLOSE_FAILED',
      fields: { path: '/store', reason: expect.stringContaining('ENOSPC') },
      cause: { code: 'ENOSPC' },
    });
    await open();
    expect(await bodiesOf(store)).toEqual(['x']);
  });

  it('writes tables and offsets at the close also when the checkpoint fails, and the other way round', async () => {
    await open();
    const state = await store.state.open('some.json', { snapshot: () => ({ a: 1 }), flushIntervalMs: 60_000 });
    state.markDirty();
    await store.messages.append(testDraft('x'));
    files.failNext({ operation: 'write', pathPart: 'some.json', code: 'EIO' });
    await expect(store.close()).rejects.toMatchObject({ cause: { code: 'STATE_WRITE_FAILED' } });
    expect(await files.stat('/store/checkpoint')).toBeDefined();
    await open();
    expect(await bodiesOf(store)).toEqual(['x']);
  });

  it('names the errors of tables that could not be written', async () => {
    await open();
    files.failNext({ operation: 'write', pathPart: 'topics.json', code: 'ENOSPC' });
    await expect(store.topics.ensure('t', 1)).rejects.toMatchObject({ code: 'DISK_FULL', cause: { code: 'ENOSPC' } });
    files.failNext({ operation: 'rename', pathPart: 'topics.json', code: 'EIO' });
    await expect(store.topics.ensure('t', 1)).rejects.toMatchObject({
      code: 'STATE_WRITE_FAILED',
      fields: { file: '/store/config/topics.json' },
    });
    await store.topics.ensure('t', 1);
    expect(store.topics.get('t')).toBeDefined();
  });

  it('leaves no file open, and nothing under way, when any one call of the opening fails', async () => {
    await open();
    for (let queueId = 0; queueId < 20; queueId++) await store.messages.append(testDraft('x', { queueId }));
    const image = files.fork(new SeededRandom(1));
    for (let failing = 1; ; failing++) {
      const disk = new FailingFileSystem(image.fork(new SeededRandom(1)), failing, () => diskError('EIO'));
      const opened = await openTestStore({ path: '/store', fileSystem: disk.fileSystem, clock }).catch(
        (error: unknown) => error as Error,
      );
      const { calls } = disk;
      if (!(opened instanceof Error)) {
        // Else what failed is no more than the look at the disk's free room.
        const isUnharmed = calls < failing;
        await opened.close().catch(() => undefined);
        if (isUnharmed) break;
        continue;
      }
      expect(opened).toMatchObject({ code: 'STORE_UNUSABLE', cause: { message: 'EIO: injected' } });
      expect([...disk.openPaths]).toEqual([]);
      await turns();
      expect(disk.calls).toBe(calls);
    }
  });

  it('names the error when the disk fails at the opening, and gives the directory free', async () => {
    await open();
    await store.messages.append(testDraft('x'));
    await store.close();
    for (const operation of ['list', 'open', 'stat', 'readFile', 'syncDirectory'] as const) {
      files.failNext({ operation, code: 'EIO' });
      await expect(open()).rejects.toMatchObject({ code: 'STORE_UNUSABLE', cause: { code: 'EIO' } });
    }
    await open();
    expect(await bodiesOf(store)).toEqual(['x']);
  });
});

interface Hold {
  readonly hook: FileHook;
  readonly isHeld: boolean;
  release(): void;
}

function heldSync(): Hold {
  return heldOn('datasync');
}

/** Holds up the first such operation on the log. */
function heldOn(held: 'datasync' | 'write'): Hold {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const state = { isHeld: false };
  return {
    hook: async (operation, path) => {
      if (operation !== held || !path.includes('/commitlog/') || state.isHeld) return;
      state.isHeld = true;
      await released;
    },
    get isHeld() {
      return state.isHeld;
    },
    release,
  };
}
