import { ManualClock, type FaultyFileSystem } from '../../../lib/engine/io/index.js';
import type { EngineLogger } from '../../../lib/engine/types/index.js';
import { change, filesIn, forkOf } from '../../support/damaged-store.js';
import { HookedFileSystem } from '../../support/hooked-file-system.js';
import { bodiesOf, openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

const LOG = '/store/commitlog/00000000000000000000';
const SYNCED = ['one', 'two'];

class WarningLogger implements EngineLogger {
  readonly warnings: string[] = [];
  debug(): void {}
  log(): void {}
  error(): void {}
  warn(message: string): void {
    this.warnings.push(message);
  }
}

describe('a log of which the end is torn', () => {
  let disk: FaultyFileSystem;
  let whole: Buffer;
  /** Where the last two records begin, and where they end. */
  let bounds: readonly [number, number, number];
  let crashed: TestStore;
  const open = (copy: FaultyFileSystem, logger = new WarningLogger()): Promise<TestStore> =>
    openTestStore({ path: '/store', fileSystem: copy, clock: new ManualClock(), logger });

  beforeAll(async () => {
    disk = new HookedFileSystem();
    crashed = await open(disk);
    for (const body of [...SYNCED, 'three', 'four']) await crashed.messages.append(testDraft(body));
    const entries = await crashed.messages.entries('test-topic', 0, 0, 4);
    bounds = [
      entries[2]!.physicalOffset,
      entries[3]!.physicalOffset,
      entries[3]!.physicalOffset + entries[3]!.sizeBytes,
    ];
    whole = (await disk.readFile(LOG))!;
  });

  afterAll(() => crashed.close());

  const expectedOf = (torn: Buffer): string[] => {
    const [third, fourth, end] = bounds;
    if (!torn.subarray(third, fourth).equals(whole.subarray(third, fourth))) return SYNCED;
    return torn.subarray(fourth, end).equals(whole.subarray(fourth, end))
      ? [...SYNCED, 'three', 'four']
      : [...SYNCED, 'three'];
  };

  it.each([
    ['zeros', 0],
    ['garbage', 0xa5],
  ])(
    'keeps all before the cut, and what it cuts off, wherever in the last two records it turns into %s',
    async (_, fill) => {
      const [third, fourth, end] = bounds;
      for (let cutAt = third; cutAt <= end; cutAt++) {
        const copy = forkOf(disk);
        const torn = Buffer.from(whole).fill(fill, cutAt, end);
        await change(copy, LOG, () => torn);
        const logger = new WarningLogger();
        const store = await open(copy, logger);
        const expected = expectedOf(torn);
        expect([cutAt, await bodiesOf(store)]).toEqual([cutAt, expected]);
        const kept = await filesIn(copy, '/store/broken');
        const cutOffset = [...bounds][expected.length - 2]!;
        const cutBytes = withoutTrailingZeros(torn.subarray(cutOffset, end));
        expect(kept).toHaveLength(cutBytes.length > 0 ? 1 : 0);
        if (kept.length > 0) {
          expect(kept[0]).toMatch(new RegExp(`/${String(cutOffset).padStart(20, '0')}-\\d+\\.broken$`));
          expect((await copy.readFile(kept[0]!))?.equals(cutBytes)).toBe(true);
          expect(logger.warnings.join('\n')).toContain(kept[0]);
        }
        await store.messages.append(testDraft('next'));
        await store.close();
        const again = await open(copy);
        expect(await bodiesOf(again)).toEqual([...expected, 'next']);
        await again.close();
      }
      expect(fourth).toBeGreaterThan(third);
    },
  );

  it('cuts nothing off when it is a record of a newer version', async () => {
    const copy = forkOf(disk);
    const [third] = bounds;
    const newer = Buffer.from(whole);
    newer.writeUInt8(0xaf, third + 7);
    await change(copy, LOG, () => newer);
    await expect(open(copy)).rejects.toMatchObject({ code: 'STORE_VERSION', fields: { file: LOG, offset: third } });
    expect((await copy.readFile(LOG))?.equals(newer)).toBe(true);
    expect(await filesIn(copy, '/store/broken')).toEqual([]);
  });
});

function withoutTrailingZeros(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}
