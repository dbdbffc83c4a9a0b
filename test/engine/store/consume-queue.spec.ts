import { MemoryFileSystem } from '../../../lib/engine/io/index.js';
import { ConsumeQueueSet } from '../../../lib/engine/store/consume-queue-set.js';
import { FilePool } from '../../../lib/engine/store/file-pool.js';

/** Entries of messages of 100 bytes. */
const ENTRIES_PER_FILE = 64;

describe('a consume queue that lets go of what the log has let go of', () => {
  const fileSystem = new MemoryFileSystem();
  const open = async (): Promise<ConsumeQueueSet> => {
    const queues = new ConsumeQueueSet('/queues', ENTRIES_PER_FILE, fileSystem, new FilePool(fileSystem, 4));
    await queues.load(Number.MAX_SAFE_INTEGER, false);
    return queues;
  };

  it.each([5, 2000])(
    'begins with a message, also where a crash had taken the entries of the last ones before it: %i',
    async (next) => {
      const topic = `t${next}`;
      const queue = (await open()).getOrCreate(topic, 0);
      for (let index = 0; index < 3; index++) queue.add(index, index * 100, 100, 0);
      // The entries of those in between were lost, and the part of the log is gone by which they could be made again.
      queue.add(next, 12_549, 100, 0);
      queue.add(next + 1, 12_649, 100, 0);
      await queue.flush();
      expect(queue.minIndex).toBe(0);
      await queue.trim(8192);
      expect(queue.minIndex).toBe(next);
      const again = (await open()).getOrCreate(topic, 0);
      await again.trim(8192);
      expect([again.minIndex, again.maxIndex]).toEqual([next, next + 2]);
    },
  );
});
