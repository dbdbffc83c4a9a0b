import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';
import type { FileLocker } from '../../../lib/engine/io/file-locker.js';
import { NativeFileLocker } from '../../../lib/engine/io/native-file-locker.js';
import { NodeFileSystem } from '../../../lib/engine/io/node-file-system.js';
import { OwnerFileLocker } from '../../../lib/engine/io/owner-file-locker.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';
import { transpileLibrary } from '../../support/transpiled-library.js';
import { LockHolder } from './lock-holder.js';

let library: TemporaryDirectory;
let ioModuleUrl: string;
let directory: TemporaryDirectory;
let path: string;
const children: LockHolder[] = [];

beforeAll(async () => {
  library = await temporaryDirectory();
  await transpileLibrary(library.path, ['engine/io', 'engine/types', 'errors']);
  ioModuleUrl = pathToFileURL(join(library.path, 'engine/io/index.js')).href;
});
afterAll(() => library.remove());

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'lock');
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
  await directory.remove();
});

async function startHolder(locker: 'native' | 'owner'): Promise<LockHolder> {
  const child = await LockHolder.start(ioModuleUrl, locker, path);
  children.push(child);
  return child;
}

async function ownerFileHolds(): Promise<boolean> {
  const lock = await new OwnerFileLocker().tryLock(path);
  await lock?.release();
  return lock === undefined;
}

describe.each(['native', 'owner'] as const)('a %s file lock', (kind) => {
  let locker: FileLocker;

  beforeEach(async () => {
    const native = await NativeFileLocker.load();
    const chosen = kind === 'native' ? native : new OwnerFileLocker();
    if (chosen === undefined) throw new Error('fs-native-extensions can not be loaded: is it installed?');
    locker = chosen;
  });

  it('excludes another process, and the other way round', async () => {
    const child = await startHolder(kind);
    expect(child.answer).toBe('locked');
    expect(await locker.tryLock(path)).toBeUndefined();
    await child.kill();

    const lock = await locker.tryLock(path);
    expect(lock).toBeDefined();
    expect((await startHolder(kind)).answer).toBe('refused');
    await lock?.release();
    expect((await startHolder(kind)).answer).toBe('locked');
  });

  it('is free when its owner was killed, for exactly one of those who ask', async () => {
    const child = await startHolder(kind);
    expect(child.answer).toBe('locked');
    await child.kill();

    const locks = await Promise.all(Array.from({ length: 12 }, () => locker.tryLock(path)));
    const held = locks.filter((lock) => lock !== undefined);
    expect(held).toHaveLength(1);
    expect(await locker.tryLock(path)).toBeUndefined();
    await held[0]?.release();
  });

  it('leaves the lock file with its content and, once released, nothing beside it', async () => {
    await (await startHolder(kind)).kill();
    await (await locker.tryLock(path))?.release();
    expect(await readFile(path, 'utf8')).toBe('lock');
    expect(await readdir(directory.path)).toEqual(['lock']);
  });
});

describe('an owner file', () => {
  const owner = (changes: object): Promise<void> =>
    writeFile(`${path}.owner`, JSON.stringify({ ...identity, nonce: '0123456789abcdef', ...changes }));
  let identity: Record<string, unknown>;

  beforeEach(async () => {
    const lock = await new OwnerFileLocker().tryLock(path);
    identity = JSON.parse(await readFile(`${path}.owner`, 'utf8')) as Record<string, unknown>;
    await lock?.release();
  });

  it('holds while its process runs', async () => {
    expect(identity).toMatchObject({ pid: process.pid });
    await owner({});
    expect(await ownerFileHolds()).toBe(true);
  });

  it('is stale when its process id belongs to a process that started at another time', async () => {
    await owner({ startTime: '1' });
    expect(await ownerFileHolds()).toBe(false);
  });

  it('is stale when the machine was started anew since', async () => {
    await owner({ bootId: '00000000-0000-0000-0000-000000000000' });
    expect(await ownerFileHolds()).toBe(false);
  });

  it('holds while a process with its id runs, if that is all that the platform tells', async () => {
    await owner({ startTime: undefined, bootId: undefined });
    expect(await ownerFileHolds()).toBe(true);
  });

  it('is stale when no process has its id, if that is all that the platform tells', async () => {
    const child = await startHolder('owner');
    await child.kill();
    await owner({ pid: child.pid, startTime: undefined, bootId: undefined });
    expect(await ownerFileHolds()).toBe(false);
  });

  it.each(['', 'text', '{}', '{"pid":1,"nonce":"../../x"}'])(
    'holds when it can not be understood: %j',
    async (text) => {
      await writeFile(`${path}.owner`, text);
      expect(await ownerFileHolds()).toBe(true);
    },
  );

  it('is taken over even if somebody died in the middle of a takeover', async () => {
    await owner({ startTime: '1', nonce: 'aaaaaaaaaaaaaaaa' });
    const contender = { ...identity, startTime: '2', nonce: 'bbbbbbbbbbbbbbbb' };
    await writeFile(`${path}.owner.aaaaaaaaaaaaaaaa`, JSON.stringify(contender));
    expect(await ownerFileHolds()).toBe(false);
    expect(await readdir(directory.path)).toEqual(['lock']);
  });

  it('is left to a contender who is in the middle of a takeover', async () => {
    await owner({ startTime: '1', nonce: 'aaaaaaaaaaaaaaaa' });
    const contender = { ...identity, nonce: 'bbbbbbbbbbbbbbbb' };
    await writeFile(`${path}.owner.aaaaaaaaaaaaaaaa`, JSON.stringify(contender));
    expect(await ownerFileHolds()).toBe(true);
  });

  it('is not removed by an owner who has lost it', async () => {
    const lock = await new OwnerFileLocker().tryLock(path);
    await owner({});
    await lock?.release();
    expect(await ownerFileHolds()).toBe(true);
  });
});

describe('NodeFileSystem', () => {
  it('locks natively where it can, leaving no owner file', async () => {
    const lock = await new NodeFileSystem().tryLock(path);
    expect(await readdir(directory.path)).toEqual(['lock']);
    expect(await (await NativeFileLocker.load())?.tryLock(path)).toBeUndefined();
    await lock?.release();
  });

  it('does not lock at all when there is no descriptor left to load the native lock with', async () => {
    jest.unstable_mockModule('fs-native-extensions', () => {
      throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
    });
    const files = new NodeFileSystem();
    await expect(files.tryLock(path)).rejects.toMatchObject({ code: 'EMFILE' });
    expect(await readdir(directory.path)).toEqual([]);
  });

  it('locks by an owner file where the native lock can not be loaded', async () => {
    jest.unstable_mockModule('fs-native-extensions', () => {
      throw new Error('no binary for this platform');
    });
    const lock = await new NodeFileSystem().tryLock(path);
    expect(await readdir(directory.path)).toEqual(['lock', 'lock.owner']);
    expect(await new NodeFileSystem().tryLock(path)).toBeUndefined();
    await lock?.release();
  });
});
