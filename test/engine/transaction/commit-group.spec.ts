import { MemoryFileSystem } from '../../../lib/engine/io/index.js';
import type { FileHandle, RecordDraft, TransactionState } from '../../../lib/engine/types/index.js';
import { draftOf, StoreHarness } from '../delivery/store-harness.js';
import { MemoryOffsetTable } from './memory-offset-table.js';
import { GROUP, TransactionHarness } from './transaction-harness.js';

const OP_TOPIC = 'RMQ_SYS_TRANS_OP_HALF_TOPIC';

/** A disk in memory that counts the syncs of the log, and whose writes to the log can be held up. */
class WatchedFileSystem extends MemoryFileSystem {
  logSyncs = 0;
  #gate: Promise<void> | undefined;
  #openGate: () => void = () => undefined;

  holdWrites(): void {
    this.#gate = new Promise((resolve) => (this.#openGate = resolve));
  }

  releaseWrites(): void {
    this.#openGate();
    this.#gate = undefined;
  }

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    if (!path.includes('/commitlog/')) return file;
    const write = file.write.bind(file);
    const datasync = file.datasync.bind(file);
    file.write = async (source, position) => {
      await this.#gate;
      return write(source, position);
    };
    file.datasync = () => {
      this.logSyncs += 1;
      return datasync();
    };
    return file;
  }
}

const DISK_BYTES = 8 * 1024 * 1024;
/** No room is found for it on a full disk. */
const LARGE: Partial<RecordDraft> = { body: Buffer.alloc(100_000, 'x') };

/** Makes the topic and its first files, so that only what is tested needs room and syncs. */
const FIRST = draftOf('orders', 'first');

const opsOf = async (harness: TransactionHarness): Promise<readonly string[]> => harness.visible(OP_TOPIC);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the message of a commit and its op message', () => {
  let files: WatchedFileSystem;
  let harness: TransactionHarness;

  beforeEach(async () => {
    files = new WatchedFileSystem({ totalBytes: DISK_BYTES });
    harness = await TransactionHarness.open({ fileSystem: files });
    await harness.store.append(FIRST);
  });

  afterEach(async () => {
    files.releaseWrites();
    await harness.close();
  });

  it('share one sync, so a transaction waits for two', async () => {
    files.logSyncs = 0;
    await harness.prepare('T1');
    expect(files.logSyncs).toBe(1);
    await harness.service.end('T1', 'COMMIT');
    expect(files.logSyncs).toBe(2);
    expect(await opsOf(harness)).toEqual(['0,']);
  });

  it('share one sync with those of a check-back', async () => {
    await harness.prepareUnknown('T1');
    let syncsWhenAsked = 0;
    harness.answer(() => {
      syncsWhenAsked = files.logSyncs;
      return 'COMMIT';
    });
    await harness.advance(6000);
    expect(await harness.visible()).toContain('T1');
    expect(files.logSyncs).toBe(syncsWhenAsked + 1);
  });

  it('share a group whenever the commit comes, among other messages and while another group is on its way', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `T${i}`);
    await Promise.all(ids.map((id) => harness.prepare(id)));
    for (const [i, id] of ids.entries()) {
      files.holdWrites();
      const writes: Promise<unknown>[] = [harness.store.append(draftOf('orders', `before ${i}`))];
      for (let turns = i % 3; turns > 0; turns--) await turn();
      files.logSyncs = 0;
      writes.push(harness.service.end(id, 'COMMIT'));
      writes.push(harness.store.append(draftOf('orders', `after ${i}`)));
      await turn();
      files.releaseWrites();
      await Promise.all(writes);
      // One of the group that was on its way, if there was one, and one of the group of the commit.
      expect(files.logSyncs).toBeLessThanOrEqual(2);
      expect(await opsOf(harness)).toHaveLength(i + 1);
    }
  });

  it('are both seen when the commit ends, and neither before', async () => {
    await harness.prepare('T1');
    files.holdWrites();
    let ended = false;
    const ending = harness.service.end('T1', 'COMMIT').then(() => (ended = true));
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(ended).toBe(false);
    expect(await harness.visible()).not.toContain('T1');
    expect(await opsOf(harness)).toEqual([]);
    files.releaseWrites();
    await ending;
    expect(await harness.visible()).toContain('T1');
    expect(await opsOf(harness)).toEqual(['0,']);
  });

  it('are in this order, too, when the topic has to be made anew for the message', async () => {
    await harness.prepare('T1', { topic: 'new-topic' });
    await harness.prepare('T2');
    await Promise.all([harness.service.end('T1', 'COMMIT'), harness.service.end('T2', 'ROLLBACK')]);
    const [message] = await harness.store.read('new-topic');
    const ops = await harness.store.read(OP_TOPIC);
    const op = ops.find((record) => record.body.toString().includes('0,'));
    expect(op!.commitLogOffset).toBeGreaterThan(message!.commitLogOffset);
  });
});

describe('a group of decisions that could not be written', () => {
  let files: WatchedFileSystem;
  let harness: TransactionHarness;

  beforeEach(async () => {
    files = new WatchedFileSystem({ totalBytes: DISK_BYTES });
    harness = await TransactionHarness.open({ fileSystem: files });
    await harness.store.append(FIRST);
  });

  afterEach(() => harness.close());

  it('leaves its commits undecided, keeps its rollbacks, and each commit can be made again', async () => {
    await harness.prepare('T0', LARGE);
    await harness.prepare('T1');
    await harness.prepare('T2');
    const freeRoom = await harness.store.fillDisk();
    const ends = await Promise.allSettled([
      harness.service.end('T0', 'COMMIT'),
      harness.service.end('T1', 'COMMIT'),
      harness.service.end('T2', 'ROLLBACK'),
    ]);
    const diskFull = { status: 'rejected', reason: expect.objectContaining({ code: 'DISK_FULL' }) };
    expect(ends).toEqual([diskFull, diskFull, diskFull]);
    expect(harness.pendingIds().toSorted()).toEqual(['T0', 'T1']);
    await freeRoom();

    // The op message of the rollback is tried again, and takes along nothing of the commits.
    await harness.advance(1000);
    expect(await opsOf(harness)).toEqual(['2,']);
    const survivor = await harness.crashed();
    expect(survivor.pendingIds()).toEqual(['T0', 'T1']);
    await survivor.close();

    await harness.service.end('T1', 'COMMIT');
    await harness.service.end('T0', 'COMMIT');
    expect(await harness.visible()).toEqual(['first', 'T1', LARGE.body!.toString()]);
    expect(await opsOf(harness)).toEqual(['2,', '1,', '0,']);
    expect(harness.pendingIds()).toEqual([]);
  });

  it('takes along the commits that have gathered behind it, and none of their op messages is written', async () => {
    await harness.prepare('T1');
    files.holdWrites();
    const freeRoom = await harness.store.fillDisk();
    const failing = harness.store.append(draftOf('orders', LARGE.body!.toString())).catch((error: unknown) => error);
    await turn();
    await turn();
    const ending = harness.service.end('T1', 'COMMIT').catch((error: unknown) => error);
    await turn();
    files.releaseWrites();
    expect(await failing).toMatchObject({ code: 'DISK_FULL' });
    expect(await ending).toMatchObject({ code: 'DISK_FULL' });
    await freeRoom();
    await harness.store.append(draftOf('orders', 'next'));
    await harness.advance(1000);
    expect(await opsOf(harness)).toEqual([]);
    expect(harness.pendingIds()).toEqual(['T1']);
    await harness.service.end('T1', 'COMMIT');
    expect(await harness.visible()).toEqual(['first', 'next', 'T1']);
  });

  it('leaves no op message behind that waited for room in the memory of the log', async () => {
    await harness.prepare('T1');
    await harness.prepare('T2');
    const freeRoom = await harness.store.fillDisk();
    files.holdWrites();
    const writes: Promise<unknown>[] = [harness.store.append(draftOf('orders', LARGE.body!.toString()))];
    await turn();
    await turn();
    writes.push(harness.service.end('T1', 'COMMIT'));
    await turn();
    // From here on the log takes nothing more before it has written.
    for (let i = 0; i < 5; i++) writes.push(harness.store.append(draftOf('orders', 'x'.repeat(1_000_000))));
    const rollback = harness.service.end('T2', 'ROLLBACK').catch(() => undefined);
    await turn();
    await turn();
    const ends = Promise.allSettled(writes);
    files.releaseWrites();
    const [failing, ending] = await ends;
    expect(failing!.status).toBe('rejected');
    expect(ending!.status).toBe('rejected');
    await freeRoom();
    await harness.advance(1000);
    await rollback;
    expect(await opsOf(harness)).toEqual(['1,']);
    expect(harness.pendingIds()).toEqual(['T1']);
    await harness.service.end('T1', 'COMMIT');
    expect(await harness.visible()).toContain('T1');
  });

  it('of a check-back is asked about again, and committed once', async () => {
    await harness.prepareUnknown('T1', LARGE);
    let freeRoom: (() => Promise<void>) | undefined;
    const { asked } = harness.answer(async (): Promise<TransactionState> => {
      freeRoom ??= await harness.store.fillDisk();
      return 'COMMIT';
    });
    await harness.advance(6000);
    expect(asked).toHaveLength(1);
    expect(harness.pendingIds()).toEqual(['T1']);
    // Nothing is decided, so no decision is tried again.
    expect(harness.store.logger.errors).toEqual([expect.stringMatching(/check-back of transaction T1 failed/)]);
    expect(await harness.visible()).toEqual(['first']);
    await freeRoom!();
    await harness.advance(30_000);
    expect(asked).toHaveLength(2);
    expect(await harness.visible()).toEqual(['first', LARGE.body!.toString()]);
    expect(harness.pendingIds()).toEqual([]);
  });
});

describe('an op message that is refused by itself', () => {
  it('is not written later when the message of its commit is lost', async () => {
    const store = await StoreHarness.open({ diskBytes: DISK_BYTES });
    let refused = true;
    store.refuseAppends((draft) => refused && draft.topic === OP_TOPIC);
    const harness = await TransactionHarness.open({}, store, new MemoryOffsetTable());
    await store.append(FIRST);
    await harness.service.prepare({ ...draftOf('orders', 'x', { UNIQ_KEY: 'T1' }), ...LARGE }, GROUP);
    const freeRoom = await store.fillDisk();
    await expect(harness.service.end('T1', 'COMMIT')).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(harness.pendingIds()).toEqual(['T1']);
    await freeRoom();
    refused = false;
    await harness.advance(1000);
    expect(await opsOf(harness)).toEqual([]);
    await harness.service.end('T1', 'COMMIT');
    expect(await harness.visible()).toEqual(['first', LARGE.body!.toString()]);
    expect(await opsOf(harness)).toEqual(['0,']);
    await harness.close();
  });
});
