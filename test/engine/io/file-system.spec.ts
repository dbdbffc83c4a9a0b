import { MemoryFileSystem } from '../../../lib/engine/io/memory-file-system.js';
import { NodeFileSystem, type NodeFileSystemOptions } from '../../../lib/engine/io/node-file-system.js';
import { OwnerFileLocker } from '../../../lib/engine/io/owner-file-locker.js';
import { PAGE_SIZE_BYTES } from '../../../lib/engine/io/sparse-pages.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { describeFileSystem, type FileSystemUnderTest } from './file-system.conformance.js';

async function onDisk(options?: NodeFileSystemOptions): Promise<FileSystemUnderTest> {
  const directory = await temporaryDirectory();
  return { fileSystem: new NodeFileSystem(options), directory: directory.path, dispose: () => directory.remove() };
}

async function inMemory(): Promise<FileSystemUnderTest> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/store');
  return { fileSystem, directory: '/store', dispose: async () => {} };
}

describe('NodeFileSystem', () => {
  describeFileSystem(() => onDisk());
});

describe('NodeFileSystem without a native lock', () => {
  describeFileSystem(() => onDisk({ fileLocker: new OwnerFileLocker() }));
});

describe('MemoryFileSystem', () => {
  describeFileSystem(inMemory);

  it('fails writes with ENOSPC when the disk is full, and takes them again when there is room', async () => {
    const files = new MemoryFileSystem({ totalBytes: 3 * PAGE_SIZE_BYTES });
    const file = await files.open('/file', 'create');
    await file.write(Buffer.alloc(2 * PAGE_SIZE_BYTES), 0);
    expect(await files.diskUsage('/')).toEqual({ totalBytes: 3 * PAGE_SIZE_BYTES, freeBytes: PAGE_SIZE_BYTES });

    await expect(file.write(Buffer.alloc(2 * PAGE_SIZE_BYTES, 'x'), 2 * PAGE_SIZE_BYTES)).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect(await file.sizeBytes()).toBe(3 * PAGE_SIZE_BYTES);

    await file.truncate(PAGE_SIZE_BYTES);
    await file.write(Buffer.alloc(PAGE_SIZE_BYTES), PAGE_SIZE_BYTES);
    expect((await files.diskUsage('/')).freeBytes).toBe(PAGE_SIZE_BYTES);
  });

  it('does not keep a lock whose file could not be written', async () => {
    const files = new MemoryFileSystem({ totalBytes: PAGE_SIZE_BYTES });
    const file = await files.open('/file', 'create');
    await file.write(Buffer.alloc(1), 0);
    await expect(files.tryLock('/lock')).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.truncate(0);
    expect(await files.tryLock('/lock')).toBeDefined();
  });

  it('frees the room of a removed or replaced file with its last handle', async () => {
    const files = new MemoryFileSystem({ totalBytes: 10 * PAGE_SIZE_BYTES });
    const removed = await files.open('/removed', 'create');
    const replaced = await files.open('/replaced', 'create');
    await removed.write(Buffer.alloc(1), 0);
    await replaced.write(Buffer.alloc(1), 0);
    await replaced.close();
    await (await files.open('/new', 'create')).close();

    await files.rename('/new', '/replaced');
    await files.remove('/removed');
    expect((await files.diskUsage('/')).freeBytes).toBe(9 * PAGE_SIZE_BYTES);
    await removed.close();
    expect((await files.diskUsage('/')).freeBytes).toBe(10 * PAGE_SIZE_BYTES);
  });

  it('takes the time of modification from the clock that it is given', async () => {
    let nowMs = 1_000;
    const files = new MemoryFileSystem({ clock: { now: () => nowMs } });
    const file = await files.open('/file', 'create');
    nowMs = 2_000;
    await file.write(Buffer.from('x'), 0);
    nowMs = 3_000;
    expect((await files.stat('/file'))?.modifiedMs).toBe(2_000);
  });

  it('takes a relative path from the root', async () => {
    const files = new MemoryFileSystem();
    await files.makeDirectory('store/inner');
    expect(await files.list('/store')).toEqual(['inner']);
    expect(await files.list('./store/../store/')).toEqual(['inner']);
  });

  it('ends everything within microtasks', async () => {
    const files = new MemoryFileSystem();
    let turns = 0;
    const immediate = setImmediate(() => (turns += 1));
    await files.makeDirectory('/store');
    const lock = await files.tryLock('/store/lock');
    const file = await files.open('/store/file', 'create');
    await file.write(Buffer.alloc(1_000_000), 0);
    await file.datasync();
    await file.read(Buffer.alloc(1_000_000), 0);
    await file.close();
    await files.rename('/store/file', '/store/other');
    await files.syncDirectory('/store');
    await lock?.release();
    clearImmediate(immediate);
    expect(turns).toBe(0);
  });
});
