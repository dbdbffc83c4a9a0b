import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { StoreLockedError, StoreUnusableError } from '../../../lib/errors/index.js';
import { NodeFileSystem } from '../../../lib/engine/io/index.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

describe('a store that is opened', () => {
  let directory: TemporaryDirectory;
  let opened: TestStore[];

  beforeEach(async () => {
    directory = await temporaryDirectory();
    opened = [];
  });

  afterEach(async () => {
    for (const store of opened) await store.close();
    await directory.remove();
  });

  const at = (name: string): string => join(directory.path, name);
  const open = async (path: string, fileSystem = new NodeFileSystem()): Promise<TestStore> => {
    const store = await openTestStore({ path, fileSystem });
    opened.push(store);
    return store;
  };
  const failureOf = (path: string, fileSystem?: NodeFileSystem): Promise<unknown> =>
    open(path, fileSystem).catch((error: unknown) => error);

  it('belongs to one owner at a time, who is named by path and process', async () => {
    const first = await open(at('a'));
    await first.messages.append(testDraft('x'));
    const failure = await failureOf(at('a'));
    expect(failure).toBeInstanceOf(StoreLockedError);
    expect(failure).toMatchObject({ code: 'STORE_LOCKED', fields: { path: at('a'), ownerPid: process.pid } });
    expect(String(failure)).toContain('which is this one: by another app or broker in it.');
    expect(String(failure)).toContain(`process ${process.pid}`);
    await first.messages.append(testDraft('y'));
    await first.close();
    expect(await bodiesOf(await open(at('a')))).toEqual(['x', 'y']);
  });

  it('is taken over from an owner that has died, whatever its process id stands for now', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await mkdir(at('a'));
    for (const pid of [dead.pid, process.pid]) {
      await writeFile(join(at('a'), 'abort'), String(pid));
      const store = await open(at('a'));
      expect(await readFile(join(at('a'), 'abort'), 'utf8')).toBe(String(process.pid));
      await store.close();
    }
  });

  it('says so when its place, or a part of its path, is a file', async () => {
    await writeFile(at('file'), 'x');
    for (const path of [at('file'), at('file/store')]) {
      const failure = await failureOf(path);
      expect(failure).toBeInstanceOf(StoreUnusableError);
      expect(failure).toMatchObject({ fields: { path, reason: expect.stringContaining('is a file') } });
    }
    expect(await readFile(at('file'), 'utf8')).toBe('x');
  });

  it('says so when a file of it is in the place of a directory', async () => {
    await mkdir(at('a'));
    await writeFile(join(at('a'), 'commitlog'), 'x');
    expect(await failureOf(at('a'))).toMatchObject({ code: 'STORE_UNUSABLE', fields: { path: at('a') } });
  });

  /** Root may do everything, so the operating system's answer is played to it; everybody else gets it from the operating system. */
  it('says so when it may not be written', async () => {
    await mkdir(at('a'));
    await chmod(at('a'), 0o500);
    const failure = await failureOf(at('a'), process.getuid?.() === 0 ? new RefusingFileSystem('EACCES') : undefined);
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect(failure).toMatchObject({
      fields: { path: at('a'), reason: expect.stringContaining('may not read or write') },
      cause: { code: 'EACCES' },
    });
  });

  it('says so when it is mounted read-only', async () => {
    const failure = await failureOf(at('a'), new RefusingFileSystem('EROFS'));
    expect(failure).toMatchObject({
      code: 'STORE_UNUSABLE',
      fields: { path: at('a'), reason: expect.stringContaining('read-only') },
    });
  });
});

class RefusingFileSystem extends NodeFileSystem {
  readonly #code: string;

  constructor(code: string) {
    super();
    this.#code = code;
  }

  override tryLock(path: string): Promise<never> {
    return Promise.reject(Object.assign(new Error(`${this.#code}: open '${path}'`), { code: this.#code }));
  }
}
