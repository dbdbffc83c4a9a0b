import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { GOLDEN_FILES, goldenExpectation, unpackGoldenStore, type GoldenVariant } from '../../fixtures/golden-store.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestStore, type TestStore } from '../../support/test-store.js';

/** What the real broker's answers are bounded by (`maxMsgsNumBatch`). */
const MAX_ANSWER = 64;

async function indexFiles(storePath: string): Promise<Buffer[]> {
  const directory = join(storePath, 'index');
  const names = (await readdir(directory)).toSorted();
  return Promise.all(names.map((name) => readFile(join(directory, name))));
}

async function find(store: TestStore, topic: string, key: string): Promise<number[]> {
  const query = { topic, key, maxCount: MAX_ANSWER, beginMs: 0, endMs: Number.MAX_SAFE_INTEGER };
  const offsets = await store.keyIndex!.query(query);
  return offsets.toSorted((a, b) => a - b);
}

describe('the key index of a store that a real Apache RocketMQ broker left behind', () => {
  let directory: TemporaryDirectory;

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });

  afterEach(async () => {
    await directory.remove();
  });

  it.each<GoldenVariant>(['clean', 'killed', 'torn'])(
    'answers every query as the real broker does: %s',
    async (variant) => {
      await unpackGoldenStore(variant, directory.path);
      const { keyQueries } = await goldenExpectation(variant);
      const store = await openTestStore({ path: directory.path, ...GOLDEN_FILES });
      expect(keyQueries.length).toBeGreaterThan(500);
      for (const { topic, key, physicalOffsets } of keyQueries) {
        const once = [...new Set(physicalOffsets)];
        expect({ topic, key, found: await find(store, topic, key) }).toEqual({ topic, key, found: once });
      }
      await store.close();
    },
  );

  it('has the same bytes, file by file, when it is made again from the log', async () => {
    await unpackGoldenStore('clean', directory.path);
    const realFiles = await indexFiles(directory.path);
    await rm(join(directory.path, 'index'), { recursive: true });
    const store = await openTestStore({ path: directory.path, ...GOLDEN_FILES });
    await store.close();
    const ownFiles = await indexFiles(directory.path);
    expect(ownFiles).toHaveLength(4);
    expect(ownFiles.map((bytes) => bytes.toString('hex'))).toEqual(realFiles.map((bytes) => bytes.toString('hex')));
  });

  it('is left as it is by an opening and closing', async () => {
    await unpackGoldenStore('clean', directory.path);
    const realFiles = await indexFiles(directory.path);
    const store = await openTestStore({ path: directory.path, ...GOLDEN_FILES });
    await store.close();
    expect(await indexFiles(directory.path)).toEqual(realFiles);
  });
});
