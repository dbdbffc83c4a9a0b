import type { FileHandle, FileSystem } from '../../../lib/engine/types/file-system.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** A file system, and a directory in it that exists and is empty. */
export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  dispose(): Promise<void>;
}

/** What every implementation of the contract must do alike. Call it inside a `describe`. */
export function describeFileSystem(open: () => Promise<FileSystemUnderTest>): void {
  let current: FileSystemUnderTest;
  let files: FileSystem;
  const at = (name: string): string => `${current.directory}/${name}`;

  beforeEach(async () => {
    current = await open();
    files = current.fileSystem;
  });
  afterEach(() => current.dispose());

  async function put(name: string, content: string): Promise<void> {
    const file = await files.open(at(name), 'create');
    await file.truncate(0);
    await file.write(Buffer.from(content), 0);
    await file.close();
  }

  async function contentOf(name: string): Promise<string | undefined> {
    return (await files.readFile(at(name)))?.toString();
  }

  async function withFile<T>(
    name: string,
    mode: 'read' | 'write' | 'create',
    use: (file: FileHandle) => Promise<T>,
  ): Promise<T> {
    const file = await files.open(at(name), mode);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }

  describe('writeAndSync', () => {
    it('writes where it is told to, as write does, where there is such a call', async () => {
      await withFile('file', 'create', async (file) => {
        await file.write(Buffer.from('abcdef'), 0);
        if (file.writeAndSync === undefined) return;
        expect(await file.writeAndSync(Buffer.from('XY'), 2)).toBeUndefined();
        expect(await file.writeAndSync(Buffer.from('Z'), 6)).toBeUndefined();
        const target = Buffer.alloc(8);
        expect(await file.read(target, 0)).toBe(7);
        expect(target.toString('latin1', 0, 7)).toBe('abXYefZ');
        await expect(file.writeAndSync(Buffer.from('x'), -1)).rejects.toMatchObject({ code: 'EINVAL' });
      });
    });

    it('is refused by a file that has been closed', async () => {
      const file = await files.open(at('file'), 'create');
      await file.writeAndSync?.(Buffer.from('a'), 0);
      await file.close();
      if (file.writeAndSync === undefined) return;
      await expect(file.writeAndSync(Buffer.from('b'), 0)).rejects.toMatchObject({ code: 'EBADF' });
      expect(await contentOf('file')).toBe('a');
    });
  });

  describe('open', () => {
    it.each(['read', 'write'] as const)('refuses a missing file for %s', async (mode) => {
      await expect(files.open(at('missing'), mode)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await files.stat(at('missing'))).toBeUndefined();
    });

    it('makes a missing file, and keeps the content of a present one', async () => {
      await withFile('file', 'create', (file) => file.write(Buffer.from('kept'), 0));
      await withFile('file', 'create', async (file) => expect(await file.sizeBytes()).toBe(4));
      expect(await contentOf('file')).toBe('kept');
    });

    it('makes no file in a directory that does not exist, or in a file', async () => {
      await put('file', 'x');
      await expect(files.open(at('missing/file'), 'create')).rejects.toMatchObject({ code: 'ENOENT' });
      await expect(files.open(at('file/file'), 'create')).rejects.toMatchObject({ code: 'ENOTDIR' });
    });

    it.each(['write', 'create'] as const)('refuses a directory for %s', async (mode) => {
      await expect(files.open(current.directory, mode)).rejects.toMatchObject({ code: 'EISDIR' });
    });

    it.each(['write', 'create'] as const)('lets read in mode %s', async (mode) => {
      await put('file', 'abc');
      const target = Buffer.alloc(3);
      await withFile('file', mode, (file) => file.read(target, 0));
      expect(target.toString()).toBe('abc');
    });

    it('does not let write in mode read', async () => {
      await put('file', 'abc');
      await withFile('file', 'read', async (file) => {
        await expect(file.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'EBADF' });
        await expect(file.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' });
      });
      expect(await contentOf('file')).toBe('abc');
    });
  });

  describe('read and write', () => {
    it('reads less than asked only at the end of the file', async () => {
      await put('file', 'abcdef');
      await withFile('file', 'read', async (file) => {
        const target = Buffer.from('......');
        expect(await file.read(target.subarray(0, 4), 1)).toBe(4);
        expect(target.toString()).toBe('bcde..');
        expect(await file.read(target, 4)).toBe(2);
        expect(target.toString()).toBe('efde..');
        expect(await file.read(target, 6)).toBe(0);
        expect(await file.read(target, 1000)).toBe(0);
        expect(await file.read(Buffer.alloc(0), 0)).toBe(0);
      });
    });

    it('writes over what is there, and past the end with zeros between', async () => {
      await put('file', 'abcdef');
      await withFile('file', 'write', async (file) => {
        await file.write(Buffer.from('XY'), 2);
        await file.write(Buffer.from('Z'), 8);
        await file.write(Buffer.alloc(0), 100);
        expect(await file.sizeBytes()).toBe(9);
      });
      expect(await contentOf('file')).toBe('abXYef\0\0Z');
    });

    it('does not keep the buffer of a write', async () => {
      const source = Buffer.from('abc');
      await withFile('file', 'create', (file) => file.write(source, 0));
      source.fill('x');
      expect(await contentOf('file')).toBe('abc');
    });

    it('keeps the bytes of large writes at odd places', async () => {
      const content = Buffer.alloc(3 * MIB + 17);
      // The period is prime, so no page looks like another.
      for (let index = 0; index < content.length; index++) content[index] = (index % 65_521) % 251;
      await withFile('file', 'create', async (file) => {
        await file.write(content, 65_531);
        const target = Buffer.alloc(content.length);
        expect(await file.read(target, 65_531)).toBe(content.length);
        expect(target.equals(content)).toBe(true);
        const piece = Buffer.alloc(100_000);
        await file.read(piece, 65_531 + 131_077);
        expect(piece.equals(content.subarray(131_077, 231_077))).toBe(true);
      });
      expect((await files.readFile(at('file')))?.subarray(65_531).equals(content)).toBe(true);
    });

    it('lets two handles of a file see what either writes', async () => {
      await withFile('file', 'create', (one) =>
        withFile('file', 'create', async (other) => {
          await one.write(Buffer.from('ab'), 0);
          await other.write(Buffer.from('cd'), 2);
          const target = Buffer.alloc(4);
          expect(await one.read(target, 0)).toBe(4);
          expect(target.toString()).toBe('abcd');
        }),
      );
    });

    it.each([-1, 0.5, Number.NaN])('refuses the position %d', async (position) => {
      await withFile('file', 'create', async (file) => {
        await expect(file.read(Buffer.alloc(1), position)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(file.write(Buffer.alloc(1), position)).rejects.toMatchObject({ code: 'EINVAL' });
        await expect(file.truncate(position)).rejects.toMatchObject({ code: 'EINVAL' });
        expect(await file.sizeBytes()).toBe(0);
      });
    });

    it('takes writes that are not waited for one by one', async () => {
      await withFile('file', 'create', async (file) => {
        const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
        await Promise.all(letters.map((letter, index) => file.write(Buffer.from(letter), index)));
        await file.datasync();
      });
      expect(await contentOf('file')).toBe('abcdefghijklmnopqrstuvwxyz');
    });
  });

  describe('truncate', () => {
    it('cuts, and shows zeros when the file grows again', async () => {
      await put('file', 'abcdef');
      await withFile('file', 'write', async (file) => {
        await file.truncate(2);
        expect(await file.sizeBytes()).toBe(2);
        await file.truncate(5);
        expect(await file.sizeBytes()).toBe(5);
      });
      expect(await contentOf('file')).toBe('ab\0\0\0');
    });

    it('grows a file to 1 GiB without taking its room on the disk', async () => {
      const before = await files.diskUsage(current.directory);
      await withFile('file', 'create', async (file) => {
        await file.truncate(GIB);
        await file.write(Buffer.from('end'), GIB - 3);
        await file.datasync();
        expect(await file.sizeBytes()).toBe(GIB);
        const target = Buffer.from('......');
        expect(await file.read(target, GIB - 6)).toBe(6);
        expect(target.toString()).toBe('\0\0\0end');
      });
      const after = await files.diskUsage(current.directory);
      // Others may use a real disk meanwhile, but hardly half a GiB of it.
      expect(before.freeBytes - after.freeBytes).toBeLessThan(GIB / 2);
    });
  });

  describe('close', () => {
    it('can be called twice', async () => {
      const file = await files.open(at('file'), 'create');
      await file.close();
      await file.close();
    });

    it('refuses what comes later', async () => {
      const file = await files.open(at('file'), 'create');
      await file.close();
      const refused = { code: 'EBADF' };
      await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject(refused);
      await expect(file.write(Buffer.alloc(1), 0)).rejects.toMatchObject(refused);
      await expect(file.truncate(0)).rejects.toMatchObject(refused);
      await expect(file.sizeBytes()).rejects.toMatchObject(refused);
      await expect(file.datasync()).rejects.toMatchObject(refused);
    });

    it('lets operations end that are under way', async () => {
      const file = await files.open(at('file'), 'create');
      const content = Buffer.alloc(MIB, 'a');
      const written = Promise.all([file.write(content, 0), file.write(content, MIB), file.datasync()]);
      await file.close();
      await written;
      expect((await files.stat(at('file')))?.sizeBytes).toBe(2 * MIB);
    });
  });

  describe('readFile, stat and list', () => {
    it('answers for what is not there', async () => {
      expect(await files.readFile(at('missing'))).toBeUndefined();
      expect(await files.stat(at('missing'))).toBeUndefined();
      expect(await files.list(at('missing'))).toEqual([]);
    });

    it('tells a file where a directory should be from a missing one', async () => {
      await put('file', 'x');
      const refused = { code: 'ENOTDIR' };
      await expect(files.readFile(at('file/child'))).rejects.toMatchObject(refused);
      await expect(files.stat(at('file/child'))).rejects.toMatchObject(refused);
      await expect(files.list(at('file'))).rejects.toMatchObject(refused);
    });

    it('does not read a directory as a file', async () => {
      await expect(files.readFile(current.directory)).rejects.toMatchObject({ code: 'EISDIR' });
    });

    it('tells kind and size', async () => {
      await put('file', 'abc');
      expect(await files.stat(at('file'))).toMatchObject({ kind: 'file', sizeBytes: 3 });
      expect(await files.stat(current.directory)).toMatchObject({ kind: 'directory' });
    });

    it('tells when a file was last written', async () => {
      await put('file', 'abc');
      const first = await files.stat(at('file'));
      await withFile('file', 'write', (file) => file.write(Buffer.from('d'), 3));
      const second = await files.stat(at('file'));
      expect(first?.modifiedMs).toBeGreaterThan(Date.UTC(2020, 0, 1));
      expect(second?.modifiedMs).toBeGreaterThanOrEqual(first?.modifiedMs ?? Infinity);
    });

    it('lists names sorted by code unit, directories too', async () => {
      for (const name of ['b', 'a', 'B', '10', '9', 'ä']) await put(name, '');
      await files.makeDirectory(at('a0/inner'));
      expect(await files.list(current.directory)).toEqual(['10', '9', 'B', 'a', 'a0', 'b', 'ä']);
    });
  });

  describe('makeDirectory', () => {
    it('makes parents, and does nothing to what is there', async () => {
      await files.makeDirectory(at('a/b/c'));
      await put('a/b/c/file', 'x');
      await files.makeDirectory(at('a/b/c'));
      expect(await contentOf('a/b/c/file')).toBe('x');
    });

    it('does not replace a file', async () => {
      await put('file', 'x');
      await expect(files.makeDirectory(at('file'))).rejects.toMatchObject({ code: 'EEXIST' });
      await expect(files.makeDirectory(at('file/child'))).rejects.toMatchObject({ code: 'ENOTDIR' });
      expect(await contentOf('file')).toBe('x');
    });
  });

  describe('rename', () => {
    it('replaces the target, and leaves open handles with the file that they opened', async () => {
      await put('old', 'old');
      await put('new', 'new');
      const old = await files.open(at('old'), 'read');
      await files.rename(at('new'), at('old'));
      const target = Buffer.alloc(3);
      await old.read(target, 0);
      await old.close();
      expect(target.toString()).toBe('old');
      expect(await contentOf('old')).toBe('new');
      expect(await files.list(current.directory)).toEqual(['old']);
    });

    it('moves a directory with its content', async () => {
      await files.makeDirectory(at('from/inner'));
      await put('from/inner/file', 'x');
      await files.rename(at('from'), at('to'));
      expect(await contentOf('to/inner/file')).toBe('x');
      expect(await files.stat(at('from'))).toBeUndefined();
    });

    it('changes nothing when it is onto itself', async () => {
      await put('file', 'x');
      await files.rename(at('file'), at('file'));
      expect(await contentOf('file')).toBe('x');
    });

    it('refuses what can not be', async () => {
      await put('file', 'x');
      await files.makeDirectory(at('empty'));
      await files.makeDirectory(at('full/inner'));
      const attempts: [string, string, string][] = [
        ['missing', 'other', 'ENOENT'],
        ['file', 'missing/file', 'ENOENT'],
        ['file', 'empty', 'EISDIR'],
        ['empty', 'file', 'ENOTDIR'],
        ['empty', 'full', 'ENOTEMPTY'],
        ['full', 'full/inner/deeper', 'EINVAL'],
      ];
      for (const [from, to, code] of attempts) {
        await expect(files.rename(at(from), at(to))).rejects.toMatchObject({ code });
      }
      expect(await files.list(current.directory)).toEqual(['empty', 'file', 'full']);
    });
  });

  describe('remove', () => {
    it('removes files and empty directories, and is harmless when nothing is there', async () => {
      await put('file', 'x');
      await files.makeDirectory(at('directory'));
      for (const name of ['file', 'directory', 'missing', 'missing/child']) await files.remove(at(name));
      expect(await files.list(current.directory)).toEqual([]);
    });

    it('does not remove a directory that holds something', async () => {
      await files.makeDirectory(at('directory/inner'));
      await expect(files.remove(at('directory'))).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    });

    it('lets open handles of a removed file go on', async () => {
      await put('file', 'abc');
      await withFile('file', 'write', async (file) => {
        await files.remove(at('file'));
        await put('file', 'new');
        await file.write(Buffer.from('d'), 3);
        const target = Buffer.alloc(4);
        await file.read(target, 0);
        expect(target.toString()).toBe('abcd');
      });
      expect(await contentOf('file')).toBe('new');
    });
  });

  describe('syncDirectory', () => {
    it('takes directories alone', async () => {
      await put('file', 'x');
      await files.syncDirectory(current.directory);
      await expect(files.syncDirectory(at('file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
      await expect(files.syncDirectory(at('missing'))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  describe('diskUsage', () => {
    it('tells size and free room of the disk', async () => {
      const usage = await files.diskUsage(current.directory);
      expect(usage.totalBytes).toBeGreaterThan(0);
      expect(usage.freeBytes).toBeGreaterThan(0);
      expect(usage.freeBytes).toBeLessThanOrEqual(usage.totalBytes);
    });

    it('knows no disk of a path that is not there', async () => {
      await expect(files.diskUsage(at('missing'))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  describe('tryLock', () => {
    it('gives the lock to one owner at a time, also inside one process', async () => {
      const first = await files.tryLock(at('lock'));
      expect(first).toBeDefined();
      expect(await files.tryLock(at('lock'))).toBeUndefined();
      await first?.release();
      const second = await files.tryLock(at('lock'));
      expect(second).toBeDefined();
      await second?.release();
    });

    it('gives it to exactly one of many who ask at once', async () => {
      const locks = await Promise.all(Array.from({ length: 12 }, () => files.tryLock(at('lock'))));
      const held = locks.filter((lock) => lock !== undefined);
      expect(held).toHaveLength(1);
      await held[0]?.release();
    });

    it('keeps the lock of a new owner when an old one releases again', async () => {
      const first = await files.tryLock(at('lock'));
      await first?.release();
      const second = await files.tryLock(at('lock'));
      await first?.release();
      expect(await files.tryLock(at('lock'))).toBeUndefined();
      await second?.release();
    });

    it('does not mix up the locks of two paths', async () => {
      const one = await files.tryLock(at('one'));
      const other = await files.tryLock(at('other'));
      expect(one).toBeDefined();
      expect(other).toBeDefined();
      await one?.release();
      await other?.release();
    });

    it('writes what RocketMQ writes into a new lock file, and nothing into an old one', async () => {
      await (await files.tryLock(at('lock')))?.release();
      expect(await contentOf('lock')).toBe('lock');
      await put('old', 'something else');
      await (await files.tryLock(at('old')))?.release();
      expect(await contentOf('old')).toBe('something else');
    });

    it('refuses a path whose directory does not exist', async () => {
      await expect(files.tryLock(at('missing/lock'))).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });
}
