import fc from 'fast-check';

import { FaultyFileSystem, SeededRandom } from '../../../lib/engine/io/index.js';
import { CACHE_PAGE_BYTES, SECTOR_BYTES } from '../../../lib/engine/io/cached-page.js';
import type { FileHandle } from '../../../lib/engine/types/index.js';
import { describeFileSystem, type FileSystemUnderTest } from './file-system.conformance.js';

const page = (letter: string): Buffer => Buffer.alloc(CACHE_PAGE_BYTES, letter);

async function open(maxLatencyTurns: number): Promise<FileSystemUnderTest> {
  const fileSystem = new FaultyFileSystem({ random: new SeededRandom(1) });
  fileSystem.setFaults({ maxLatencyTurns });
  await fileSystem.makeDirectory('/store');
  return { fileSystem, directory: '/store', dispose: async () => {} };
}

describe('FaultyFileSystem without faults', () => {
  describeFileSystem(() => open(0));
});

describe('FaultyFileSystem on a slow disk', () => {
  describeFileSystem(() => open(3));
});

describe('FaultyFileSystem', () => {
  let files: FaultyFileSystem;

  beforeEach(async () => {
    files = new FaultyFileSystem({ random: new SeededRandom(1) });
    await files.makeDirectory('/d');
    await files.syncDirectory('/');
  });

  const make = async (path: string, content: Buffer | string): Promise<FileHandle> => {
    const file = await files.open(path, 'create');
    await file.write(Buffer.from(content), 0);
    return file;
  };
  const makeSynced = async (path: string, content: Buffer | string): Promise<FileHandle> => {
    const file = await make(path, content);
    await file.datasync();
    await files.syncDirectory('/d');
    return file;
  };
  const textOf = async (path: string): Promise<string | undefined> => (await files.readFile(path))?.toString();
  /** What a power cut left of `path`, of many that could have been. */
  const outcomes = async (path: string): Promise<Set<string | undefined>> => {
    const seen = new Set<string | undefined>();
    for (let seed = 0; seed < 200; seed++) {
      const fork = files.fork(new SeededRandom(seed));
      fork.crash();
      seen.add((await fork.readFile(path))?.toString());
    }
    return seen;
  };

  describe('at a power cut', () => {
    it('keeps what was synced, whatever else goes', async () => {
      await makeSynced('/d/file', 'kept');
      expect(await outcomes('/d/file')).toEqual(new Set(['kept']));
      expect(files.unsyncedPaths()).toEqual([]);
    });

    it('keeps or loses what was not synced', async () => {
      const file = await makeSynced('/d/file', 'old');
      await file.write(Buffer.from('new'), 0);
      expect(await outcomes('/d/file')).toEqual(new Set(['old', 'new']));
      expect(files.unsyncedPaths()).toEqual(['/d/file']);
    });

    it('may leave what a page was between two syncs', async () => {
      const file = await makeSynced('/d/file', 'v0');
      for (const version of ['v1', 'v2', 'v3']) await file.write(Buffer.from(version), 0);
      expect(await outcomes('/d/file')).toEqual(new Set(['v0', 'v1', 'v2', 'v3']));
    });

    it('loses pages one by one, in any order, and tears them at sectors', async () => {
      const file = await makeSynced('/d/file', Buffer.concat([page('a'), page('b')]));
      await file.write(page('C'), 0);
      await file.write(page('D'), CACHE_PAGE_BYTES);
      const seen = [...(await outcomes('/d/file'))].map((content) => content ?? '');
      const shapes = new Set(seen.map((content) => [...new Set(content)].join('')));
      for (const shape of ['ab', 'Cb', 'aD', 'CD']) expect(shapes).toContain(shape);
      const torn = seen.filter((content) => new Set(content.slice(0, CACHE_PAGE_BYTES)).size > 1);
      expect(torn.length).toBeGreaterThan(0);
      for (const content of torn) {
        for (let at = 0; at < CACHE_PAGE_BYTES; at += SECTOR_BYTES) {
          expect(new Set(content.slice(at, at + SECTOR_BYTES)).size).toBe(1);
        }
      }
    });

    it('may lose a size, and shows zeros where only the size was kept', async () => {
      const file = await makeSynced('/d/file', 'ab');
      await file.write(Buffer.from('cd'), 2);
      expect(await outcomes('/d/file')).toEqual(new Set(['ab', 'ab\0\0', 'abcd']));
    });

    it('may bring back what was cut off', async () => {
      const file = await makeSynced('/d/file', 'abcd');
      await file.truncate(2);
      await file.truncate(4);
      const seen = await outcomes('/d/file');
      expect(seen).toEqual(new Set(['abcd', 'ab\0\0', 'ab']));
      await file.datasync();
      expect(await outcomes('/d/file')).toEqual(new Set(['ab\0\0']));
    });

    it('may lose the name of a file whose directory was not synced', async () => {
      await (await make('/d/file', 'x')).datasync();
      expect(await outcomes('/d/file')).toEqual(new Set(['x', undefined]));
      await files.syncDirectory('/d');
      expect(await outcomes('/d/file')).toEqual(new Set(['x']));
    });

    it('may lose a directory with all that was synced in it', async () => {
      await files.makeDirectory('/d/inner');
      await (await make('/d/inner/file', 'x')).datasync();
      await files.syncDirectory('/d/inner');
      expect(await outcomes('/d/inner/file')).toEqual(new Set(['x', undefined]));
    });

    it('keeps a rename as a whole or not at all', async () => {
      await makeSynced('/d/to', 'old');
      await makeSynced('/d/from', 'new');
      await files.rename('/d/from', '/d/to');
      const seen = new Set<string>();
      for (let seed = 0; seed < 200; seed++) {
        const fork = files.fork(new SeededRandom(seed));
        fork.crash();
        seen.add(`${(await fork.list('/d')).join()} ${(await fork.readFile('/d/to'))?.toString()}`);
      }
      expect(seen).toEqual(new Set(['from,to old', 'to new']));
    });

    it('may bring back a removed file until the directory is synced', async () => {
      await (await makeSynced('/d/file', 'x')).close();
      await files.remove('/d/file');
      expect(await outcomes('/d/file')).toEqual(new Set(['x', undefined]));
      await files.syncDirectory('/d');
      expect(await outcomes('/d/file')).toEqual(new Set([undefined]));
    });
  });

  it('loses nothing when only the process dies, and may lose it when the machine dies later', async () => {
    const file = await makeSynced('/d/file', 'old');
    await file.write(Buffer.from('new'), 0);
    files.crash('process');
    expect(await textOf('/d/file')).toBe('new');
    expect(await outcomes('/d/file')).toEqual(new Set(['old', 'new']));
  });

  it('does not write at a later sync what a failed one has dropped', async () => {
    const file = await makeSynced('/d/file', 'old');
    await file.write(Buffer.from('new'), 0);
    files.failNext({ operation: 'datasync', code: 'EIO' });
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    await file.datasync();
    expect(await textOf('/d/file')).toBe('new');
    expect(await outcomes('/d/file')).toEqual(new Set(['old', 'new']));
    // A page that is written again is written as a whole.
    await file.write(Buffer.from('N'), 0);
    await file.datasync();
    expect(await outcomes('/d/file')).toEqual(new Set(['New']));
  });

  it('leaves handles and locks of a crashed user dead, and the disk free for the next', async () => {
    const file = await makeSynced('/d/file', 'x');
    const lock = await files.tryLock('/d/lock');
    files.crash('process');
    await expect(file.write(Buffer.from('y'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await file.close();
    const next = await files.tryLock('/d/lock');
    expect(next).toBeDefined();
    await lock?.release();
    expect(await files.tryLock('/d/lock')).toBeUndefined();
    expect(await textOf('/d/file')).toBe('x');
  });

  it('lets a call that is under way at a crash have no effect any more', async () => {
    const file = await makeSynced('/d/file', 'old');
    files.setFaults({ maxLatencyTurns: 50 });
    const writes = Array.from({ length: 20 }, (_, i) => file.write(Buffer.from('new'), i * 3));
    const ends = Promise.allSettled(writes);
    files.crash('process');
    files.clearFaults();
    const atCrash = await textOf('/d/file');
    const results = await ends;
    expect(results.some(({ status }) => status === 'rejected')).toBe(true);
    expect(await textOf('/d/file')).toBe(atCrash);
  });

  it('leaves any part of a failed write written', async () => {
    const seen = new Set<string | undefined>();
    for (let round = 0; round < 60; round++) {
      const file = await make('/d/file', '....');
      files.failNext({ operation: 'write', code: 'ENOSPC' });
      await expect(file.write(Buffer.from('abcd'), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
      seen.add(await textOf('/d/file'));
    }
    expect(seen).toEqual(new Set(['....', 'a...', 'ab..', 'abc.', 'abcd']));
  });

  it('fails the calls that it is told to fail, and no others', async () => {
    const file = await makeSynced('/d/file', 'x');
    files.failNext({ operation: 'read', pathPart: 'other', code: 'EIO' });
    await file.read(Buffer.alloc(1), 0);
    files.failNext({ operation: 'read', pathPart: 'file', code: 'EIO', times: 2 });
    for (let i = 0; i < 2; i++) {
      await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'EIO', path: '/d/file' });
    }
    await file.read(Buffer.alloc(1), 0);
  });

  it('fails calls as often as the rate says, each with an error that fits it', async () => {
    const file = await makeSynced('/d/file', 'x');
    files.setFaults({ errorsPerMille: 200, codes: ['EIO', 'ENOSPC', 'EMFILE'] });
    const codes = new Map<string, Set<unknown>>();
    let failed = 0;
    const note = async (name: string, call: Promise<unknown>): Promise<void> => {
      await call.catch((error: NodeJS.ErrnoException) => {
        failed++;
        codes.set(name, (codes.get(name) ?? new Set()).add(error.code));
      });
    };
    for (let i = 0; i < 500; i++) {
      await note('read', file.read(Buffer.alloc(1), 0));
      await note('write', file.write(Buffer.from('x'), 0));
      await note('open', files.open('/d/file', 'read'));
      await note('datasync', file.datasync());
    }
    expect(failed).toBeGreaterThan(200);
    expect(failed).toBeLessThan(600);
    expect(codes).toEqual(
      new Map([
        ['read', new Set(['EIO'])],
        ['write', new Set(['EIO', 'ENOSPC'])],
        ['open', new Set(['EIO', 'ENOSPC', 'EMFILE'])],
        ['datasync', new Set(['EIO'])],
      ]),
    );
    files.clearFaults();
    await file.datasync();
  });

  it('is full when it is full, and counts anew after a power cut', async () => {
    files = new FaultyFileSystem({ random: new SeededRandom(1), totalBytes: 3 * CACHE_PAGE_BYTES });
    const file = await files.open('/file', 'create');
    await files.syncDirectory('/');
    await file.write(page('a'), 0);
    await file.datasync();
    await file.write(page('b'), CACHE_PAGE_BYTES);
    await expect(file.write(Buffer.alloc(2 * CACHE_PAGE_BYTES, 'c'), 2 * CACHE_PAGE_BYTES)).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    expect(await file.sizeBytes()).toBe(3 * CACHE_PAGE_BYTES);
    expect((await files.diskUsage('/')).freeBytes).toBe(0);
    files.crash('power', 0);
    expect((await files.diskUsage('/')).freeBytes).toBe(2 * CACHE_PAGE_BYTES);
  });

  it('takes the same course for the same seed', async () => {
    const courseOf = async (seed: number): Promise<string> => {
      const disk = new FaultyFileSystem({ random: new SeededRandom(seed) });
      disk.setFaults({ errorsPerMille: 100, codes: ['EIO', 'ENOSPC'], maxLatencyTurns: 2 });
      const course: string[] = [];
      for (let i = 0; i < 60; i++) {
        const name = `/f${i % 5}`;
        try {
          const file = await disk.open(name, 'create');
          await file.write(Buffer.from(`${i}`.repeat(300)), i * 100);
          if (i % 3 === 0) await file.datasync();
          if (i % 7 === 0) await disk.syncDirectory('/');
          course.push('ok');
        } catch (error) {
          course.push(String(error));
        }
        if (i % 20 === 19) disk.crash();
      }
      disk.clearFaults();
      for (const name of await disk.list('/')) {
        course.push(`${name} ${(await disk.readFile(`/${name}`))?.toString('hex')}`);
      }
      return course.join('\n');
    };
    expect(await courseOf(7)).toBe(await courseOf(7));
    expect(await courseOf(7)).not.toBe(await courseOf(8));
  });

  it('never loses what was synced, and never makes up what was not written', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), at: fc.nat(3), letter: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.constant({ kind: 'sync' as const }),
      fc.constant({ kind: 'crash' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
        const disk = new FaultyFileSystem({ random: new SeededRandom(seed) });
        let file = await disk.open('/file', 'create');
        await file.truncate(4 * CACHE_PAGE_BYTES);
        await file.datasync();
        await disk.syncDirectory('/');
        const wrong: string[] = [];
        // Of each page, what is on the disk (a torn page holds several letters), and what is on its way there.
        const settled = Array.from({ length: 4 }, () => ['\0']);
        const written = Array.from({ length: 4 }, (): string[] => []);
        for (const next of steps) {
          if (next.kind === 'write') {
            await file.write(page(next.letter), next.at * CACHE_PAGE_BYTES);
            written[next.at]!.push(next.letter);
          } else if (next.kind === 'sync') {
            await file.datasync();
            for (const [index, letters] of written.entries()) {
              const last = letters.pop();
              if (last !== undefined) settled[index] = [last];
              letters.length = 0;
            }
          } else {
            disk.crash();
            const content = (await disk.readFile('/file'))!.toString();
            for (const [index, letters] of written.entries()) {
              const found = new Set(content.slice(index * CACHE_PAGE_BYTES, (index + 1) * CACHE_PAGE_BYTES));
              const possible = [...settled[index]!, ...letters];
              wrong.push(...[...found].filter((letter) => !possible.includes(letter)));
              // What is there now is not on its way any more: it is on the disk.
              settled[index] = [...found];
              letters.length = 0;
            }
            file = await disk.open('/file', 'write');
          }
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
