import type { FileHandle, PullBatch } from '../../../lib/engine/types/index.js';
import { CountingFileSystem } from '../../support/counting-file-system.js';
import { diskError } from '../../support/hooked-file-system.js';
import { openTestStore, testDraft, type TestStore } from '../../support/test-store.js';

/** A disk on which a place of the log can not be read. */
class BadSectorFileSystem extends CountingFileSystem {
  badOffset = -1;

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<FileHandle> {
    const file = await super.open(path, mode);
    const read = file.read.bind(file);
    file.read = async (target, position) => {
      const isBad = position <= this.badOffset && position + target.byteLength > this.badOffset;
      if (isBad && path.includes('/commitlog/')) throw diskError('EIO');
      return read(target, position);
    };
    return file;
  }
}

const QUEUES = [0, 1, 2, 3];
const MESSAGES_OF_QUEUE = 2000;
const BODY = 'b'.repeat(300);

describe('a backlog that has left the memory', () => {
  let fileSystem: BadSectorFileSystem;
  let store: TestStore;

  const open = (): Promise<TestStore> =>
    openTestStore({
      path: '/store',
      fileSystem,
      mappedFileSizeCommitLogBytes: 64 * 1024 * 1024,
      consumeQueueFileEntries: 300_000,
    });

  beforeEach(async () => {
    fileSystem = new BadSectorFileSystem();
    store = await open();
    await store.topics.ensure('test-topic', QUEUES.length);
    for (let i = 0; i < MESSAGES_OF_QUEUE; i++) {
      await Promise.all(QUEUES.map((queueId) => store.messages.append(testDraft(`${i} ${BODY}`, { queueId }))));
    }
    await store.close();
    store = await open();
    fileSystem.reads.length = 0;
  });

  afterEach(async () => {
    await store.close();
  });

  const pull = (queueId: number, offset: number, maxCount = 256): PullBatch | Promise<PullBatch> =>
    store.messages.pull({ topic: 'test-topic', queueId, offset, maxCount, maxBytes: 1024 * 1024 });

  it('is read in few large pieces, which all queues and many pulls share', async () => {
    const offsets = QUEUES.map(() => 0);
    let pulls = 0;
    let waits = 0;
    while (offsets.some((offset) => offset < MESSAGES_OF_QUEUE)) {
      await Promise.all(
        QUEUES.map(async (queueId) => {
          const answer = pull(queueId, offsets[queueId]!);
          pulls++;
          if (answer instanceof Promise) waits++;
          const { messages, nextOffset } = await answer;
          const numbers = messages.map(({ body }) => Number(body.toString().split(' ', 1)[0]));
          expect(numbers).toEqual(messages.map((_, i) => offsets[queueId]! + i));
          offsets[queueId] = nextOffset;
        }),
      );
    }
    const ofLog = fileSystem.reads.filter((path) => path.includes('/commitlog/'));
    const ofQueues = fileSystem.reads.filter((path) => path.includes('/consumequeue/'));
    // The log has 3.5 MB: 256 KiB, and then 1 MiB each.
    expect(ofLog.length).toBeLessThanOrEqual(6);
    // 1,024 entries each.
    expect(ofQueues.length).toBeLessThanOrEqual(2 * QUEUES.length);
    expect(waits).toBeLessThanOrEqual(pulls * 0.7);
  });

  it('is read once for those that ask at the same time', async () => {
    const batches = await Promise.all(Array.from({ length: 10 }, async () => pull(0, 0, 100)));
    for (const { messages } of batches) expect(messages).toHaveLength(100);
    expect(fileSystem.reads.filter((path) => path.includes('/commitlog/'))).toHaveLength(1);
  });

  it('is read up to a place that the disk can not read, and behind it', async () => {
    const [entry] = await store.messages.entries('test-topic', 0, 40, 1);
    fileSystem.badOffset = entry!.physicalOffset + 10;
    const before = await pull(0, 0, 40);
    expect(before.messages).toHaveLength(40);
    await expect(pull(0, 40)).rejects.toMatchObject({ code: 'EIO' });
    expect((await pull(0, 41)).messages[0]!.queueOffset).toBe(41);
    expect((await pull(1, 0, 100)).messages).toHaveLength(100);
  });

  it('of many queues keeps little of their entries in memory', async () => {
    for (let i = 0; i < 300; i++) {
      await store.messages.append(testDraft('m', { topic: `topic-${i}`, queueId: 0 }));
    }
    await store.close();
    store = await open();
    for (let i = 0; i < 300; i++) {
      await store.messages.pull({ topic: `topic-${i}`, queueId: 0, offset: 0, maxCount: 1, maxBytes: 1024 });
    }
    const isHeld = (i: number): boolean => !(store.messages.entries(`topic-${i}`, 0, 0, 1) instanceof Promise);
    expect(Array.from({ length: 300 }, (_, i) => i).filter(isHeld)).toEqual(
      Array.from({ length: 256 }, (_, i) => 300 - 256 + i),
    );
  });
});
